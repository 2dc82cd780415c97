//! How many entries a second `glob()` finds, next to a plain walk as `find` does it.
//!
//! `cargo run --release -p plugins --example glob_speed -- /usr`

use std::fs;
use std::path::Path;
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

fn walk(directory: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else { return 0 };
    let mut count = 0;
    for entry in entries.flatten() {
        count += 1;
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            count += walk(&entry.path());
        }
    }
    count
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

fn report(what: &str, work: impl Fn() -> u64) {
    let mut best = Duration::MAX;
    let mut count = 0;
    for _ in 0..5 {
        let start = Instant::now();
        count = work();
        best = best.min(start.elapsed());
    }
    let speed = count as f64 / best.as_secs_f64();
    println!("{what:50} {count:>9} entries {:>8.1} ms {speed:>12.0} entries/s", best.as_secs_f64() * 1e3);
}

fn main() {
    let root = std::env::args().nth(1).unwrap_or_else(|| "/usr".to_owned());
    report("std::fs::read_dir, recursive", || walk(Path::new(&root)));
    for (columns, globs) in
        [("OSPath", "/**"), ("OSPath", "/**/*.so*"), ("OSPath, Size, Mtime", "/**"), ("*", "/**")]
    {
        let source = format!("SELECT {columns} FROM glob(root='{root}', globs='{globs}', nosymlink=TRUE)");
        report(&format!("SELECT {columns} FROM glob(globs='{globs}')"), || query(&source));
    }
}
