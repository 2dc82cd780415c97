//! How fast the server is, as its clients see it: the real binary, real TLS, one client on the same machine.
//!
//! `cargo xtask bench api` runs it; each line is `BENCH <name> <figure> <unit> budget <figure>`.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use proto::api_client::ApiClient;
use proto::{VqlCollectorArgs, VqlRequest};
use serve::config::ApiClient as ClientConfig;

const BINARY: &str = env!("CARGO_BIN_EXE_harrier");

/// A running server, stopped when dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    /// Starts it and waits until it says that it listens.
    fn start(dir: &Path) -> Self {
        let listen = dir.join("run/listen.json");
        let _ = fs::remove_file(&listen);
        let child = Command::new(BINARY)
            .args(["server", "--fleet-listen", "off", "--api-listen", "127.0.0.1:0", "--data-dir"])
            .arg(dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let server = Server(child);
        while !listen.exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
        server
    }

    /// Resident memory in MB.
    fn memory(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).expect("the process lives");
        let line = status.lines().find(|l| l.starts_with("VmRSS:")).expect("VmRSS is given");
        let kb: f64 = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("VmRSS is a number");
        kb / 1024.0
    }
}

/// The file of a client of the server running in `dir`.
fn client(dir: &Path) -> ClientConfig {
    let output = Command::new(BINARY)
        .arg("--config")
        .arg(dir.join("server.config.yaml"))
        .args(["config", "api_client", "--name", "bench"])
        .stderr(Stdio::null())
        .output()
        .expect("a client is issued");
    let mut client = ClientConfig::parse(&String::from_utf8_lossy(&output.stdout)).expect("the file is read");
    let listen = fs::read_to_string(dir.join("run/listen.json")).expect("listen.json is there");
    let listen: serde_json::Value = serde_json::from_str(&listen).expect("listen.json is JSON");
    client.api_connection_string = listen["api"].as_str().expect("the address is text").to_owned();
    client
}

/// Runs a query and counts its rows.
async fn rows(client: &ClientConfig, vql: &str) -> u64 {
    let channel = serve::channel::connect(client).await.expect("the client connects");
    let mut api = ApiClient::new(channel);
    let request = VqlCollectorArgs {
        query: vec![VqlRequest { name: "bench".into(), vql: vql.into() }],
        max_row: 1000,
        ..VqlCollectorArgs::default()
    };
    let mut stream = api.query(request).await.expect("the query is accepted").into_inner();
    let mut rows = 0;
    while let Some(packet) = stream.message().await.expect("the stream ends well") {
        rows += packet.total_rows;
    }
    rows
}

fn main() {
    let dir = tempfile::tempdir().expect("a temporary directory is made");
    drop(Server::start(dir.path()));
    let started = Instant::now();
    let server = Server::start(dir.path());
    println!("BENCH start-up {:.0} ms budget 300", started.elapsed().as_secs_f64() * 1e3);
    std::thread::sleep(Duration::from_secs(1));
    println!("BENCH idle-memory {:.0} MB budget 60", server.memory());
    let client = client(dir.path());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime is made");
    runtime.block_on(async {
        let vql = "SELECT _value AS x, _value * 2 AS y FROM range(end=1000000)";
        let mut best = f64::INFINITY;
        for _ in 0..3 {
            let started = Instant::now();
            assert_eq!(rows(&client, vql).await, 1_000_000);
            best = best.min(started.elapsed().as_secs_f64());
        }
        println!("BENCH api-stream {:.0} rows/s budget 300000", 1e6 / best);
        connections(&client, 200).await;
    });
}

/// So many connections at the same time, each with a query that waits until all are there.
async fn connections(client: &ClientConfig, count: usize) {
    let started = Instant::now();
    let vql = "SELECT Unix FROM clock(ms=3000) LIMIT 1";
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { rows(&client, vql).await })
        })
        .collect();
    let mut answered = 0;
    for task in tasks {
        answered += task.await.expect("the client ends well");
    }
    let seconds = started.elapsed().as_secs_f64() - 3.0;
    println!("BENCH connections-answered {answered} connections/s budget {count}");
    println!("BENCH connections-overhead {:.0} ms budget 5000", seconds * 1e3);
}
