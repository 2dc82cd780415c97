//! `delay(query=, delay=, buffer_size=1000)`: rows some seconds later (builtins page, section 4.2).

use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, Instant};

use vql::args::Args;
use vql::call::{Arg, Category, Example, Flow, Plugin, Signature, Sink, Stop, Type};
use vql::cancel::Cancel;
use vql::eval::parallel::{Threads, report};
use vql::value::{Row, Value};

use crate::period::seconds;
use crate::relay::emit;

const QUERY: usize = 0;
const DELAY: usize = 1;
const BUFFER_SIZE: usize = 2;

const MAX_BUFFER: i64 = 1_000_000;

/// How often cancellation is looked at while no row comes.
const STEP: Duration = Duration::from_millis(200);

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "delay",
        doc: "Passes the rows of a query on, each so many seconds after it came.",
        category: Category::Events,
        args: &[
            Arg::required("query", Type::Query, "Where rows come from."),
            Arg::required("delay", Type::Int, "Seconds to wait."),
            Arg::optional("buffer_size", Type::Int, "How many rows may wait; then the query does.")
                .with_default("1000"),
        ],
        examples: &[Example::new(
            "No delay at all",
            "SELECT * FROM delay(query={ SELECT * FROM range(end=2) }, delay=0)",
            r#"[{"_value":0},{"_value":1}]"#,
        )],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

/// Stamps rows with the moment at which they are due.
struct Stamped {
    sender: SyncSender<(Instant, Value)>,
    delay: Duration,
}

impl Sink for Stamped {
    fn row(&mut self, row: &mut Row) -> Flow {
        let cells = std::mem::take(&mut row.cells);
        self.value(Value::Dict(Row { schema: row.schema.clone(), cells }.into()))
    }

    fn value(&mut self, value: Value) -> Flow {
        let due = Instant::now().checked_add(self.delay).ok_or(Stop::Done)?;
        self.sender.send((due, value)).map_err(|_| Stop::Done)
    }
}

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let scope = args.scope;
    let query = args.value(QUERY);
    let delay = seconds(args.int(DELAY, 0)?);
    let capacity = args.int(BUFFER_SIZE, 1000)?.clamp(1, MAX_BUFFER) as usize;
    let permit = Threads::take(scope, 1);
    if permit.count == 0 {
        return Err("the query has too many threads".into());
    }
    let cancel = scope.cancel().child();
    std::thread::scope(|threads| {
        let (sender, receiver) = sync_channel(capacity);
        threads.spawn(|| {
            let scope = scope.with_cancel(&cancel);
            let mut stamped = Stamped { sender, delay };
            report(&scope, "delay", scope.push_rows(&query, &mut stamped));
        });
        let next = || {
            loop {
                match receiver.recv_timeout(STEP) {
                    Ok(next) => return Some(next),
                    Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return None,
                    Err(_) if cancel.is_cancelled() => return None,
                    Err(_) => {}
                }
            }
        };
        let flow = forward(&next, &cancel, sink);
        cancel.cancel();
        drop(receiver);
        flow
    })
}

fn forward(next: &dyn Fn() -> Option<(Instant, Value)>, cancel: &Cancel, sink: &mut dyn Sink) -> Flow {
    while let Some((due, row)) = next() {
        if cancel.wait(due.saturating_duration_since(Instant::now())) {
            return Err(Stop::Done);
        }
        emit(row, sink)?;
    }
    if cancel.is_cancelled() { Err(Stop::Done) } else { Ok(()) }
}
