//! Watching a queue: stored rows from some place on, then those that come, in order and each once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cursor::{Period, Position};
use super::hub::{Limits, Mailbox, Taken};
use super::queue::Queue;
use super::reader::Reader;
use super::row::Row;
use crate::error::{Error, Result};

/// What a watcher gets.
#[derive(Debug)]
pub enum Event {
    /// A row, the text of a JSON object. It has a number when it is stored.
    Row(Option<u64>, Row),
    /// Stored rows that cannot be given: pruned, or damaged. The rows behind them follow.
    LeftOut(Error),
    /// So many rows that were published without being stored came faster than they were taken, and are gone.
    Lost(u64),
    /// Nothing came in the given time.
    TimedOut,
    /// The store was closed, nothing will come any more.
    Closed,
}

/// Watches one queue until dropped.
pub struct Subscription {
    queue: Arc<Queue>,
    mailbox: Arc<Mailbox>,
    /// The number of the next stored row.
    next: u64,
    /// Reads what the mailbox does not hold.
    reader: Option<Reader>,
}

impl Subscription {
    pub(super) fn new(queue: Arc<Queue>, from: &Position, limits: Limits) -> Result<Self> {
        // The mailbox comes first: a row that is not in it is on disk before `end` is asked for.
        let mailbox = queue.watchers.add(limits);
        let end = queue.next();
        let next = if *from == Position::Newest { end } else { queue.resolve(from)? };
        let mut subscription = Self { queue, mailbox, next, reader: None };
        subscription.read_up_to(end);
        Ok(subscription)
    }

    fn read_up_to(&mut self, end: u64) {
        if self.next < end {
            self.reader = Some(Reader::new(self.queue.clone(), self.next, end, Period::ALWAYS));
        }
    }

    /// The text of the place behind the last row that was given, for [`Position::After`]; none while the queue
    /// has never stored a row.
    pub fn cursor(&self) -> Option<String> {
        self.queue.cursor(self.next - 1)
    }

    /// The next event; waits no longer than `timeout`.
    pub fn recv_timeout(&mut self, timeout: Duration) -> Event {
        // A time that cannot be told is a wait without end.
        let end = Instant::now().checked_add(timeout);
        loop {
            if let Some(reader) = &mut self.reader {
                let read = reader.next();
                self.next = self.next.max(reader.next_number());
                match read {
                    Some(Ok((number, row))) => return Event::Row(Some(number), row),
                    Some(Err(error)) => return Event::LeftOut(error),
                    None => self.reader = None,
                }
            }
            match self.mailbox.take(self.next, end) {
                Taken::Row(number, row) => {
                    self.next = number.map_or(self.next, |number| number + 1);
                    return Event::Row(number, row);
                }
                Taken::Behind(end) => self.read_up_to(end),
                Taken::Lost(rows) => return Event::Lost(rows),
                Taken::TimedOut => return Event::TimedOut,
                Taken::Closed => return Event::Closed,
            }
        }
    }
}
