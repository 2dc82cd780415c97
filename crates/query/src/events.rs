//! The store's event queues as queries see them (`watch_monitoring()`).

use std::sync::Arc;
use std::time::Duration;

use plugins::world::{Events, Subscription};
use store::event::{Event, EventStore};
use vql::call::Error;

/// Event queues of a store.
pub struct QueueEvents(pub Arc<EventStore>);

impl Events for QueueEvents {
    fn subscribe(&self, queue: &str) -> Result<Box<dyn Subscription>, Error> {
        let subscription = self.0.subscribe(queue).map_err(|e| Error::new(e.to_string()))?;
        Ok(Box::new(Watcher(subscription)))
    }
}

struct Watcher(store::event::Subscription);

impl Subscription for Watcher {
    fn next(&mut self, wait: Duration) -> Result<Option<Arc<[u8]>>, Error> {
        match self.0.recv_timeout(wait) {
            Event::Row(row) => Ok(Some(row)),
            Event::TimedOut => Ok(None),
            Event::Lagged(lost) => Err(Error::new(format!(
                "{lost} rows were lost because this query does not keep up; read them with source() and watch again"
            ))),
            Event::Closed => Err("the server is stopping".into()),
        }
    }
}
