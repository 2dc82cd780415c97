//! How fast results of scheduled queries are stored, found again for one host out of many, and handed on to files.
//!
//! `cargo run --release -p fleet --example results_speed`; each figure is a line `BENCH <name> <figure> <unit> budget <figure>`.
//! TMPDIR says which disk is measured.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use fleet::forward::{Destination, Forwarders};
use store::event::{Most, Retention, Row};
use store::result_log::{Choice, Log, ResultLog, encode};
use tokio::sync::oneshot;

const HOSTS: u64 = 10_000;
/// Of one request.
const LINES: u64 = 20;
/// About 300 MB.
const ROWS: u64 = 1_000_000;
const AGENTS: u64 = 50;
const PAGE: Most = Most { rows: 100, bytes: 8 << 20, looked: usize::MAX };
const PAGES: u32 = 200;

fn row(host: u64, number: u64) -> Row {
    let (query, id) = (number % 40, number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let line = format!(
        "{{\"name\":\"pack/inventory/query_{query}\",\"hostIdentifier\":\"host-{host}.example.org\",\
         \"calendarTime\":\"Sat Mar  2 10:11:12 2024 UTC\",\"unixTime\":1709374272,\"epoch\":0,\"counter\":{number},\
         \"columns\":{{\"pid\":\"{id}\",\"path\":\"/usr/bin/program-{query}\"}},\"action\":\"added\"}}"
    );
    encode(host as u32, 1_790_000_000_000_000 + number as i64, &line).expect("the line is short")
}

fn main() {
    let dir = tempfile::tempdir().expect("a temporary directory is made");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let open = || {
        Arc::new(ResultLog::open(dir.path().join("results"), Retention::default()).expect("the log opens"))
    };
    let results = open();
    let files = Destination::files(dir.path().join("logs"));
    let forwarders = Forwarders::start(&[files], dir.path(), &results).expect("the destination starts");
    let started = Instant::now();
    runtime.block_on(append(&results));
    println!("BENCH results-append {:.0} rows/s budget 50000", ROWS as f64 / started.elapsed().as_secs_f64());
    while forwarders.progress.iter().all(|progress| progress.delivered.load(Ordering::Relaxed) < ROWS) {
        std::thread::sleep(Duration::from_millis(5));
    }
    println!(
        "BENCH results-forward {:.0} rows/s budget 30000",
        ROWS as f64 / started.elapsed().as_secs_f64()
    );
    runtime.block_on(forwarders.stop());
    sealed(dir.path());
    read(&results);
}

/// Many agents at once; each waits until its lines are on disk.
async fn append(results: &Arc<ResultLog>) {
    let agents = (0..AGENTS).map(|agent| {
        let results = results.clone();
        tokio::spawn(async move {
            for request in 0..ROWS / LINES / AGENTS {
                let number = (request * AGENTS + agent) * LINES;
                let host = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) % HOSTS;
                let rows = (number..number + LINES).map(|number| row(host, number)).collect();
                let (done, wait) = oneshot::channel();
                let append = results.append(Log::Result, rows, move |result| drop(done.send(result)));
                append.expect("the writer runs");
                wait.await.expect("the writer answers").expect("the rows are stored");
            }
        })
    });
    for agent in agents.collect::<Vec<_>>() {
        agent.await.expect("the agent is done");
    }
}

/// Waits for the background, so that the index is measured and not the luck of the moment.
fn sealed(dir: &Path) {
    let plain = || {
        let entries = std::fs::read_dir(dir.join("results/result")).expect("the log is there");
        entries
            .filter(|entry| {
                entry.as_ref().is_ok_and(|e| e.path().extension().is_some_and(|kind| kind == "jsonl"))
            })
            .count()
    };
    while plain() > 1 {
        std::thread::sleep(Duration::from_millis(20));
    }
    let size = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.and_then(|entry| entry.metadata()).map_or(0, |meta| meta.len())
    };
    let bytes: u64 = std::fs::read_dir(dir.join("results/result")).expect("the log is there").map(size).sum();
    println!("BENCH results-disk {:.1} bytes/row budget 120", bytes as f64 / ROWS as f64);
}

fn read(results: &ResultLog) {
    let time = |name: &str, budget: u32, choice: &dyn Fn(u32) -> Choice| {
        let (started, mut looked, mut rows) = (Instant::now(), 0, 0);
        for page in 0..PAGES {
            let found = results.page(Log::Result, &choice(page), None, PAGE).expect("the page is read");
            (looked, rows) = (looked + found.looked, rows + found.rows.len());
        }
        assert!(rows > 0, "{name} finds rows");
        let each = started.elapsed().as_secs_f64() * 1e3 / f64::from(PAGES);
        eprintln!(
            "{name}: {rows} rows of {} kB that were looked through, by page",
            looked / 1000 / PAGES as usize
        );
        println!("BENCH {name} {each:.2} ms budget {budget}");
    };
    let host = |page: u32| Some(page.wrapping_mul(7919) % HOSTS as u32 / 20 * 20);
    time("results-page-host", 100, &|page| Choice { host: host(page), ..Choice::default() });
    let names = |page: u32| vec![format!("query_{}", page % 40)];
    time("results-page-host-query", 100, &|page| Choice {
        host: host(page),
        names: names(page),
        ..Choice::default()
    });
    time("results-page-query", 50, &|page| Choice { names: names(page), ..Choice::default() });
}
