//! How fast event rows are stored by many writers at once, sealed, and read back.
//!
//! `cargo run --release -p store --example event_speed`; each figure is a line
//! `BENCH <name> <figure> <unit> budget <figure>`. TMPDIR says which disk is measured.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use store::event::{EventStore, Period, Position, Retention, Row};

const WRITERS: u64 = 64;
const ROWS: u64 = 40_000;
/// Rows that are read back, about 250 MB: several segments.
const BULK: u64 = 1_000_000;
/// Between rows that are sought.
const STRIDE: usize = 9973;

fn row(number: u64) -> Row {
    let (user, id, time) =
        (number % 97, number.wrapping_mul(0x9e37_79b9_7f4a_7c15), 1_700_000_000 + number / 100);
    format!(
        "{{\"EventID\":{number},\"Computer\":\"host-{user}\",\"User\":\"user{user}\",\
         \"Image\":\"C:\\\\Windows\\\\System32\\\\svchost.exe\",\
         \"CommandLine\":\"svchost.exe -k netsvcs -p -s {id}\",\"_ts\":{time},\"_Sender\":\"fred\"}}"
    )
    .into_bytes()
    .into()
}

fn main() {
    let dir = tempfile::tempdir().expect("a temporary directory is made");
    let store = EventStore::open(dir.path().to_owned(), Retention::default()).expect("the store is opened");
    append(&store);
    fill(&store, dir.path());
    read(&store);
    seek(&store);
}

/// One row after another from many threads; each waits until its row is on disk.
fn append(store: &EventStore) {
    let next = AtomicU64::new(0);
    let started = Instant::now();
    let write = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= ROWS {
                return;
            }
            store.append("Bench.Append", vec![row(number)]).expect("the row is stored");
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(write);
        }
    });
    println!("BENCH event-append {:.0} rows/s budget 5000", ROWS as f64 / started.elapsed().as_secs_f64());
}

/// Large batches, until all but the last segment are sealed.
fn fill(store: &EventStore, dir: &Path) {
    let started = Instant::now();
    for start in (0..BULK).step_by(10_000) {
        store.append("Bench.Read", (start..start + 10_000).map(row).collect()).expect("the rows are stored");
    }
    let is_plain = |path: &Path| path.extension().is_some_and(|extension| extension == "jsonl");
    let plain = || {
        let files = std::fs::read_dir(dir.join("Bench.Read")).expect("the queue has files");
        files.filter(|file| file.as_ref().is_ok_and(|file| is_plain(&file.path()))).count()
    };
    while plain() > 1 {
        std::thread::sleep(Duration::from_millis(5));
    }
    println!("BENCH event-seal {:.0} rows/s budget 200000", BULK as f64 / started.elapsed().as_secs_f64());
}

fn read(store: &EventStore) {
    let started = Instant::now();
    let rows = store.read("Bench.Read", &Position::Oldest, Period::ALWAYS).expect("the queue is read");
    assert_eq!(rows.filter(Result::is_ok).count() as u64, BULK);
    println!("BENCH event-read {:.0} rows/s budget 500000", BULK as f64 / started.elapsed().as_secs_f64());
}

fn seek(store: &EventStore) {
    let started = Instant::now();
    for number in (1..BULK).step_by(STRIDE) {
        let from = Position::Row(number);
        let mut rows = store.read("Bench.Read", &from, Period::ALWAYS).expect("the queue is read");
        assert!(rows.next().is_some_and(|found| found.is_ok_and(|(found, _)| found == number)));
    }
    let count = (1..BULK).step_by(STRIDE).count() as f64;
    println!("BENCH event-seek {:.1} ms budget 20", started.elapsed().as_secs_f64() * 1e3 / count);
}
