//! Running a program as the tests of the language need it: a fixed clock, temporary files in memory, log lines
//! kept, and a thread of its own, so that a panic or an endless loop is a result like any other.

// Each test file uses its part.
#![allow(dead_code)]

use std::io::{self, Cursor};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use parking_lot::Mutex;
use vql::call::{Flow, Sink, Stop};
use vql::cancel::Cancel;
use vql::host::{Host, Level, Spill};
use vql::json::{self, JsonOptions};
use vql::permission::Permissions;
use vql::plan::Statement;
use vql::registry::Registry;
use vql::scope::{Context, Limits};
use vql::session::{Program, Session};
use vql::value::{Row, Time, Value};

/// Log lines beyond this many are counted only.
const MAX_LOGS: usize = 10_000;

/// A program and how to run it.
#[derive(Clone)]
pub struct Job {
    pub program: String,
    pub env: Row,
    pub rights: Permissions,
    /// Each SELECT is stopped after so many rows.
    pub max_rows: usize,
    /// When the program is cancelled.
    pub timeout: Duration,
    pub limits: Limits,
}

impl Job {
    pub fn new(program: impl Into<String>) -> Self {
        Job {
            program: program.into(),
            env: Row::default(),
            rights: Permissions::all(),
            max_rows: 100_000,
            timeout: Duration::from_secs(20),
            limits: Limits::default(),
        }
    }
}

/// What a run gave.
#[derive(Debug, Default)]
pub struct Outcome {
    /// One for each SELECT: its rows as JSON.
    pub results: Vec<Vec<String>>,
    pub logs: Vec<String>,
    /// Place and message.
    pub error: Option<(String, String)>,
    pub timed_out: bool,
}

struct TestHost {
    logs: Arc<Mutex<Vec<String>>>,
}

impl Host for TestHost {
    fn log(&self, level: Level, message: &str) {
        let line = match level {
            Level::Default => message.to_string(),
            level => format!("{}:{message}", level.name()),
        };
        let mut logs = self.logs.lock();
        if logs.len() < MAX_LOGS {
            logs.push(line);
        }
    }

    fn now(&self) -> Time {
        "2024-05-01T10:00:00Z".parse().unwrap_or_default()
    }

    fn spill(&self) -> io::Result<Box<dyn Spill>> {
        Ok(Box::new(Cursor::new(Vec::new())))
    }

    fn world(&self) -> &(dyn std::any::Any + Send + Sync) {
        &()
    }
}

struct Collect {
    rows: Vec<String>,
    max_rows: usize,
    options: JsonOptions,
}

impl Sink for Collect {
    fn row(&mut self, row: &mut Row) -> Flow {
        let mut text = Vec::new();
        json::write_row(row, &mut text, &self.options);
        self.rows.push(String::from_utf8(text).expect("JSON is UTF-8"));
        if self.rows.len() >= self.max_rows { Err(Stop::Done) } else { Ok(()) }
    }

    fn value(&mut self, _value: Value) -> Flow {
        panic!("the outermost SELECT emits rows only");
    }
}

fn run_here(job: &Job, cancel: &Cancel) -> Outcome {
    let registry = Arc::new(Registry::pure());
    let logs = Arc::new(Mutex::new(Vec::new()));
    let mut outcome = Outcome::default();
    let program = match Program::compile(&job.program, &registry) {
        Ok(program) => program,
        Err(e) => {
            outcome.error = Some((format!("{}:{}", e.line, e.column), e.to_string()));
            return outcome;
        }
    };
    let host = Arc::new(TestHost { logs: logs.clone() });
    let context = Arc::new(Context { limits: job.limits, ..Context::new(registry, host, job.rights) });
    let session = Session::new(context, job.env.clone(), cancel.clone());
    for statement in &program.statements {
        match statement {
            Statement::Let(l) => session.define(l),
            Statement::Select(select) => {
                let options = JsonOptions { zone: session.scope().zones().print };
                let mut sink = Collect { rows: Vec::new(), max_rows: job.max_rows, options };
                if let Err(Stop::Failed(e)) = session.select(select, &mut sink) {
                    logs.lock().push(format!("FAILED:{e}"));
                }
                outcome.results.push(sink.rows);
            }
        }
    }
    session.finish();
    outcome.logs = std::mem::take(&mut *logs.lock());
    outcome
}

/// Runs a program to its end, cancelling it when its time is over. Panics, and programs that do not end when
/// cancelled, are errors.
pub fn run(job: &Job) -> Result<Outcome, String> {
    let cancel = Cancel::new();
    let (sender, receiver) = mpsc::channel();
    let (own, flag) = (job.clone(), cancel.clone());
    let worker = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        let outcome = run_here(&own, &flag);
        let _ = sender.send(outcome);
    });
    let worker = worker.map_err(|e| e.to_string())?;
    let mut timed_out = false;
    let mut answer = receiver.recv_timeout(job.timeout);
    if matches!(answer, Err(mpsc::RecvTimeoutError::Timeout)) {
        timed_out = true;
        cancel.cancel();
        answer = receiver.recv_timeout(Duration::from_secs(5));
    }
    match answer {
        Ok(outcome) => Ok(Outcome { timed_out, ..outcome }),
        Err(mpsc::RecvTimeoutError::Timeout) => Err("does not end, not even when cancelled".to_string()),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            let panic = worker.join().err();
            let text = |p: &Box<dyn std::any::Any + Send>| {
                p.downcast_ref::<String>()
                    .cloned()
                    .or_else(|| p.downcast_ref::<&str>().map(|s| s.to_string()))
            };
            Err(format!("panicked: {}", panic.as_ref().and_then(text).unwrap_or_default()))
        }
    }
}
