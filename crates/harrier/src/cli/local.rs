//! Running VQL on this machine and printing the rows.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use plugins::host::QueryHost;
use plugins::world::World;
use vql::call::{Flow, Sink, Stop};
use vql::cancel::Cancel;
use vql::host::Level;
use vql::json::{self, JsonOptions};
use vql::permission::Permissions;
use vql::plan::Statement;
use vql::scope::Context;
use vql::session::{Program, Session};
use vql::value::{Row, Value};

use super::Outcome;
use super::output::Printer;

/// Where rows are printed.
pub type Out = Printer<BufWriter<io::Stdout>>;

/// Rows on their way to the printer. When the reader of our output left, the query stops.
struct PrintSink<'a> {
    printer: &'a Mutex<Out>,
    options: JsonOptions,
    text: Vec<u8>,
}

impl Sink for PrintSink<'_> {
    fn row(&mut self, row: &mut Row) -> Flow {
        self.text.clear();
        json::write_row(row, &mut self.text, &self.options);
        self.printer.lock().row(&String::from_utf8_lossy(&self.text)).map_err(|_| Stop::Done)
    }

    fn value(&mut self, value: Value) -> Flow {
        match value {
            Value::Dict(dict) => self.row(&mut dict.snapshot()),
            _ => self.row(&mut Row::default()),
        }
    }
}

/// A run on this machine, with the caller's own rights: whatever the operating system allows.
pub struct Local {
    pub world: World,
    /// Variables for the programs.
    pub env: Row,
    /// Seconds after which it is stopped; 0 for never.
    pub timeout: u64,
    pub explain: bool,
}

impl Local {
    /// Runs programs one after another in one scope, and prints the rows of each SELECT.
    pub fn run<'a>(self, programs: impl Iterator<Item = &'a str>, printer: Out) -> Outcome {
        let cancel = Cancel::new();
        let printer = Arc::new(Mutex::new(printer));
        flush_regularly(printer.clone(), cancel.clone());
        if self.timeout > 0 {
            stop_after(self.timeout, cancel.clone());
        }
        let registry = Arc::new(plugins::registry());
        let host = QueryHost::new(Arc::new(self.world), Box::new(print_log));
        let context = Context::new(registry.clone(), Arc::new(host), Permissions::all());
        let session = Session::new(Arc::new(context), self.env, cancel.clone());
        for text in programs {
            let mut program = Program::compile(text, &registry)?;
            if self.explain {
                program.explain();
            }
            run_program(&session, &program, &printer)?;
        }
        session.finish();
        cancel.cancel();
        Ok(ExitCode::SUCCESS)
    }
}

fn run_program(session: &Session, program: &Program, printer: &Mutex<Out>) -> anyhow::Result<()> {
    for statement in &program.statements {
        if session.scope().cancel().is_cancelled() {
            return Ok(());
        }
        match statement {
            Statement::Let(l) => session.define(l),
            Statement::Select(select) => {
                printer.lock().begin()?;
                let options = JsonOptions { zone: session.scope().zones().print };
                let mut sink = PrintSink { printer, options, text: Vec::new() };
                if let Err(Stop::Failed(e)) = session.select(select, &mut sink) {
                    print_log(Level::Error, &e.to_string());
                }
                printer.lock().end()?;
            }
        }
    }
    Ok(())
}

fn print_log(level: Level, line: &str) {
    let prefix = if level == Level::Default { String::new() } else { format!("{}: ", level.name()) };
    let _ = writeln!(io::stderr(), "{prefix}{line}");
}

/// Rows of a never-ending query appear without waiting for a full buffer.
fn flush_regularly(printer: Arc<Mutex<Out>>, cancel: Cancel) {
    std::thread::spawn(move || {
        while !cancel.wait(Duration::from_millis(200)) {
            let _ = printer.lock().flush();
        }
    });
}

fn stop_after(seconds: u64, cancel: Cancel) {
    std::thread::spawn(move || {
        if !cancel.wait(Duration::from_secs(seconds)) {
            eprintln!("harrier: stopped after {seconds} s (--timeout)");
            cancel.cancel();
        }
    });
}
