//! Any program that parses runs to an end within its limits: no panic, bounded memory, bounded time.
#![no_main]

use std::any::Any;
use std::io::{self, Cursor};
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use libfuzzer_sys::fuzz_target;
use vql::call::{Flow, Sink, Stop};
use vql::cancel::Cancel;
use vql::host::{Host, Level, Spill};
use vql::json::{self, JsonOptions};
use vql::permission::Permissions;
use vql::registry::Registry;
use vql::scope::Context;
use vql::session::{Program, Session};
use vql::value::{Row, Time, Value};

/// Operations after which a program is cancelled, and rows after which its consumer has enough.
const OPERATIONS: u32 = 20_000;
const ROWS: u32 = 2_000;

static REGISTRY: LazyLock<Arc<Registry>> = LazyLock::new(|| Arc::new(Registry::pure()));

/// A host that cancels the program when its budget is used up.
struct Budget {
    used: AtomicU32,
    cancel: Cancel,
}

impl Host for Budget {
    fn log(&self, _level: Level, _message: &str) {}

    fn now(&self) -> Time {
        Time::UNIX_EPOCH
    }

    fn spill(&self) -> io::Result<Box<dyn Spill>> {
        Ok(Box::new(Cursor::new(Vec::new())))
    }

    fn throttle(&self) {
        if self.used.fetch_add(1, Ordering::Relaxed) > OPERATIONS {
            self.cancel.cancel();
        }
    }

    fn world(&self) -> &(dyn Any + Send + Sync) {
        &()
    }
}

/// Encodes rows, as every real consumer does, and has enough after a while.
#[derive(Default)]
struct Encode {
    rows: u32,
    text: Vec<u8>,
}

impl Sink for Encode {
    fn row(&mut self, row: &mut Row) -> Flow {
        self.text.clear();
        json::write_row(row, &mut self.text, &JsonOptions::default());
        self.rows += 1;
        if self.rows > ROWS { Err(Stop::Done) } else { Ok(()) }
    }

    fn value(&mut self, _value: Value) -> Flow {
        Ok(())
    }
}

fuzz_target!(|source: &str| {
    let Ok(program) = Program::compile(source, &REGISTRY) else { return };
    let cancel = Cancel::new();
    let host = Budget { used: AtomicU32::new(0), cancel: cancel.clone() };
    let mut context = Context::new(REGISTRY.clone(), Arc::new(host), Permissions::all());
    context.throttled = true;
    context.limits.depth = 60;
    context.limits.operator_bytes = 1 << 16;
    context.limits.list_bytes = 4 << 20;
    context.limits.threads = 4;
    let session = Session::new(Arc::new(context), Row::default(), cancel);
    let mut sink = Encode::default();
    for statement in &program.statements {
        if session.run(statement, &mut sink).is_err() {
            break;
        }
    }
    session.close();
});
