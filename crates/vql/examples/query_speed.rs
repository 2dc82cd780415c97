//! How fast the engine is, on one core: rows a second for the shapes of query that have a budget.
//!
//! `cargo xtask bench query_speed` runs it; each line is `BENCH <name> <figure> <unit> budget <figure>`.

use std::any::Any;
use std::io::{self, Cursor};
use std::sync::Arc;
use std::time::Instant;

use vql::call::{Flow, Sink};
use vql::cancel::Cancel;
use vql::host::{Host, Level, Spill};
use vql::json::{self, JsonOptions};
use vql::permission::Permissions;
use vql::registry::Registry;
use vql::scope::Context;
use vql::session::{Program, Session};
use vql::value::{Row, Time, Value};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Name, rows scanned in millions, budget in rows a second, program.
const QUERIES: &[(&str, f64, f64, &str)] = &[
    ("scan-filter", 5.0, 4e6, "SELECT _value AS x, _value*2 AS y FROM range(end=5000000) WHERE x > 100"),
    (
        "foreach-sub-select",
        1.0,
        1.5e6,
        "SELECT * FROM foreach(row={ SELECT _value AS a FROM range(end=1000000) },
                               query={ SELECT a, a + 1 AS b FROM scope() })",
    ),
    ("let-call", 1.0, 1e6, "LET f(x) = x * 2 + 1 SELECT f(x=_value) AS y FROM range(end=1000000)"),
    (
        "format-match-order",
        1.0,
        1e6,
        "SELECT format(format='item-%d', args=_value) AS s FROM range(end=1000000) WHERE s =~ 'item-[0-9]+' ORDER BY s",
    ),
    (
        "group-by",
        1.0,
        1e6,
        "SELECT count() AS n, int(int=_value / 10) AS k FROM range(end=1000000) GROUP BY k",
    ),
];

struct Quiet;

impl Host for Quiet {
    fn log(&self, level: Level, message: &str) {
        eprintln!("{}: {message}", level.name());
    }

    fn now(&self) -> Time {
        Time::UNIX_EPOCH
    }

    fn spill(&self) -> io::Result<Box<dyn Spill>> {
        Ok(Box::new(Cursor::new(Vec::new())))
    }

    fn world(&self) -> &(dyn Any + Send + Sync) {
        &()
    }
}

/// Counts rows; with `json` it also encodes them.
#[derive(Default)]
struct Count {
    rows: u64,
    json: Option<Vec<u8>>,
    bytes: usize,
}

impl Sink for Count {
    fn row(&mut self, row: &mut Row) -> Flow {
        self.rows += 1;
        if let Some(text) = &mut self.json {
            json::write_row(row, text, &JsonOptions::default());
            if text.len() > 1 << 20 {
                self.bytes += text.len();
                text.clear();
            }
        }
        Ok(())
    }

    fn value(&mut self, _value: Value) -> Flow {
        self.rows += 1;
        Ok(())
    }
}

fn session(registry: &Arc<Registry>) -> Session {
    let context = Context::new(registry.clone(), Arc::new(Quiet), Permissions::all());
    Session::new(Arc::new(context), Row::default(), Cancel::new())
}

fn run(registry: &Arc<Registry>, source: &str, sink: &mut Count) {
    let program = Program::compile(source, registry).expect("the program parses");
    let session = session(registry);
    for statement in &program.statements {
        session.run(statement, sink).expect("the program runs");
    }
}

/// The best of three runs, in seconds.
fn best(mut work: impl FnMut()) -> f64 {
    let timed = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    };
    (0..3).map(|_| timed(&mut work)).fold(f64::INFINITY, f64::min)
}

fn main() {
    let registry = Arc::new(Registry::pure());
    for (name, millions, budget, source) in QUERIES {
        let seconds = best(|| run(&registry, source, &mut Count::default()));
        println!("BENCH {name} {:.0} rows/s budget {budget:.0}", millions * 1e6 / seconds);
    }
    json_speed(&registry);
}

/// Encoding of rows like those of a file listing, in MB/s of JSON.
fn json_speed(registry: &Arc<Registry>) {
    let program = "SELECT _value AS Pid, format(format='process-%d', args=_value) AS Name, '/usr/bin/some/longer/path' AS Exe,
        'a command line with \"quotes\" and a few more arguments, as they are usually found' AS CommandLine,
        timestamp(epoch=1700000000 + _value) AS CreateTime, _value / 7 AS Share, dict(a=1, b=(1, 2, 3)) AS Data
        FROM range(end=20000)";
    let mut keep = Keep::default();
    let compiled = Program::compile(program, registry).expect("the program parses");
    let session = session(registry);
    for statement in &compiled.statements {
        session.run(statement, &mut keep).expect("the program runs");
    }
    let mut bytes = 0;
    let seconds = best(|| {
        let mut out = Count { json: Some(Vec::with_capacity(2 << 20)), ..Count::default() };
        for _ in 0..20 {
            for row in &mut keep.0 {
                let _ = out.row(row);
            }
        }
        bytes = out.bytes + out.json.map_or(0, |j| j.len());
    });
    println!("BENCH json-out {:.0} MB/s budget 300", bytes as f64 / 1e6 / seconds);
}

#[derive(Default)]
struct Keep(Vec<Row>);

impl Sink for Keep {
    fn row(&mut self, row: &mut Row) -> Flow {
        self.0.push(row.clone());
        Ok(())
    }

    fn value(&mut self, _value: Value) -> Flow {
        Ok(())
    }
}
