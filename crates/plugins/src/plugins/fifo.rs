//! `fifo(query=, max_age=5, max_rows=10, flush=)`: the latest events of a query (builtins page, section 4.2).
//!
//! The first use starts the query, which then runs on beside; each use gives what came lately.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Flow, Plugin, Signature, Sink, Type};
use vql::value::{Row, Value, convert};

use crate::beside::{Beside, Job};
use crate::period::seconds;
use crate::relay::emit;
use crate::row_window::RowWindow;

const QUERY: usize = 0;
const MAX_AGE: usize = 1;
const MAX_ROWS: usize = 2;
const FLUSH: usize = 3;

/// How many windows one program may have.
const MAX_WINDOWS: usize = 100;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "fifo",
        doc: "The rows that an event query gave lately. The first use starts the query; it goes on beside.",
        category: Category::Events,
        args: &[
            Arg::required("query", Type::Query, "Where rows come from; started once."),
            Arg::optional("max_age", Type::Int, "Seconds that a row stays.").with_default("5"),
            Arg::optional("max_rows", Type::Int, "How many rows stay at most.").with_default("10"),
            Arg::optional("flush", Type::Bool, "Forget the rows that this call gives."),
        ],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

/// The windows of a program.
#[derive(Default)]
struct Windows(Mutex<Vec<(Key, Arc<Fifo>)>>);

/// Calls that share a window: of one query, with the same captured arguments and limits.
#[derive(PartialEq)]
struct Key {
    query: usize,
    bound: Vec<u8>,
    max_age: i64,
    max_rows: i64,
}

struct Fifo {
    /// Keeps the query at its address, which is part of the key.
    _query: Value,
    window: Arc<Mutex<RowWindow>>,
    _beside: Beside,
}

struct Fill(Arc<Mutex<RowWindow>>);

impl Sink for Fill {
    fn row(&mut self, row: &mut Row) -> Flow {
        let cells = std::mem::take(&mut row.cells);
        self.value(Value::Dict(Row { schema: row.schema.clone(), cells }.into()))
    }

    fn value(&mut self, value: Value) -> Flow {
        self.0.lock().push(value, Instant::now());
        Ok(())
    }
}

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let window = window(args)?;
    let rows = {
        let mut window = window.lock();
        let rows = window.rows(Instant::now());
        if args.bool(FLUSH) {
            window.clear();
        }
        rows
    };
    rows.into_iter().try_for_each(|row| emit(row, sink))
}

fn window(args: &Args<'_>) -> Result<Arc<Mutex<RowWindow>>, Error> {
    let query = args.value(QUERY);
    let (max_age, max_rows) = (args.int(MAX_AGE, 5)?.max(0), args.int(MAX_ROWS, 10)?.max(1));
    let key = key(&query, max_age, max_rows)?;
    let windows = args.scope.kept::<Windows>();
    let mut windows = windows.0.lock();
    if let Some((_, fifo)) = windows.iter().find(|(known, _)| *known == key) {
        return Ok(fifo.window.clone());
    }
    if windows.len() >= MAX_WINDOWS {
        return Err(Error::new(format!("a program may have {MAX_WINDOWS} of them")));
    }
    let limit = args.scope.context().limits.operator_bytes;
    let window = RowWindow::new(max_rows as usize, seconds(max_age), limit);
    let window = Arc::new(Mutex::new(window));
    let fill = Box::new(Fill(window.clone()));
    let job = Job::new(args.scope, "fifo", query.clone());
    let beside = job.start(args.scope.root_cancel().child(), fill)?;
    let fifo = Arc::new(Fifo { _query: query, window: window.clone(), _beside: beside });
    windows.push((key, fifo));
    Ok(window)
}

fn key(query: &Value, max_age: i64, max_rows: i64) -> Result<Key, Error> {
    let mut bound = Vec::new();
    let query = match query {
        Value::Query(query) => {
            if let Some(row) = &query.bound {
                convert::write_text(&Value::from(row.clone()), &mut bound);
            }
            Arc::as_ptr(&query.select) as usize
        }
        Value::Object(object) if object.is_source() => Arc::as_ptr(object).cast::<()>() as usize,
        other => {
            return Err(Error::new(format!("Field query should be a query not {}.", other.type_name())));
        }
    };
    Ok(Key { query, bound, max_age, max_rows })
}
