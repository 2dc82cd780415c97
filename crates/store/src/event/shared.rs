//! What the callers, the writer and the keeper of an event store share.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use parking_lot::Mutex;

use super::keys::KeysOf;
use super::queue::Queue;
use crate::encode;
use crate::error::{Error, Result};

/// The longest queue name.
const MAX_QUEUE_NAME: usize = 128;

/// How long and how much is kept; nothing is ever removed without a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Segments whose last day is over for longer are removed.
    pub max_age: Option<std::time::Duration>,
    /// The oldest sealed segments are removed while all take more bytes than this on disk.
    pub max_bytes: Option<u64>,
}

/// Sizes, and the clock: tests have their own.
#[derive(Clone)]
pub struct Limits {
    /// A segment with more bytes is finished.
    pub segment: u64,
    /// Bytes of rows in one block.
    pub block: usize,
    pub now: fn() -> Timestamp,
    /// What rows are found by, besides number and time.
    pub keys_of: Option<KeysOf>,
    /// Whether nothing goes for its age until [`super::EventStore::hold`] says what is still needed.
    pub is_held: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { segment: 64 << 20, block: 1 << 20, now: Timestamp::now, keys_of: None, is_held: false }
    }
}

/// The queues of a directory.
pub struct Shared {
    pub dir: PathBuf,
    pub retention: Retention,
    pub limits: Limits,
    queues: Mutex<HashMap<String, Arc<Queue>>>,
    is_stopping: AtomicBool,
}

impl Shared {
    /// Opens every queue below `dir`.
    pub fn open(dir: PathBuf, retention: Retention, limits: Limits) -> Result<Self> {
        let mut queues = HashMap::new();
        for (name, path) in queue_dirs(&dir)? {
            let queue = Queue::open(&name, path, limits.is_held)?;
            queues.insert(name, Arc::new(queue));
        }
        let (queues, is_stopping) = (Mutex::new(queues), AtomicBool::new(false));
        Ok(Self { dir, retention, limits, queues, is_stopping })
    }

    /// The queue of that name, if it has rows or watchers.
    pub fn find(&self, name: &str) -> Result<Option<Arc<Queue>>> {
        file_name(name)?;
        Ok(self.queues.lock().get(name).cloned())
    }

    /// The queue of that name; one that never stored a row takes no place on disk.
    pub fn queue(&self, name: &str) -> Result<Arc<Queue>> {
        let dir = self.dir.join(file_name(name)?);
        let mut queues = self.queues.lock();
        if let Some(queue) = queues.get(name) {
            return Ok(queue.clone());
        }
        // Names that somebody only listened to are forgotten with the last listener.
        // What is held is not: there the names are few, and the store's own.
        queues.retain(|_, queue| self.limits.is_held || queue.is_kept() || Arc::strong_count(queue) > 1);
        let queue = Arc::new(Queue::open(name, dir, self.limits.is_held)?);
        queues.insert(name.to_owned(), queue.clone());
        Ok(queue)
    }

    /// Every queue, by name.
    pub fn queues(&self) -> Vec<Arc<Queue>> {
        let mut queues: Vec<_> = self.queues.lock().values().cloned().collect();
        queues.sort_by(|a, b| a.name.cmp(&b.name));
        queues
    }

    /// The day it is, in UTC.
    pub fn today(&self) -> Date {
        (self.limits.now)().to_zoned(TimeZone::UTC).date()
    }

    /// Ends what runs in the background as soon as possible.
    pub fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    pub fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }
}

/// All queues below `dir`: name and directory.
fn queue_dirs(dir: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(Error::io("list", dir))? {
        let path = entry.map_err(Error::io("list", dir))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).and_then(encode::decode);
        if let Some(name) = name.filter(|_| path.is_dir()) {
            found.push((name, path));
        }
    }
    Ok(found)
}

/// Gives the directory name of a queue, or says why there can be no queue of that name.
fn file_name(name: &str) -> Result<String> {
    let fits = name.len() <= MAX_QUEUE_NAME && !name.chars().any(char::is_control) && name.trim() == name;
    fits.then(|| encode::file_name(name)).flatten().ok_or_else(|| Error::NameInvalid {
        what: "queue name",
        name: name.to_owned(),
        rule: "1 to 128 bytes without control characters or outer blanks",
    })
}
