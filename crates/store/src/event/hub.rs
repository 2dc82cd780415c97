//! Hands new rows to watchers. Each watcher has a bounded buffer; one that is too slow is told how many of
//! the oldest rows it missed.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::row::Row;

/// How much one watcher may have waiting.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub rows: usize,
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        // Rows are shared between watchers, so the bytes count only while the slowest holds them.
        Self { rows: 10_000, bytes: 16 << 20 }
    }
}

/// What a watcher gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A new row: the text of a JSON object.
    Row(Row),
    /// The watcher was too slow and so many rows before the next one are lost to it. They are stored.
    Lagged(u64),
    /// Nothing came in the given time.
    TimedOut,
    /// The store was closed, nothing will come any more.
    Closed,
}

#[derive(Debug, Default)]
struct Buffer {
    rows: VecDeque<Row>,
    bytes: usize,
    lost: u64,
    is_closed: bool,
}

#[derive(Debug)]
struct Mailbox {
    limits: Limits,
    buffer: Mutex<Buffer>,
    changed: Condvar,
}

impl Mailbox {
    fn push(&self, rows: &[Row]) {
        let mut buffer = self.buffer.lock();
        for row in rows {
            buffer.bytes += row.len();
            buffer.rows.push_back(row.clone());
            while buffer.rows.len() > self.limits.rows || buffer.bytes > self.limits.bytes {
                let Some(oldest) = buffer.rows.pop_front() else { break };
                buffer.bytes -= oldest.len();
                buffer.lost += 1;
            }
        }
        self.changed.notify_one();
    }
}

/// Watches one queue until dropped.
#[derive(Debug)]
pub struct Subscription {
    mailbox: Arc<Mailbox>,
}

impl Subscription {
    /// The next event; waits no longer than `timeout`.
    pub fn recv_timeout(&self, timeout: Duration) -> Event {
        // A time that cannot be told is a wait without end.
        let end = Instant::now().checked_add(timeout);
        let mut buffer = self.mailbox.buffer.lock();
        loop {
            // What was dropped is older than all that is waiting, so it is told first.
            if buffer.lost > 0 {
                return Event::Lagged(std::mem::take(&mut buffer.lost));
            }
            if let Some(row) = buffer.rows.pop_front() {
                buffer.bytes -= row.len();
                return Event::Row(row);
            }
            if buffer.is_closed {
                return Event::Closed;
            }
            let Some(end) = end else {
                self.mailbox.changed.wait(&mut buffer);
                continue;
            };
            if self.mailbox.changed.wait_until(&mut buffer, end).timed_out() && buffer.rows.is_empty() {
                return if buffer.is_closed { Event::Closed } else { Event::TimedOut };
            }
        }
    }
}

/// All watchers by queue.
#[derive(Debug, Default)]
pub struct Hub {
    queues: Mutex<HashMap<String, Vec<Weak<Mailbox>>>>,
}

impl Hub {
    pub fn subscribe(&self, queue: &str, limits: Limits) -> Subscription {
        let mailbox = Arc::new(Mailbox { limits, buffer: Mutex::default(), changed: Condvar::new() });
        let mut queues = self.queues.lock();
        // Watchers that left are swept here as well, or a quiet queue would collect them for ever.
        queues.retain(|_, watchers| {
            watchers.retain(|watcher| watcher.strong_count() > 0);
            !watchers.is_empty()
        });
        queues.entry(queue.to_owned()).or_default().push(Arc::downgrade(&mailbox));
        Subscription { mailbox }
    }

    pub fn publish(&self, queue: &str, rows: &[Row]) {
        let watchers: Vec<_> = match self.queues.lock().get(queue) {
            Some(watchers) => watchers.iter().filter_map(Weak::upgrade).collect(),
            None => return,
        };
        for watcher in watchers {
            watcher.push(rows);
        }
    }

    pub fn close(&self) {
        for watcher in self.queues.lock().drain().flat_map(|(_, watchers)| watchers) {
            if let Some(mailbox) = watcher.upgrade() {
                mailbox.buffer.lock().is_closed = true;
                mailbox.changed.notify_all();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(5);

    fn row(text: &str) -> Row {
        text.as_bytes().into()
    }

    #[test]
    fn a_slow_watcher_learns_what_it_missed_and_goes_on() {
        let hub = Hub::default();
        let watcher = hub.subscribe("q", Limits { rows: 2, bytes: 1000 });
        hub.publish("q", &[row("1"), row("2"), row("3"), row("4")]);
        assert_eq!(watcher.recv_timeout(SOON), Event::Lagged(2));
        assert_eq!(watcher.recv_timeout(SOON), Event::Row(row("3")));
        assert_eq!(watcher.recv_timeout(SOON), Event::Row(row("4")));
        assert_eq!(watcher.recv_timeout(SOON), Event::TimedOut);
    }

    #[test]
    fn memory_is_bounded_by_bytes_too() {
        let hub = Hub::default();
        let watcher = hub.subscribe("q", Limits { rows: 100, bytes: 10 });
        hub.publish("q", &[row("12345678"), row("12345678"), row("123456789012")]);
        assert_eq!(watcher.recv_timeout(SOON), Event::Lagged(3));
        hub.publish("other", &[row("1")]);
        assert_eq!(watcher.recv_timeout(SOON), Event::TimedOut);
    }

    #[test]
    fn watchers_that_left_are_forgotten_and_closing_wakes_the_others() {
        let hub = Arc::new(Hub::default());
        drop(hub.subscribe("gone", Limits::default()));
        let watcher = hub.subscribe("q", Limits::default());
        assert_eq!(hub.queues.lock().len(), 1);
        let waiting = std::thread::spawn(move || watcher.recv_timeout(Duration::from_secs(20)));
        std::thread::sleep(SOON);
        hub.close();
        assert_eq!(waiting.join().unwrap(), Event::Closed);
    }
}
