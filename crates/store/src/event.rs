//! Event queues: rows are appended durably and handed to everyone watching the queue.
//!
//! A queue is named like the artifact whose rows it carries; its rows lie in `events/<queue>/<day>.jsonl`.
//! An append returns once the rows are on disk. Source: the gRPC reference, section 3.2.
//!
//! All calls block; watchers are meant for threads that may.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use crate::data_dir::create_private_dir;
use crate::encode;
use crate::error::{Error, Result};

mod hub;
mod log;
mod row;
mod writer;

pub use hub::{Event, Subscription};
pub use row::{MAX_BATCH, MAX_ROW, Row, parse_jsonl, parse_rows};

/// The queue that state-changing actions are reported to.
pub const AUDIT_QUEUE: &str = "Server.Audit.Logs";

/// The longest queue name.
const MAX_QUEUE_NAME: usize = 128;

/// The event queues of a data directory.
#[derive(Debug)]
pub struct EventStore {
    dir: PathBuf,
    hub: Arc<hub::Hub>,
    sender: Option<writer::Sender>,
    writer: Option<JoinHandle<()>>,
    /// Held for as long as the store is open: two writers would tear each other's lines.
    _lock: File,
}

impl EventStore {
    /// Opens the queues below `dir`, cuts off lines that a crash left half-written, and starts the writer.
    pub fn open(dir: PathBuf) -> Result<Self> {
        create_private_dir(&dir)?;
        let path = dir.join(".lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(Error::io("open", &path))?;
        lock.try_lock().map_err(|_| Error::InUse { path: dir.clone() })?;
        log::heal(&dir)?;
        let hub = Arc::<hub::Hub>::default();
        let (sender, writer) = writer::start(log::Logs::new(dir.clone()), hub.clone())?;
        Ok(Self { dir, hub, sender: Some(sender), writer: Some(writer), _lock: lock })
    }

    /// Stores rows and hands them to watchers; returns once they are on disk.
    pub fn append(&self, queue: &str, rows: Vec<Row>) -> Result<()> {
        let name = check_queue(queue)?;
        if rows.is_empty() {
            return Ok(());
        }
        let Some(sender) = &self.sender else { return Err(Error::WriterStopped { what: "events" }) };
        sender.append(writer::Batch { queue: queue.to_owned(), file_name: name, rows })
    }

    /// Hands rows to watchers without storing them.
    pub fn publish(&self, queue: &str, rows: &[Row]) -> Result<()> {
        check_queue(queue)?;
        self.hub.publish(queue, rows);
        Ok(())
    }

    /// Watches a queue from now on.
    pub fn subscribe(&self, queue: &str) -> Result<Subscription> {
        check_queue(queue)?;
        Ok(self.hub.subscribe(queue, hub::Limits::default()))
    }

    /// The names of all queues that ever stored a row.
    pub fn queues(&self) -> Result<Vec<String>> {
        let mut names = log::queue_dirs(&self.dir)?.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        names.sort();
        Ok(names)
    }
}

impl Drop for EventStore {
    fn drop(&mut self) {
        // The writer ends when the last sender is gone, after it wrote what is waiting.
        self.sender = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
        self.hub.close();
    }
}

/// Gives the directory name of a queue, or says why there can be no queue of that name.
fn check_queue(name: &str) -> Result<String> {
    let fits = name.len() <= MAX_QUEUE_NAME && !name.chars().any(char::is_control) && name.trim() == name;
    fits.then(|| encode::file_name(name)).flatten().ok_or_else(|| Error::NameInvalid {
        what: "queue name",
        name: name.to_owned(),
        rule: "1 to 128 bytes without control characters or outer blanks",
    })
}

#[cfg(test)]
mod tests;
