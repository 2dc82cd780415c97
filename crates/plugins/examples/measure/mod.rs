//! What the programs that measure share: running queries, taking turns, telling.

use std::fs;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use plugins::host::QueryHost;
use plugins::world::World;
use rustix::time::{ClockId, clock_gettime};
use vql::call::{Flow, Sink};
use vql::cancel::Cancel;
use vql::host::Level;
use vql::json::{self, JsonOptions};
use vql::permission::Permissions;
use vql::registry::Registry;
use vql::scope::Context;
use vql::session::{Program, Session};
use vql::value::{Row, Value};

// What the server allocates with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What becomes of rows: they are counted, and written or dropped.
#[derive(Default)]
struct Count {
    rows: u64,
    is_written: bool,
    json: Vec<u8>,
}

impl Sink for Count {
    fn row(&mut self, row: &mut Row) -> Flow {
        self.rows += 1;
        if self.is_written {
            self.json.clear();
            json::write_row(row, &mut self.json, &JsonOptions::default());
        }
        Ok(())
    }

    fn value(&mut self, _value: Value) -> Flow {
        self.rows += 1;
        Ok(())
    }
}

/// What a process makes once.
static REGISTRY: LazyLock<Arc<Registry>> = LazyLock::new(|| plugins::registry().into());
static WORLD: LazyLock<Arc<World>> = LazyLock::new(|| Arc::new(World::of_process()));

fn run(source: &str, is_written: bool) -> u64 {
    let refuse = |level, line: &str| assert!(level == Level::Debug, "nothing is logged: {line}");
    let host = QueryHost::new(WORLD.clone(), Box::new(refuse));
    let context = Context::new(REGISTRY.clone(), Arc::new(host), Permissions::all());
    let session = Session::new(context.into(), Row::default(), Cancel::new());
    let program = Program::compile(source, &REGISTRY).expect("the query is well formed");
    let mut count = Count { is_written, ..Count::default() };
    for statement in &program.statements {
        let _ = session.run(statement, &mut count);
    }
    count.rows
}

/// How many rows a query gives.
#[allow(dead_code, reason = "each program uses its part")]
pub fn query(source: &str) -> u64 {
    run(source, false)
}

/// The same, each row written as JSON.
#[allow(dead_code, reason = "each program uses its part")]
pub fn written(source: &str) -> u64 {
    run(source, true)
}

/// What to measure with, in seconds.
pub type Clock = fn() -> f64;

/// The time that passes.
#[allow(dead_code, reason = "each program uses its part")]
pub fn wall() -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_secs_f64()
}

/// Processor time of this thread: what else the machine does counts less.
#[allow(dead_code, reason = "each program uses its part")]
pub fn of_thread() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Processor time of this process and of the programs it has run, in steps of 10 ms.
#[allow(dead_code, reason = "each program uses its part")]
pub fn of_process_and_children() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("a process has its figures");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    // utime, stime, cutime and cstime of proc(5), in hundredths of a second.
    fields[11..15].iter().filter_map(|f| f.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// The least that any of several runs took, and what it counted.
#[derive(Clone, Copy)]
pub struct Best {
    pub seconds: f64,
    pub count: u64,
}

/// Runs several works in turn, so that what else the machine does hits all of them.
pub fn in_turn(rounds: usize, clock: Clock, works: &[&dyn Fn() -> u64]) -> Vec<Best> {
    let mut best = vec![Best { seconds: f64::INFINITY, count: 0 }; works.len()];
    for _ in 0..rounds {
        for (work, best) in works.iter().zip(&mut best) {
            let start = clock();
            best.count = work();
            best.seconds = best.seconds.min(clock() - start);
        }
    }
    best
}

/// A line that `cargo xtask bench` reads.
pub fn figure(name: &str, value: f64, unit: &str, budget: f64) {
    println!("BENCH {name} {value:.2} {unit} budget {budget:.2}");
}
