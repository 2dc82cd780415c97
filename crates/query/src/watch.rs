//! `WatchEvent`: the rows of an event queue, packed into responses (API reference, section 3.4).

use std::time::Duration;

use proto::EventResponse;
use store::event::{Event, Subscription};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::Sender;
use tonic::Status;
use vql::cancel::Cancel;

/// How often cancellation is looked at while no row comes.
const STEP: Duration = Duration::from_millis(200);

/// A response leaves before it outgrows what clients accept (4 MiB), unless one row does.
const MAX_BYTES: usize = 1 << 20;

/// Starts a thread that hands rows on until the client leaves or the server stops.
pub fn start(
    queue: String,
    watch: Subscription,
    sender: Sender<Result<EventResponse, Status>>,
    cancel: Cancel,
    permit: OwnedSemaphorePermit,
) -> Result<(), Status> {
    let thread = std::thread::Builder::new().name("watch".into()).spawn(move || {
        run(&queue, watch, &sender, &cancel);
        drop(permit);
    });
    thread.map(drop).map_err(|e| Status::resource_exhausted(format!("no thread for the watcher: {e}")))
}

fn run(
    queue: &str,
    mut watch: Subscription,
    sender: &Sender<Result<EventResponse, Status>>,
    cancel: &Cancel,
) {
    while !cancel.is_cancelled() {
        let Some(jsonl) = waiting(queue, &mut watch) else { return };
        let response = EventResponse { source: queue.to_owned(), jsonl };
        if !response.jsonl.is_empty() && sender.blocking_send(Ok(response)).is_err() {
            return;
        }
    }
}

/// The rows that are there, after waiting for the first; `None` when the store was closed.
fn waiting(queue: &str, watch: &mut Subscription) -> Option<Vec<u8>> {
    let mut jsonl = Vec::new();
    while jsonl.len() < MAX_BYTES {
        let wait = if jsonl.is_empty() { STEP } else { Duration::ZERO };
        match watch.recv_timeout(wait) {
            Event::Row(_, row) => {
                jsonl.extend_from_slice(&row);
                jsonl.push(b'\n');
            }
            // A watcher of this call cannot be told; an operator can.
            Event::LeftOut(error) => tracing::warn!(target: "api", queue, %error, "a watcher misses rows"),
            Event::Lost(rows) => {
                tracing::warn!(target: "api", queue, rows, "a watcher lost rows that are not stored")
            }
            Event::TimedOut => break,
            Event::Closed => return None,
        }
    }
    Some(jsonl)
}
