//! The rows on their way to one reader.

use std::collections::VecDeque;
use std::io::{Read, Seek, SeekFrom};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use vql::call::{Error, Stop};
use vql::cancel::Cancel;
use vql::codec;
use vql::host::Spill;
use vql::value::Value;

/// What waits in memory at most.
const MAX_ROWS: usize = 1000;
const MAX_BYTES: usize = 16 << 20;

/// What waits in a temporary file at most.
const MAX_FILE: u64 = 4 << 30;

/// How often cancellation is looked at.
const STEP: Duration = Duration::from_millis(200);

/// A bounded queue with one writer and one reader.
pub struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    memory: VecDeque<(usize, Value)>,
    bytes: usize,
    /// Rows after those in memory.
    file: Option<Spooled>,
    /// No more rows will come.
    is_over: bool,
    /// Nobody takes rows any more.
    is_left: bool,
}

struct Spooled {
    file: Box<dyn Spill>,
    read: u64,
    written: u64,
}

impl Queue {
    /// A queue; with a file, rows that memory does not hold wait there instead of making the writer wait.
    pub fn new(file: Option<Box<dyn Spill>>) -> Self {
        let file = file.map(|file| Spooled { file, read: 0, written: 0 });
        let state = State { memory: VecDeque::new(), bytes: 0, file, is_over: false, is_left: false };
        Queue { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Adds a row, waiting for room; does nothing when the reader left.
    pub fn push(&self, row: &Value, cancel: &Cancel) -> Result<(), Stop> {
        let weight = row.weight();
        let mut state = self.state.lock();
        loop {
            if state.is_left {
                return Ok(());
            }
            if state.has_room(weight) {
                state.bytes += weight;
                state.memory.push_back((weight, row.clone()));
                break;
            }
            if let Some(file) = &mut state.file
                && file.written < MAX_FILE
            {
                file.write(row).map_err(Stop::Failed)?;
                break;
            }
            if cancel.is_cancelled() {
                return Err(Stop::Done);
            }
            self.changed.wait_for(&mut state, STEP);
        }
        self.changed.notify_all();
        Ok(())
    }

    /// Takes a row, waiting for one; `None` when there are no more.
    pub fn pop(&self, cancel: &Cancel) -> Result<Option<Value>, Stop> {
        let mut state = self.state.lock();
        loop {
            if let Some((weight, row)) = state.memory.pop_front() {
                state.bytes -= weight;
                self.changed.notify_all();
                return Ok(Some(row));
            }
            if let Some(file) = &mut state.file
                && let Some(row) = file.next().map_err(Stop::Failed)?
            {
                return Ok(Some(row));
            }
            if state.is_over {
                return Ok(None);
            }
            if cancel.is_cancelled() {
                return Err(Stop::Done);
            }
            self.changed.wait_for(&mut state, STEP);
        }
    }

    /// No more rows will be pushed.
    pub fn end(&self) {
        self.state.lock().is_over = true;
        self.changed.notify_all();
    }

    /// No more rows will be taken.
    pub fn leave(&self) {
        let mut state = self.state.lock();
        state.is_left = true;
        state.memory.clear();
        drop(state);
        self.changed.notify_all();
    }
}

impl State {
    /// Whether memory takes a row: never one that would overtake those in the file.
    fn has_room(&self, weight: usize) -> bool {
        let file_is_empty = self.file.as_ref().is_none_or(|file| file.read == file.written);
        let fits =
            self.memory.is_empty() || (self.memory.len() < MAX_ROWS && self.bytes + weight <= MAX_BYTES);
        file_is_empty && fits
    }
}

impl Spooled {
    fn write(&mut self, row: &Value) -> Result<(), Error> {
        let mut bytes = Vec::new();
        codec::write(row, &mut bytes);
        let length = bytes.len() as u64;
        self.at(self.written, |file| {
            file.write_all(&length.to_le_bytes())?;
            file.write_all(&bytes)
        })?;
        self.written += 8 + length;
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Value>, Error> {
        if self.read == self.written {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        self.at(self.read, |file| {
            let mut length = [0; 8];
            file.read_exact(&mut length)?;
            file.take(u64::from_le_bytes(length)).read_to_end(&mut bytes).map(|_| ())
        })?;
        self.read += 8 + bytes.len() as u64;
        if self.read == self.written {
            // Everything was taken: the file begins anew.
            (self.read, self.written) = (0, 0);
        }
        codec::read(&mut &bytes[..]).map(Some)
    }

    fn at(
        &mut self,
        place: u64,
        work: impl FnOnce(&mut dyn Spill) -> std::io::Result<()>,
    ) -> Result<(), Error> {
        let failed = |e: std::io::Error| Error::new(format!("temporary file: {e}"));
        self.file.seek(SeekFrom::Start(place)).map_err(failed)?;
        work(&mut *self.file).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::sync::Arc;

    use super::*;

    fn taken(queue: &Queue) -> Vec<i64> {
        let mut rows = Vec::new();
        while let Ok(Some(Value::Int(row))) = queue.pop(&Cancel::new()) {
            rows.push(row);
        }
        rows
    }

    #[test]
    fn a_full_queue_holds_its_writer() {
        let queue = Arc::new(Queue::new(None));
        let cancel = Cancel::new();
        let writer = {
            let (queue, cancel) = (queue.clone(), cancel.clone());
            std::thread::spawn(move || {
                let count = (0..).take_while(|i| queue.push(&Value::Int(*i), &cancel).is_ok()).count();
                queue.end();
                count
            })
        };
        std::thread::sleep(Duration::from_millis(300));
        cancel.cancel();
        assert_eq!(writer.join().unwrap(), MAX_ROWS);
        assert_eq!(taken(&queue).len(), MAX_ROWS);
    }

    #[test]
    fn a_file_takes_what_memory_does_not() {
        let queue = Queue::new(Some(Box::new(Cursor::new(Vec::new()))));
        let count = 3 * MAX_ROWS as i64;
        for i in 0..count {
            queue.push(&Value::Int(i), &Cancel::new()).unwrap();
        }
        let first = queue.pop(&Cancel::new()).unwrap();
        assert!(matches!(first, Some(Value::Int(0))));
        // Room in memory again, but rows in the file come first.
        queue.push(&Value::Int(count), &Cancel::new()).unwrap();
        queue.end();
        assert_eq!(taken(&queue), (1..=count).collect::<Vec<_>>());
    }

    #[test]
    fn who_left_holds_nobody_up() {
        let queue = Queue::new(None);
        queue.leave();
        for i in 0..2 * MAX_ROWS as i64 {
            queue.push(&Value::Int(i), &Cancel::new()).unwrap();
        }
    }
}
