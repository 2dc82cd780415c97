//! What one task may send, and what it has sent so far.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::header::Origin;
use super::name::FOLDERS;
use super::settings::Limits;
use crate::processing::shown;
use crate::results::Folder;

/// Remarks that are kept of one task; the rest is counted.
const MAX_REMARKS: usize = 100;

/// The uploads of a task, from the start of its machine to the end.
pub(super) struct Session {
    pub task: u32,
    pub folder: Folder,
    pub limits: Limits,
    /// Connections that may still be opened at the same time.
    pub free: Semaphore,
    /// Set when the task is over: whatever is open is cut.
    pub over: CancellationToken,
    pub open: TaskTracker,
    /// Uploads of files that have not ended.
    pub uploads: TaskTracker,
    record: Mutex<File>,
    bytes: AtomicU64,
    files: AtomicU32,
    remarks: Mutex<Remarks>,
}

/// What went other than it should, in words for people.
#[derive(Clone, Debug, Default)]
pub struct Remarks {
    pub texts: Vec<String>,
    /// How many more there were.
    pub more: u64,
}

/// Why a file holds less than what the guest had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// It, or all that the task sent, is larger than allowed.
    Limit,
    /// Nothing came for too long.
    Idle,
    /// The task was over.
    Over,
    /// The connection broke.
    Broken,
}

impl Cut {
    pub fn text(self) -> &'static str {
        match self {
            Self::Limit => "it is larger than allowed",
            Self::Idle => "nothing came for too long",
            Self::Over => "the task was over",
            Self::Broken => "the connection broke",
        }
    }
}

impl Session {
    pub fn begin(task: u32, folder: Folder, limits: Limits) -> io::Result<Self> {
        for name in FOLDERS {
            folder.make_folder(name)?;
        }
        let path = folder.path().join("files.json");
        let record = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        Ok(Self {
            task,
            folder,
            limits,
            free: Semaphore::new(limits.connections),
            over: CancellationToken::new(),
            open: TaskTracker::new(),
            uploads: TaskTracker::new(),
            record: Mutex::new(record),
            bytes: AtomicU64::new(0),
            files: AtomicU32::new(0),
            remarks: Mutex::default(),
        })
    }

    /// Room for one more file.
    pub fn count_file(&self) -> bool {
        self.files.fetch_add(1, Ordering::Relaxed) < self.limits.files
    }

    /// How many of so many bytes may still be written.
    pub fn count_bytes(&self, wanted: u64) -> u64 {
        let before = self.bytes.fetch_add(wanted, Ordering::Relaxed);
        self.limits.total.saturating_sub(before).min(wanted)
    }

    /// Says that something was left out or refused.
    pub fn remark(&self, text: impl FnOnce() -> String) {
        let mut remarks = self.remarks.lock();
        if remarks.texts.len() < MAX_REMARKS {
            remarks.texts.push(text());
        } else {
            remarks.more += 1;
        }
    }

    /// What was said until now; afterwards it is forgotten.
    pub fn take_remarks(&self) -> Remarks {
        std::mem::take(&mut *self.remarks.lock())
    }

    /// The line of a file in `files.json`.
    pub fn note(&self, member: &str, origin: Option<&Origin>, size: u64, cut: Option<Cut>) -> io::Result<()> {
        let line = json!({
            "path": member,
            "filepath": origin.map(|origin| shown(&origin.filepath)),
            "pids": origin.map(|origin| origin.pids.as_slice()).unwrap_or_default(),
            "size": size,
            "cut": cut.is_some(),
            "why": cut.map(Cut::text),
        });
        self.record.lock().write_all(format!("{line}\n").as_bytes())
    }
}
