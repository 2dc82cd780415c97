//! Rows written to a file on their way: `write_csv()` and `write_jsonl()`.
//!
//! The file grows while the query runs, so it is written in place. Lines wait in memory until there are enough of them or
//! until their time is over; rows do not wait.

use std::fs::File;
use std::io::{self, Write};
use std::time::Duration;

use parking_lot::Mutex;
use vql::args::Args;
use vql::call::{Error, Flow, Sink, Stop};
use vql::value::{Row, Value};

use crate::accessor::{self, Target, host_path};
use crate::world::World;
use crate::write_policy::{DEFAULT_MODE, Existing};

/// How lines are gathered.
pub struct Buffering {
    pub bytes: usize,
    pub time: Duration,
}

/// Bytes that wait by default, and how long.
pub const BYTES: i64 = 128 << 10;
pub const SECONDS: i64 = 10;

/// Writes the rows of `query` to the file that the arguments name, as `encode` puts them, and passes them on.
pub fn write_rows(
    args: &Args<'_>,
    (filename, accessor): (usize, usize),
    existing: Existing,
    buffering: &Buffering,
    query: &Value,
    encode: &mut (dyn FnMut(&Row, &mut Vec<u8>) + Send),
    sink: &mut dyn Sink,
) -> Flow {
    let target = accessor::resolve(args, filename, accessor)?;
    if !matches!(target.accessor.name(), "file" | "auto") {
        return Err(
            format!("files are written with the accessor file, not {}", target.accessor.name()).into()
        );
    }
    let file = World::of(args.scope)?
        .writes
        .open(&host_path(&target.path), existing, DEFAULT_MODE)
        .map_err(|e| target.failure(&e))?;
    let lines = Mutex::new(Lines { file, waiting: Vec::new() });
    let over = args.scope.cancel().child();
    std::thread::scope(|threads| {
        threads.spawn(|| {
            while !over.wait(buffering.time) {
                // Fails again, and is told, with the next row.
                let _ = lines.lock().flush();
            }
        });
        let mut writer = Writer { target: &target, lines: &lines, bytes: buffering.bytes, encode, sink };
        let flow = args.scope.push_rows(query, &mut writer);
        over.cancel();
        let written = lines.lock().flush().map_err(|e| Stop::Failed(target.failure(&e)));
        flow.and(written)
    })
}

struct Lines {
    file: File,
    waiting: Vec<u8>,
}

impl Lines {
    fn flush(&mut self) -> io::Result<()> {
        if !self.waiting.is_empty() {
            self.file.write_all(&self.waiting)?;
            self.waiting.clear();
        }
        Ok(())
    }
}

struct Writer<'a> {
    target: &'a Target,
    lines: &'a Mutex<Lines>,
    bytes: usize,
    encode: &'a mut (dyn FnMut(&Row, &mut Vec<u8>) + Send),
    sink: &'a mut dyn Sink,
}

impl Writer<'_> {
    fn write(&mut self, row: &Row) -> Result<(), Error> {
        let mut lines = self.lines.lock();
        (self.encode)(row, &mut lines.waiting);
        if lines.waiting.len() >= self.bytes {
            lines.flush().map_err(|e| self.target.failure(&e))?;
        }
        Ok(())
    }
}

impl Sink for Writer<'_> {
    fn row(&mut self, row: &mut Row) -> Flow {
        self.write(row)?;
        self.sink.row(row)
    }

    fn value(&mut self, value: Value) -> Flow {
        self.write(&value.clone().into_row())?;
        self.sink.value(value)
    }
}
