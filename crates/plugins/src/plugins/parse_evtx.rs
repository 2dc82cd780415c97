//! `FROM parse_evtx(filename=, …)`: the events of Windows event logs.

use std::collections::HashMap;
use std::sync::Arc;

use forensics::evtx::{self, Build, Keys};
use vql::args::Args;
use vql::call::{Arg, Category, Flow, Plugin, Signature, Sink, Type};
use vql::host::Level;
use vql::permission::Permission;
use vql::schema::{Name, Schema};
use vql::value::{Row, Value};

use crate::evidence::{self, End};

const FILENAME: usize = 0;
const ACCESSOR: usize = 1;
const MESSAGEDB: usize = 2;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "parse_evtx",
        doc: "The events of Windows event logs: `System`, and `EventData` or `UserData`.",
        category: Category::Parsers,
        args: &[
            Arg::required("filename", Type::PathList, "The logs to read."),
            Arg::optional("accessor", Type::Str, "How to read the files.").with_default("\"auto\""),
            Arg::optional(
                "messagedb",
                Type::Str,
                "A database of messages; not read, so that rows have no `Message`.",
            ),
            Arg::optional("workers", Type::Int, "Accepted; one thread reads."),
        ],
        permissions: &[Permission::FilesystemRead],
        version: 2,
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    if !args.text(MESSAGEDB)?.is_empty() {
        args.scope.log(Level::Warn, "parse_evtx: message databases are not read");
    }
    let mut values = Values::default();
    evidence::each(args, FILENAME, ACCESSOR, |target, file| {
        let mut flow: Flow = Ok(());
        evtx::records(file, &mut values, |record| {
            flow = match record {
                Ok(Value::Dict(event)) => args.scope.tick().and_then(|()| sink.row(&mut event.snapshot())),
                Ok(_) => Ok(()),
                Err(e) => {
                    let line = format!("parse_evtx: {}", evidence::failure(target, &e));
                    args.scope.log(Level::Default, line);
                    args.scope.tick()
                }
            };
            flow.is_ok()
        })?;
        flow.map_err(End::Stop)
    })
}

/// Shapes of maps that are kept; beyond, all are forgotten.
const MOST_SHAPES: usize = 10_000;

/// Bytes of the keys of a map whose shape is kept.
const LONGEST_SHAPE: usize = 16 << 10;

/// Makes values of events. Most events of a log have one of few shapes, so that names are looked at once.
#[derive(Default)]
struct Values {
    /// By what tells the keys.
    shapes: HashMap<Box<[u8]>, Arc<Schema>, foldhash::fast::RandomState>,
}

impl Values {
    fn shape(&mut self, keys: Keys<'_>) -> Arc<Schema> {
        if let Some(shape) = self.shapes.get(keys.identity()) {
            return shape.clone();
        }
        let shape = Schema::of(keys);
        if keys.identity().len() <= LONGEST_SHAPE {
            if self.shapes.len() >= MOST_SHAPES {
                self.shapes.clear();
            }
            self.shapes.insert(keys.identity().into(), shape.clone());
        }
        shape
    }
}

impl Build for Values {
    type Value = Value;

    fn null(&mut self) -> Value {
        Value::Null
    }

    fn bool(&mut self, value: bool) -> Value {
        Value::Bool(value)
    }

    fn int(&mut self, value: i64) -> Value {
        Value::Int(value)
    }

    fn uint(&mut self, value: u64) -> Value {
        Value::UInt(value)
    }

    fn float(&mut self, value: f64) -> Value {
        Value::Float(value)
    }

    fn text(&mut self, value: &str) -> Value {
        Value::from(value)
    }

    fn list(&mut self, items: Vec<Value>) -> Value {
        Value::list(items)
    }

    fn map(&mut self, keys: Keys<'_>, values: Vec<Value>) -> Value {
        let schema = self.shape(keys);
        if schema.len() == values.len() {
            return Row { schema, cells: values }.into();
        }
        // A key came twice.
        let mut row = Row::default();
        for (key, value) in keys.zip(values) {
            row.replace(&Name::new(key), value);
        }
        row.into()
    }
}
