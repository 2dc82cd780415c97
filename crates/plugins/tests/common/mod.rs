//! Running programs in tests: rows as compact JSON, and the log.
#![allow(dead_code)]

pub mod artifact_cases;
pub mod live;
pub mod server;
pub mod state;
pub mod tls;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use plugins::host::QueryHost;
use plugins::world::World;
use vql::call::{Flow, Sink};
use vql::cancel::Cancel;
use vql::host::Level;
use vql::json::{self, JsonOptions};
use vql::permission::Permissions;
use vql::registry::Registry;
use vql::schema::Name;
use vql::scope::Context;
use vql::session::{Program, Session};
use vql::value::{Row, Value};

/// What a program gave.
#[derive(Debug)]
pub struct Outcome {
    pub rows: String,
    pub log: Vec<String>,
}

/// Lines of a program's log.
type Log = Arc<Mutex<Vec<String>>>;

struct Rows(Vec<u8>);

impl Rows {
    fn start(&mut self) {
        self.0.push(if self.0.is_empty() { b'[' } else { b',' });
    }
}

impl Sink for Rows {
    fn row(&mut self, row: &mut Row) -> Flow {
        self.start();
        json::write_row(row, &mut self.0, &JsonOptions::default());
        Ok(())
    }

    fn value(&mut self, value: Value) -> Flow {
        self.start();
        json::write_value(&value, &mut self.0, &JsonOptions::default());
        Ok(())
    }
}

/// Runs a program with all rights.
pub fn run(source: &str) -> Outcome {
    run_with(source, &[], Permissions::all())
}

/// Runs a program with all rights and stops it after a while, which must end it.
#[track_caller]
pub fn run_for(time: Duration, source: &str) -> Outcome {
    let live = live::Live::start(source, &[]);
    std::thread::sleep(time);
    live.stop()
}

/// Runs a program with variables and rights.
pub fn run_with(source: &str, env: &[(&str, &str)], permissions: Permissions) -> Outcome {
    run_in(World::of_process(), source, env, permissions, Cancel::new())
}

/// Runs a program in a world, until it ends or is stopped.
pub fn run_in(
    world: impl Into<Arc<World>>,
    source: &str,
    env: &[(&str, &str)],
    permissions: Permissions,
    cancel: Cancel,
) -> Outcome {
    let (log, mut rows) = (Log::default(), Rows(Vec::new()));
    execute(world, source, env, permissions, cancel, &log, &mut rows);
    rows.0.extend_from_slice(if rows.0.is_empty() { b"[]" } else { b"]" });
    let log = log.lock().clone();
    Outcome { rows: String::from_utf8(rows.0).unwrap(), log }
}

fn execute(
    world: impl Into<Arc<World>>,
    source: &str,
    env: &[(&str, &str)],
    permissions: Permissions,
    cancel: Cancel,
    log: &Log,
    sink: &mut dyn Sink,
) {
    let lines = log.clone();
    let logger = move |level: Level, line: &str| {
        let line = if level == Level::Default { line.to_owned() } else { format!("{}:{line}", level.name()) };
        lines.lock().push(line);
    };
    let registry: Arc<Registry> = plugins::registry().into();
    let host = QueryHost::new(world.into(), Box::new(logger)).with_user("fred");
    let context = Context::new(registry.clone(), Arc::new(host), permissions);
    let mut vars = Row::default();
    for (name, value) in env {
        vars.set(&Name::new(name), Value::from(*value));
    }
    let session = Session::new(context.into(), vars, cancel);
    match Program::compile(source, &registry) {
        Ok(program) => {
            for statement in &program.statements {
                let _ = session.run(statement, sink);
            }
        }
        Err(e) => log.lock().push(e.to_string()),
    }
    session.finish();
}

/// The rows of a program, as JSON.
pub fn rows(source: &str) -> String {
    run(source).rows
}

/// The rows of a program with one variable.
pub fn rows_with(source: &str, name: &str, value: &str) -> String {
    let outcome = run_with(source, &[(name, value)], Permissions::all());
    assert!(outcome.log.iter().all(|l| l.starts_with("DEBUG")), "{source}: {:?}", outcome.log);
    outcome.rows
}
