//! Rows of a query handed from its own thread to the one that called, so that the latter can wait for something else as
//! well: the time.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use vql::call::{Flow, Sink, Stop};
use vql::eval::parallel::{Threads, report};
use vql::scope::Scope;
use vql::value::{Row, Value};

/// What a wait for the next row gave.
pub enum Next {
    Row(Value),
    /// The time is over.
    Late,
    /// No more rows will come.
    End,
}

/// The receiving end.
pub struct Incoming<'a> {
    receiver: Receiver<Value>,
    scope: &'a Scope<'a>,
}

/// How often cancellation is looked at while nothing comes. A cancelled source ends the wait at once.
const STEP: Duration = Duration::from_millis(200);

impl Incoming<'_> {
    /// Waits for a row, until a moment at most.
    pub fn next(&self, until: Option<Instant>) -> Result<Next, Stop> {
        loop {
            let left = until.map_or(STEP, |until| until.saturating_duration_since(Instant::now()));
            match self.receiver.recv_timeout(left.min(STEP)) {
                Ok(row) => return Ok(Next::Row(row)),
                Err(_) if self.scope.cancel().is_cancelled() => return Err(Stop::Done),
                Err(RecvTimeoutError::Disconnected) => return Ok(Next::End),
                Err(RecvTimeoutError::Timeout) if left <= STEP && until.is_some() => return Ok(Next::Late),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

struct Outgoing(SyncSender<Value>);

impl Sink for Outgoing {
    fn row(&mut self, row: &mut Row) -> Flow {
        let cells = std::mem::take(&mut row.cells);
        self.value(Value::Dict(Row { schema: row.schema.clone(), cells }.into()))
    }

    fn value(&mut self, value: Value) -> Flow {
        self.0.send(value).map_err(|_| Stop::Done)
    }
}

/// Runs a query on a thread of its own and hands its rows to `take`, which runs on this one. At most `capacity` rows wait;
/// then the query does. It is stopped when `take` returns.
pub fn relay(
    scope: &Scope<'_>,
    who: &str,
    query: &Value,
    capacity: usize,
    take: impl FnOnce(&Incoming<'_>) -> Flow,
) -> Flow {
    let permit = Threads::take(scope, 1);
    if permit.count == 0 {
        return Err("the query has too many threads".into());
    }
    let cancel = scope.cancel().child();
    let (sender, receiver) = sync_channel(capacity);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let scope = scope.with_cancel(&cancel);
            let mut outgoing = Outgoing(sender);
            report(&scope, who, scope.push_rows(query, &mut outgoing));
        });
        let incoming = Incoming { receiver, scope };
        let flow = take(&incoming);
        cancel.cancel();
        // A source that waits for room in the queue notices that nobody takes from it.
        drop(incoming);
        flow
    })
}

/// Passes a row on as a row, or as the value that it is.
pub fn emit(row: Value, sink: &mut dyn Sink) -> Flow {
    match row {
        Value::Dict(dict) => sink.row(&mut dict.snapshot()),
        value => sink.value(value),
    }
}
