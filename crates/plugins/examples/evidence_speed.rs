//! How fast files are hashed, scanned and parsed.
//!
//! `cargo xtask bench evidence_speed` runs it; each line is `BENCH <name> <figure> <unit> budget <figure>`.

use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use plugins::host::QueryHost;
use plugins::world::World;
use vql::call::{Flow, Sink};
use vql::cancel::Cancel;
use vql::permission::Permissions;
use vql::registry::Registry;
use vql::scope::Context;
use vql::session::{Program, Session};
use vql::value::{Row, Value};

/// Bytes of the file that is hashed and scanned.
const SIZE: usize = 64 << 20;

/// Counts rows.
#[derive(Default)]
struct Count(u64);

impl Sink for Count {
    fn row(&mut self, _row: &mut Row) -> Flow {
        self.0 += 1;
        Ok(())
    }

    fn value(&mut self, _value: Value) -> Flow {
        self.0 += 1;
        Ok(())
    }
}

/// The best of five runs, in seconds, and the rows of one.
fn run(source: &str) -> (f64, u64) {
    let registry: Arc<Registry> = plugins::registry().into();
    let program = Program::compile(source, &registry).expect("the query is well formed");
    let (mut best, mut rows) = (f64::INFINITY, 0);
    for _ in 0..5 {
        let host = QueryHost::new(Arc::new(World::of_process()), Box::new(|_, line| eprintln!("{line}")));
        let context = Context::new(registry.clone(), Arc::new(host), Permissions::all());
        let session = Session::new(context.into(), Row::default(), Cancel::new());
        let mut count = Count::default();
        let start = Instant::now();
        for statement in &program.statements {
            let _ = session.run(statement, &mut count);
        }
        best = best.min(start.elapsed().as_secs_f64());
        rows = count.0;
    }
    (best, rows)
}

/// Letters in no order, so that nothing is compressed or skipped.
fn large_file() -> tempfile::NamedTempFile {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12345);
        b'a' + ((state >> 16) % 26) as u8
    };
    let bytes: Vec<u8> = (0..SIZE).map(|_| next()).collect();
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file is made");
    file.write_all(&bytes).expect("it is written");
    file
}

fn main() {
    let file = large_file();
    let path = file.path().display();
    let megabytes = SIZE as f64 / 1e6;
    let (seconds, _) = run(&format!("SELECT hash(path='{path}') FROM scope()"));
    println!("BENCH hash {:.0} MB/s budget 320", megabytes / seconds);
    let rules: String = (0..100)
        .map(|i| format!("rule R{i} {{ strings: $a = \"needle number {i}\" nocase $b = {{ 4d 5a ?? {i:02} }} condition: any of them }}"))
        .collect::<Vec<_>>()
        .join("\n");
    let (seconds, rows) = run(&format!("SELECT Rule FROM yara(rules='{rules}', files='{path}')"));
    assert_eq!(rows, 0, "nothing is found");
    println!("BENCH yara-100-rules {:.0} MB/s budget 100", megabytes / seconds);
    let log = concat!(env!("CARGO_MANIFEST_DIR"), "/../forensics/src/testdata/Security_short_selected.evtx");
    let query = format!(
        "SELECT * FROM foreach(row={{ SELECT * FROM range(end=1000) }}, query={{ SELECT * FROM parse_evtx(filename='{log}') }})"
    );
    let (seconds, rows) = run(&query);
    assert_eq!(rows, 7000, "every event is found");
    println!("BENCH parse-evtx {:.0} events/s budget 20000", rows as f64 / seconds);
}
