//! How many entries a second `glob()` finds, next to `find` on the same tree, which both have walked before.
//!
//! `cargo run --release -p plugins --example glob_speed -- /usr`

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use plugins::host::QueryHost;
use plugins::world::World;
use vql::call::{Flow, Sink};
use vql::cancel::Cancel;
use vql::json::{self, JsonOptions};
use vql::permission::Permissions;
use vql::registry::Registry;
use vql::scope::Context;
use vql::session::{Program, Session};
use vql::value::{Row, Value};

// What the server allocates with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Counts rows and writes each as JSON.
#[derive(Default)]
struct Count {
    rows: u64,
    json: Vec<u8>,
}

impl Sink for Count {
    fn row(&mut self, row: &mut Row) -> Flow {
        self.rows += 1;
        self.json.clear();
        json::write_row(row, &mut self.json, &JsonOptions::default());
        Ok(())
    }

    fn value(&mut self, _value: Value) -> Flow {
        self.rows += 1;
        Ok(())
    }
}

fn query(source: &str) -> u64 {
    let registry: Arc<Registry> = plugins::registry().into();
    let host = QueryHost::new(Arc::new(World::of_process()), Box::new(|_, _| {}));
    let context = Context::new(registry.clone(), Arc::new(host), Permissions::all());
    let session = Session::new(context.into(), Row::default(), Cancel::new());
    let program = Program::compile(source, &registry).expect("the query is well formed");
    let mut count = Count::default();
    for statement in &program.statements {
        let _ = session.run(statement, &mut count);
    }
    count.rows
}

/// The fastest of several runs of each, and how many entries it saw. The runs take turns, so that what else the machine
/// does hits all of them.
fn fastest(works: &[&dyn Fn() -> u64]) -> Vec<(Duration, u64)> {
    let mut best = vec![(Duration::MAX, 0); works.len()];
    for _ in 0..RUNS {
        for (work, best) in works.iter().zip(&mut best) {
            let start = Instant::now();
            let count = work();
            *best = (best.0.min(start.elapsed()), count);
        }
    }
    best
}

const RUNS: u32 = 15;

fn report(what: &str, (best, count): (Duration, u64)) {
    let speed = count as f64 / best.as_secs_f64();
    println!("{what:90} {count:>9} entries {:>8.1} ms {speed:>12.0} entries/s", best.as_secs_f64() * 1e3);
}

/// How many entries `find` prints, the start left out.
fn find(root: &str) -> u64 {
    let output = Command::new("find").arg(root).output().expect("find is installed");
    (output.stdout.iter().filter(|c| **c == b'\n').count() as u64).saturating_sub(1)
}

fn main() {
    let root = std::env::args().nth(1).unwrap_or_else(|| "/usr".to_owned());
    let text = |columns: &str, globs: &str| {
        format!("SELECT {columns} FROM glob(root='{root}', globs='{globs}', nosymlink=TRUE)")
    };
    let sources = [
        text("OSPath", "/**"),
        text("OSPath", "/**/*.so*"),
        text("OSPath, Size, Mtime", "/**"),
        text("*", "/**"),
    ];
    let both = fastest(&[&|| find(&root), &|| query(&sources[0])]);
    let (other, names) = (both[0], both[1]);
    report("find", other);
    report(&sources[0], names);
    for source in &sources[1..] {
        report(source, fastest(&[&|| query(source)])[0]);
    }
    assert_eq!(other.1, names.1, "glob and find see the same entries");
    // As many times as fast as find: a rate, since more is better.
    println!("BENCH glob_over_find {:.2} x/s budget 1.5", other.0.as_secs_f64() / names.0.as_secs_f64());
}
