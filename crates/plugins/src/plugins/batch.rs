//! `batch(query=, batch_size=10, batch_func=, timeout=3600)`: rows in groups (builtins page, section 4.2).

use std::sync::Arc;
use std::time::{Duration, Instant};

use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Flow, Plugin, Signature, Sink, Type};
use vql::lambda::Lambda;
use vql::value::{Row, Value};

use crate::period;
use crate::relay::{Next, relay};

const BATCH_SIZE: usize = 0;
const BATCH_FUNC: usize = 1;
const QUERY: usize = 2;
const TIMEOUT: usize = 3;

/// Rows that wait between the query and the batch.
const QUEUE: usize = 16;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "batch",
        doc: "Groups the rows of a query: each row holds a list of them.",
        category: Category::Language,
        args: &[
            Arg::optional("batch_size", Type::Int, "How many rows a batch holds.").with_default("10"),
            Arg::optional(
                "batch_func",
                Type::Lambda,
                "Instead of batch_size: is given the rows so far and says whether they are a batch.",
            ),
            Arg::required("query", Type::Query, "Where rows come from."),
            Arg::optional("timeout", Type::Uint, "Seconds that a row waits for the others of its batch.")
                .with_default("3600"),
        ],
        version: 2,
        examples: &[
            Example::new(
                "By number",
                "SELECT * FROM batch(query={ SELECT * FROM range(end=3) }, batch_size=2)",
                r#"[{"rows":[{"_value":0},{"_value":1}]},{"rows":[{"_value":2}]}]"#,
            ),
            Example::new(
                "By what they hold",
                "SELECT rows._value AS V FROM batch(query={ SELECT * FROM range(end=4) }, batch_func='rows=>rows[-1]._value = 2')",
                r#"[{"V":[0,1,2]},{"V":[3]}]"#,
            ),
        ],
        ..Signature::NEW
    },
    columns: &["rows"],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let mut batch = Batch {
        args,
        sink,
        full: full_when(args)?,
        timeout: period::positive(args, TIMEOUT, 3600)?,
        rows: Vec::new(),
        bytes: 0,
        due: None,
    };
    relay(args.scope, "batch", &args.value(QUERY), QUEUE, |incoming| {
        loop {
            match incoming.next(batch.due)? {
                Next::Row(row) => batch.add(row)?,
                Next::Late => batch.flush()?,
                Next::End => return batch.flush(),
            }
        }
    })
}

enum Full {
    Size(usize),
    When(Arc<Lambda>),
}

fn full_when(args: &Args<'_>) -> Result<Full, Error> {
    Ok(match args.lambda(BATCH_FUNC)? {
        Some(lambda) => Full::When(lambda),
        None => Full::Size(args.int(BATCH_SIZE, 10)?.max(1) as usize),
    })
}

struct Batch<'a> {
    args: &'a Args<'a>,
    sink: &'a mut dyn Sink,
    full: Full,
    timeout: Duration,
    rows: Vec<Value>,
    bytes: usize,
    /// When the oldest row has waited long enough.
    due: Option<Instant>,
}

impl Batch<'_> {
    fn add(&mut self, row: Value) -> Flow {
        self.due = self.due.or_else(|| Instant::now().checked_add(self.timeout));
        self.bytes += row.weight();
        self.rows.push(row);
        // However large a batch may be, memory is not.
        if self.bytes >= self.args.scope.context().limits.list_bytes || self.is_full() {
            return self.flush();
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        match &self.full {
            Full::Size(size) => self.rows.len() >= *size,
            Full::When(lambda) => {
                let verdict = lambda.call(self.args.scope, &[Value::list(self.rows.clone())]);
                self.args.scope.truth(&verdict)
            }
        }
    }

    fn flush(&mut self) -> Flow {
        self.due = None;
        self.bytes = 0;
        if self.rows.is_empty() {
            return Ok(());
        }
        let cells = vec![Value::list(std::mem::take(&mut self.rows))];
        self.sink.row(&mut Row { schema: self.args.columns(), cells })
    }
}
