//! How fast the sandbox is: restoring, whole analyses over the REST API, calls, uploads. Clients and machines share this host.
//!
//! `cargo xtask bench sandbox_speed` runs it, with the guest that `cargo xtask test rust` has built; each line is
//! `BENCH <name> <figure> <unit> budget <figure>`. A word (restore, analyses, calls, upload) measures that alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Client};
use sandbox::analysis::Detonator;
use sandbox::machine::{self, Qemu, Spec};
use sandbox::pool::{Machine, Pool};
use sandbox::scheduler::Analyst;
use sandbox::{Sandbox, Settings, processor, scheduler};
use serde_json::Value as Json;
use serve::listener::{Limits, Listener};
use serve::shutdown::CancellationToken;
use store::db::{Db, Location};

const GUEST: &str = "test";
const MACHINES: u32 = 4;
const RESTORES: usize = 11;
const FLOOD: Duration = Duration::from_secs(40);
const CALLERS: usize = 32;
const CALLS_LAST: Duration = Duration::from_secs(5);
const UPLOAD: u64 = 1 << 30;
const SAMPLE: &str = "#!/bin/sh\nsleep 1\necho done > /tmp/result\n";

fn main() {
    // Guests' networks are processes of this program.
    if std::env::args().nth(1).as_deref() == Some("internet") {
        return sandbox::internet::run().expect("a network for a guest");
    }
    tokio::runtime::Runtime::new().expect("a runtime").block_on(measure());
}

async fn measure() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let dir = guests();
    let qemu = match Qemu::open(&dir, &machine::Settings::default()) {
        Ok(qemu) if qemu.guests().get(GUEST).is_ok() => qemu,
        Ok(_) => return eprintln!("not run: `cargo xtask test rust` builds the guest"),
        Err(error) => return eprintln!("not run: {error}"),
    };
    let only = std::env::args().nth(1);
    let is_asked = |name| only.as_deref().is_none_or(|only| only == name);
    if is_asked("restore") {
        restores(&qemu).await;
    }
    let bench = Bench::start(qemu).await;
    if is_asked("analyses") {
        bench.one().await;
        bench.flood().await;
    }
    if is_asked("calls") {
        bench.calls().await;
    }
    if is_asked("upload") {
        bench.upload().await;
    }
    bench.stop.cancel();
}

fn guests() -> PathBuf {
    // target/release/examples/sandbox_speed
    let own = std::env::current_exe().unwrap_or_default();
    own.ancestors().nth(3).unwrap_or(Path::new("target")).join("sandbox-tests")
}

async fn restores(qemu: &Qemu) {
    qemu.template(GUEST).await.expect("a template");
    let mut times = Vec::new();
    for _ in 0..RESTORES {
        let guest = qemu.restore(&Spec::new(GUEST)).await.expect("a guest");
        times.push(guest.timings().answered);
        guest.stop().await.expect("the guest stops");
    }
    times.sort();
    println!("BENCH sandbox_restore {:.3} s budget 0.25", times[RESTORES / 2].as_secs_f64());
}

struct Bench {
    http: Client,
    root: String,
    stop: CancellationToken,
    _dir: tempfile::TempDir,
}

impl Bench {
    async fn start(qemu: Qemu) -> Self {
        let dir = tempfile::tempdir_in(guests()).expect("a folder");
        let db =
            Db::open(&Location::Sqlite(dir.path().join("harrier.db"))).await.expect("the database opens");
        let settings = Settings { free_space: 0, ..Settings::in_dir(dir.path().to_owned()) };
        let machine = |number| Machine {
            label: GUEST.into(),
            ..Machine::new(&format!("{GUEST}{number}"), "linux", &[])
        };
        let sandbox =
            Sandbox::open(db, settings, Pool::new((1..=MACHINES).map(machine).collect())).expect("folders");
        let listener = Listener::bind("127.0.0.1:0".parse().expect("an address"), Limits::default())
            .await
            .expect("a port");
        let root = format!("http://{}", listener.local_addr().expect("an address"));
        let stop = CancellationToken::new();
        tokio::spawn(processor::run(sandbox.clone(), stop.clone()));
        let analyst = Detonator::new(qemu) as Arc<dyn Analyst>;
        tokio::spawn(scheduler::run(sandbox.clone(), analyst, stop.clone()));
        tokio::spawn(sandbox::serve(sandbox, listener.incoming(None), stop.clone().cancelled_owned()));
        Self { http: Client::new(), root, stop, _dir: dir }
    }

