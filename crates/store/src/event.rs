//! Event queues: rows are appended durably, handed to everyone watching the queue, and can be read back.
//!
//! A queue is named like the artifact whose rows it carries. Each stored row has a number, counted per queue from
//! 1 on. Rows lie in *segments*, files of consecutive rows that are named by the number of the first:
//!
//! ```text
//! events/<queue>/.incarnation                            random, part of every cursor   [cursor]
//! events/<queue>/0000000000000001_2026-09-30.jsonl.zst   sealed: compressed, with index [sealed]
//! events/<queue>/0000000000052001_2026-10-01.jsonl       the one appended to: plain     [plain]
//! ```
//!
//! An append returns once the rows are on disk. A segment is finished when the day (UTC) is over or it is large, and
//! then sealed in the background; `recover` tells what is done about a process that was killed meanwhile.
//! Source: the gRPC reference, section 3.2.
//!
//! All calls block; watchers are meant for threads that may.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use crate::data_dir::create_private_dir;
use crate::error::{Error, Result};

mod cursor;
mod delete;
mod hub;
mod keeper;
pub mod keys;
mod plain;
mod queue;
mod reader;
mod recover;
mod row;
pub mod sealed;
pub mod search;
mod segment;
mod shared;
mod subscription;
mod writer;

pub use cursor::{Period, Position};
pub use delete::Removed;
pub use queue::Extent;
pub use reader::Reader;
pub use row::{MAX_BATCH, MAX_ROW, Row, parse_jsonl, parse_rows};
pub use search::{Found, Most, Search};
pub(crate) use shared::Limits;
pub use shared::Retention;
pub use subscription::{Event, Subscription};
pub use writer::MAX_WAITING;

use shared::Shared;

/// The queue that state-changing actions are reported to.
pub const AUDIT_QUEUE: &str = "Server.Audit.Logs";

/// The event queues of a data directory.
pub struct EventStore {
    shared: Arc<Shared>,
    sender: Option<writer::Sender>,
    threads: Vec<JoinHandle<()>>,
    /// Held for as long as the store is open: two writers would tear each other's lines.
    _lock: File,
}

impl EventStore {
    /// Opens the queues below `dir`, makes good what a killed process left, and starts writing.
    pub fn open(dir: PathBuf, retention: Retention) -> Result<Self> {
        Self::open_with(dir, retention, Limits::default())
    }

