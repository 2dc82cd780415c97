//! `foreach(row=, query=, column=, workers=, async=)`: a query for each row (reference, section 10.2).

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use parking_lot::Mutex;

use crate::args::Args;
use crate::call::{Arg, Category, Example, Flow, Plugin, Signature, Sink, Stop, Type};
use crate::eval::Flattened;
use crate::eval::parallel::{Shared, Threads, report};
use crate::host::Level;
use crate::schema::{Name, Schema};
use crate::scope::{Layer, Scope};
use crate::value::{Row, Value};

const ROW: usize = 0;
const QUERY: usize = 1;
const ASYNC: usize = 2;
const WORKERS: usize = 3;
const COLUMN: usize = 4;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "foreach",
        doc: "Runs a query for each row of another query, or each element of a list.",
        category: Category::Language,
        args: &[
            Arg::required("row", Type::Lazy, "A query, a list, a dict or a scalar to iterate over."),
            Arg::optional("query", Type::Query, "Run for each row, with the row's columns as variables."),
            Arg::optional("async", Type::Bool, "Run up to 100 queries at a time."),
            Arg::optional("workers", Type::Int, "Run so many queries at a time; output is unordered.")
                .with_default("1"),
            Arg::optional("column", Type::Str, "Iterate over the values of this column of each row."),
        ],
        examples: &[
            Example::new(
                "Scalars are wrapped as _value",
                "SELECT * FROM foreach(row=(1, 2), query={ SELECT _value * 10 AS X FROM scope() })",
                r#"[{"X":10},{"X":20}]"#,
            ),
            Example::new(
                "Without a query",
                "SELECT * FROM foreach(row=[dict(a=1), dict(a=2)])",
                r#"[{"a":1},{"a":2}]"#,
            ),
            Example::new(
                "One column",
                "SELECT * FROM foreach(row=dict(a=dict(b=5)), column='a')",
                r#"[{"b":5}]"#,
            ),
        ],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let source = args.value(ROW);
    let query = args.optional(QUERY);
    let column = args.optional_text(COLUMN)?.map(|t| Name::new(&t.to_str_lossy()));
    let workers = if args.bool(ASYNC) { 100 } else { args.int(WORKERS, 1)? };
    let scope = args.scope;
    match (workers > 1, &query) {
        (true, Some(query)) => parallel(scope, &source, query, column, workers as usize, sink),
        _ => iterate(scope, &source, &mut Step { scope, query: query.as_ref(), column, sink }),
    }
}

/// Hands every element of the source to a sink, as rows.
fn iterate(scope: &Scope<'_>, source: &Value, step: &mut dyn Sink) -> Flow {
    match source {
        // Rows of a query go straight through: no value is made of them.
        source if source.is_source() => scope.push_rows(source, step),
        _ => scope.elements(source, &mut |element| match element {
            Flattened::Row(row) => step.value(row),
            Flattened::Scalar(value) => step.row(&mut scalar_row(value)),
        }),
    }
}

fn scalar_row(value: Value) -> Row {
    Row { schema: Schema::value().clone(), cells: vec![value] }
}

/// One row after the other.
struct Step<'a> {
    scope: &'a Scope<'a>,
    query: Option<&'a Value>,
    column: Option<Name>,
    sink: &'a mut dyn Sink,
}

impl Step<'_> {
    fn inner(&mut self, row: &mut Row) -> Flow {
        match self.query {
            None => self.sink.row(row),
            Some(query) => self.scope.with(Layer::Row(row)).push_rows(query, self.sink),
        }
    }

    fn inner_value(&mut self, value: Value) -> Flow {
        match (value, self.query) {
            (Value::Null, _) => Ok(()),
            (Value::Dict(dict), _) => self.inner(&mut dict.snapshot()),
            (value @ (Value::Object(_) | Value::Time(_)), None) => self.sink.value(value),
            (value @ (Value::Object(_) | Value::Time(_)), Some(query)) => {
                self.scope.with(Layer::Value(&value)).push_rows(query, self.sink)
            }
            (value, _) => self.inner(&mut scalar_row(value)),
        }
    }
}

impl Sink for Step<'_> {
    fn row(&mut self, row: &mut Row) -> Flow {
        match &self.column {
            None => self.inner(row),
            Some(name) => {
                let value = row.get(name).cloned().unwrap_or_default();
                self.inner_value(value)
            }
        }
    }

    fn value(&mut self, value: Value) -> Flow {
        match &self.column {
            None => self.inner_value(value),
            Some(name) => {
                let value = crate::value::member::member(&value, name).unwrap_or_default();
                self.inner_value(value)
            }
        }
    }
}

/// Rows on their way to a worker.
struct ToWorkers {
    sender: SyncSender<Value>,
    cancel: crate::cancel::Cancel,
}

impl Sink for ToWorkers {
    fn row(&mut self, row: &mut Row) -> Flow {
        let cells = std::mem::take(&mut row.cells);
        self.value(Value::Dict(Row { schema: row.schema.clone(), cells }.into()))
    }

    fn value(&mut self, value: Value) -> Flow {
        if self.cancel.is_cancelled() {
            return Err(Stop::Done);
        }
        self.sender.send(value).map_err(|_| Stop::Done)
    }
}

/// Several queries at a time, on real threads. A short queue feeds them, so that a slow one holds the source back.
fn parallel(
    scope: &Scope<'_>,
    source: &Value,
    query: &Value,
    column: Option<Name>,
    workers: usize,
    sink: &mut dyn Sink,
) -> Flow {
    let permits = Threads::take(scope, workers);
    let workers = permits.count.max(1);
    scope.log(Level::Debug, format!("Creating {workers} workers for foreach plugin"));
    let shared = Shared::new(scope, sink);
    let (sender, receiver) = sync_channel(workers);
    let receiver = Mutex::new(Some(receiver));
    std::thread::scope(|threads| {
        let receiver = &receiver;
        let (shared, column) = (&shared, &column);
        for _ in 0..workers {
            threads.spawn(move || {
                let scope = scope.with_cancel(shared.cancel());
                let mut sink = shared;
                let mut step =
                    Step { scope: &scope, query: Some(query), column: column.clone(), sink: &mut sink };
                while let Some(row) = next(receiver) {
                    let flow = step.value(row);
                    let is_done = matches!(flow, Err(Stop::Done));
                    report(&scope, "foreach", flow);
                    if is_done || shared.cancel().is_cancelled() {
                        // Nobody takes rows any more: the source notices when the queue is gone.
                        receiver.lock().take();
                        return;
                    }
                }
            });
        }
        let source_scope = scope.with_cancel(shared.cancel());
        let flow = iterate(&source_scope, source, &mut ToWorkers { sender, cancel: shared.cancel().clone() });
        report(scope, "foreach", flow);
    });
    shared.flow()
}

fn next(receiver: &Mutex<Option<Receiver<Value>>>) -> Option<Value> {
    receiver.lock().as_ref()?.recv().ok()
}