    async fn json(&self, path: &str) -> Json {
        let answer = self.http.get(format!("{}/{path}", self.root)).send().await.expect("an answer");
        serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON")
    }

    async fn submit(&self) -> u64 {
        let form = Form::new().part("file", Part::text(SAMPLE).file_name("sample.sh"));
        let sent = self.http.post(format!("{}/tasks/create/file", self.root)).multipart(form).send();
        let answer: Json =
            serde_json::from_slice(&sent.await.expect("an answer").bytes().await.expect("a body"))
                .expect("JSON");
        answer["task_id"].as_u64().expect("a task")
    }

    async fn reported(&self) -> u64 {
        self.json("cuckoo/status").await["tasks"]["reported"].as_u64().expect("a number")
    }

    async fn end(&self, task: u64) {
        while self.json(&format!("tasks/view/{task}")).await["task"]["status"] != "reported" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn one(&self) {
        let begun = Instant::now();
        let task = self.submit().await;
        self.end(task).await;
        println!("BENCH sandbox_one_second_sample {:.2} s budget 5", begun.elapsed().as_secs_f64());
    }

    async fn flood(&self) {
        let before = self.reported().await;
        for _ in 0..200 {
            self.submit().await;
        }
        let begun = Instant::now();
        tokio::time::sleep(FLOOD).await;
        let done = self.reported().await - before;
        let per_minute = done as f64 * 60.0 / begun.elapsed().as_secs_f64();
        println!("BENCH sandbox_analyses {per_minute:.0} analyses/min budget 60");
        for task in self.json("tasks/list?status=pending").await["tasks"].as_array().into_iter().flatten() {
            self.json(&format!("tasks/delete/{}", task["id"])).await;
        }
        while self.json("cuckoo/status").await["tasks"]["running"] != 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn calls(&self) {
        let task = self.submit().await;
        self.end(task).await;
        let (count, end) = (Arc::new(AtomicU64::new(0)), Instant::now() + CALLS_LAST);
        let caller = |_| {
            let (http, url, count) =
                (Client::new(), format!("{}/tasks/view/{task}", self.root), count.clone());
            tokio::spawn(async move {
                while Instant::now() < end {
                    let answer = http.get(&url).send().await.expect("an answer");
                    assert!(answer.status().is_success());
                    answer.bytes().await.expect("a body");
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
        };
        for caller in (0..CALLERS).map(caller).collect::<Vec<_>>() {
            caller.await.expect("a caller ends");
        }
        let per_second = count.load(Ordering::Relaxed) as f64 / CALLS_LAST.as_secs_f64();
        println!("BENCH sandbox_task_views {per_second:.0} calls/s budget 3000");
    }

    async fn upload(&self) {
        let piece = bytes::Bytes::from(vec![0x5a; 1 << 20]);
        let pieces =
            futures_util::stream::iter(0..UPLOAD >> 20).map(move |_| Ok::<_, std::io::Error>(piece.clone()));
        let part = Part::stream_with_length(Body::wrap_stream(pieces), UPLOAD).file_name("large.bin");
        let before = resident();
        let begun = Instant::now();
        let sent = self
            .http
            .post(format!("{}/tasks/create/file", self.root))
            .multipart(Form::new().part("file", part));
        assert!(sent.send().await.expect("an answer").status().is_success());
        let seconds = begun.elapsed().as_secs_f64();
        println!("BENCH sandbox_upload {:.0} MB/s budget 100", UPLOAD as f64 / 1e6 / seconds);
        println!("BENCH sandbox_upload_memory {} MB budget 64", resident().saturating_sub(before) >> 10);
    }
}

/// The most memory that this process has had, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse().ok()).unwrap_or(0)
}