    pub(crate) fn open_with(dir: PathBuf, retention: Retention, limits: Limits) -> Result<Self> {
        create_private_dir(&dir)?;
        let path = dir.join(".lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(Error::io("open", &path))?;
        lock.try_lock().map_err(|_| Error::InUse { path: dir.clone() })?;
        let shared = Arc::new(Shared::open(dir, retention, limits)?);
        let (keeper, keeping) = keeper::start(shared.clone())?;
        let (sender, writing) = writer::start(shared.clone(), keeper)?;
        Ok(Self { shared, sender: Some(sender), threads: vec![writing, keeping], _lock: lock })
    }

    /// Stores rows and hands them to watchers; returns once they are on disk.
    pub fn append(&self, queue: &str, rows: Vec<Row>) -> Result<()> {
        match self.batch(queue, rows)? {
            Some(batch) => self.sender()?.append(batch),
            None => Ok(()),
        }
    }

    /// Stores rows and hands them to watchers; tells `done`, on the writer's thread, once they are on disk. Blocks only
    /// while [`MAX_WAITING`] batches wait.
    pub fn append_then(
        &self,
        queue: &str,
        rows: Vec<Row>,
        done: impl FnOnce(Result<()>) + Send + 'static,
    ) -> Result<()> {
        match self.batch(queue, rows)? {
            Some(batch) => self.sender()?.append_then(batch, Box::new(done)),
            None => {
                done(Ok(()));
                Ok(())
            }
        }
    }

    fn batch(&self, queue: &str, rows: Vec<Row>) -> Result<Option<writer::Batch>> {
        let queue = self.shared.queue(queue)?;
        if let Some(line) = rows.iter().position(|row| row.contains(&b'\n') || row.len() > MAX_ROW) {
            return Err(Error::RowInvalid { line: line + 1, source: None });
        }
        Ok((!rows.is_empty()).then_some(writer::Batch { queue, rows }))
    }

    /// Finds stored rows by key, period and whatever else, the newest first.
    pub fn search(&self, queue: &str, search: &Search<'_>) -> Result<Found> {
        search::run(&*self.shared.queue(queue)?, search)
    }

    /// Says which row of a queue is the first that somebody still needs: age is no reason to remove it. Too many bytes are.
    pub fn hold(&self, queue: &str, number: u64) -> Result<()> {
        self.shared.queue(queue)?.hold(number);
        Ok(())
    }

    /// What lies in a queue from row `number` on: how many rows, and about how many bytes on disk.
    pub fn extent(&self, queue: &str, number: u64) -> Result<Extent> {
        Ok(self.shared.queue(queue)?.extent(number))
    }

    /// The text of the place behind the last row of a queue, for [`Position::After`]; none before the first row.
    pub fn end(&self, queue: &str) -> Result<Option<String>> {
        let queue = self.shared.queue(queue)?;
        Ok(queue.cursor(queue.next() - 1))
    }

    /// The number of the first row behind a position.
    pub fn resolve(&self, queue: &str, position: &Position) -> Result<u64> {
        self.shared.queue(queue)?.resolve(position)
    }

    /// Hands rows to watchers without storing them. They have no number, and a watcher that is too slow loses them.
    pub fn publish(&self, queue: &str, rows: &[Row]) -> Result<()> {
        if let Some(queue) = self.shared.find(queue)? {
            queue.watchers.push(None, rows);
        }
        Ok(())
    }

    /// Watches a queue: the rows stored behind a position, then those that come.
    pub fn subscribe(&self, queue: &str, from: &Position) -> Result<Subscription> {
        Subscription::new(self.shared.queue(queue)?, from, hub::Limits::default())
    }

    /// Reads the rows of a period that are stored behind a position and were appended before this call.
    pub fn read(&self, queue: &str, from: &Position, period: Period) -> Result<Reader> {
        let queue = self.shared.queue(queue)?;
        let (next, end) = (queue.resolve(from)?, queue.next());
        Ok(Reader::new(queue, next, end, period))
    }

    /// Removes the rows of a period, or tells which they are unless `really`; a report for each segment.
    pub fn delete(&self, queue: &str, period: Period, really: bool) -> Result<Vec<Removed>> {
        let Some(queue) = self.shared.find(queue)?.filter(|queue| queue.is_kept()) else {
            return Ok(Vec::new());
        };
        if really {
            self.sender()?.finish(queue.clone())?;
        }
        let segments = queue.with(|state| state.segments.clone());
        let mut removed = Vec::new();
        for (first, segment) in segments {
            if !segment.is_sealed() && !really {
                removed.extend(delete::from_plain(&queue, first, &segment, period));
                continue;
            }
            keeper::seal_if_finished(&self.shared, &queue, first)?;
            removed.extend(delete::from_sealed(&queue, first, period, really)?);
        }
        Ok(removed)
    }

    /// The names of all queues that ever stored a row.
    pub fn queues(&self) -> Result<Vec<String>> {
        let queues = self.shared.queues().into_iter().filter(|queue| queue.is_kept());
        Ok(queues.map(|queue| queue.name.clone()).collect())
    }

    fn sender(&self) -> Result<&writer::Sender> {
        self.sender.as_ref().ok_or(Error::WriterStopped { what: "events" })
    }
}

impl Drop for EventStore {
    fn drop(&mut self) {
        // The writer ends when the last sender is gone, after it wrote what is waiting; then so does the keeper.
        self.sender = None;
        self.shared.stop();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        for queue in self.shared.queues() {
            queue.watchers.close();
        }
    }
}

#[cfg(test)]
mod tests;
