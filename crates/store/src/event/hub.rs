//! Hands new rows to watchers. Each watcher has a bounded buffer; what does not fit is dropped, the oldest first.
//! Stored rows have numbers, so a watcher sees the gap and reads them from disk.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Instant;

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

#[derive(Debug, Default)]
struct Buffer {
    /// Rows with their numbers; those that are not stored have none.
    rows: VecDeque<(Option<u64>, Row)>,
    bytes: usize,
    /// The number behind the last stored row that was handed here.
    next: u64,
    /// Rows without a number that were dropped.
    lost: u64,
    is_closed: bool,
}

/// What a watcher finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    Row(Option<u64>, Row),
    /// The stored rows up to, and without, this number are not here.
    Behind(u64),
    /// So many rows that were not stored are lost.
    Lost(u64),
    TimedOut,
    Closed,
}

/// The rows that wait for one watcher.
#[derive(Debug)]
pub struct Mailbox {
    limits: Limits,
    buffer: Mutex<Buffer>,
    changed: Condvar,
}

impl Mailbox {
    fn push(&self, first: Option<u64>, rows: &[Row]) {
        let mut buffer = self.buffer.lock();
        for (row, place) in rows.iter().zip(0..) {
            let number = first.map(|first| first + place);
            buffer.next = number.map_or(buffer.next, |number| number + 1);
            buffer.bytes += row.len();
            buffer.rows.push_back((number, row.clone()));
            while buffer.rows.len() > self.limits.rows || buffer.bytes > self.limits.bytes {
                let Some((number, oldest)) = buffer.rows.pop_front() else { break };
                buffer.bytes -= oldest.len();
                buffer.lost += u64::from(number.is_none());
            }
        }
        self.changed.notify_one();
    }

    /// The next row for a watcher that has seen all stored rows before `next`; waits until `end`, for ever if
    /// there is none.
    pub fn take(&self, next: u64, end: Option<Instant>) -> Taken {
        let mut buffer = self.buffer.lock();
        loop {
            if let Some(taken) = buffer.take(next) {
                return taken;
            }
            let Some(end) = end else {
                self.changed.wait(&mut buffer);
                continue;
            };
            if self.changed.wait_until(&mut buffer, end).timed_out() {
                return buffer.take(next).unwrap_or(Taken::TimedOut);
            }
        }
    }
}

impl Buffer {
    fn take(&mut self, next: u64) -> Option<Taken> {
        // What was dropped is older than all that is waiting, so it is told first.
        if self.lost > 0 {
            return Some(Taken::Lost(std::mem::take(&mut self.lost)));
        }
        // Rows that were read from disk meanwhile.
        while let Some((Some(number), _)) = self.rows.front()
            && *number < next
        {
            self.pop();
        }
        match self.rows.front() {
            Some((Some(number), _)) if *number > next => Some(Taken::Behind(*number)),
            Some(_) => self.pop(),
            None if self.next > next => Some(Taken::Behind(self.next)),
            None if self.is_closed => Some(Taken::Closed),
            None => None,
        }
    }

    fn pop(&mut self) -> Option<Taken> {
        let (number, row) = self.rows.pop_front()?;
        self.bytes -= row.len();
        Some(Taken::Row(number, row))
    }
}

/// The watchers of one queue.
#[derive(Debug, Default)]
pub struct Watchers(Mutex<Vec<Weak<Mailbox>>>);

impl Watchers {
    pub fn add(&self, limits: Limits) -> Arc<Mailbox> {
        let mailbox = Arc::new(Mailbox { limits, buffer: Mutex::default(), changed: Condvar::new() });
        let mut watchers = self.0.lock();
        // Watchers that left are swept here as well, or a quiet queue would collect them for ever.
        watchers.retain(|watcher| watcher.strong_count() > 0);
        watchers.push(Arc::downgrade(&mailbox));
        mailbox
    }

    /// Hands rows on; `first` is the number of the first if they are stored.
    pub fn push(&self, first: Option<u64>, rows: &[Row]) {
        let watchers: Vec<_> = self.0.lock().iter().filter_map(Weak::upgrade).collect();
        for watcher in watchers {
            watcher.push(first, rows);
        }
    }

    /// Tells all that nothing will come any more.
    pub fn close(&self) {
        for mailbox in self.0.lock().drain(..).filter_map(|watcher| watcher.upgrade()) {
            mailbox.buffer.lock().is_closed = true;
            mailbox.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn row(text: &str) -> Row {
        text.as_bytes().into()
    }

    fn now() -> Option<Instant> {
        Some(Instant::now())
    }

    #[test]
    fn a_slow_watcher_learns_which_stored_rows_to_read_elsewhere() {
        let watchers = Watchers::default();
        let mailbox = watchers.add(Limits { rows: 2, bytes: 1000 });
        watchers.push(Some(7), &[row("7"), row("8"), row("9"), row("10")]);
        assert_eq!(mailbox.take(7, now()), Taken::Behind(9));
        assert_eq!(mailbox.take(9, now()), Taken::Row(Some(9), row("9")));
        assert_eq!(mailbox.take(10, now()), Taken::Row(Some(10), row("10")));
        assert_eq!(mailbox.take(11, now()), Taken::TimedOut);
        watchers.push(Some(11), &[row("11"), row("12")]);
        assert_eq!(mailbox.take(12, now()), Taken::Row(Some(12), row("12")));
    }

    #[test]
    fn rows_that_are_not_stored_are_lost_to_a_slow_watcher() {
        let watchers = Watchers::default();
        let mailbox = watchers.add(Limits { rows: 100, bytes: 10 });
        watchers.push(None, &[row("12345678"), row("abcdefgh")]);
        assert_eq!(mailbox.take(1, now()), Taken::Lost(1));
        assert_eq!(mailbox.take(1, now()), Taken::Row(None, row("abcdefgh")));
        // A row larger than the whole buffer is still found by its number.
        watchers.push(Some(1), &[row("123456789012")]);
        assert_eq!(mailbox.take(1, now()), Taken::Behind(2));
    }

    #[test]
    fn closing_wakes_who_waits() {
        let watchers = Arc::new(Watchers::default());
        drop(watchers.add(Limits::default()));
        let mailbox = watchers.add(Limits::default());
        assert_eq!(watchers.0.lock().len(), 1);
        let waiting = std::thread::spawn(move || mailbox.take(1, None));
        std::thread::sleep(Duration::from_millis(5));
        watchers.close();
        assert_eq!(waiting.join().unwrap(), Taken::Closed);
    }
}
