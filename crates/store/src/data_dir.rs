//! The directory that holds all state, and the way to each part of it.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::audit::AuditLog;
use crate::error::{Error, Result};
use crate::event::EventStore;
use crate::file_store::FileStore;
use crate::revocation::Revocations;
use crate::user::Users;

/// The data directory. Opening it takes no locks and starts nothing; each part does so when asked for.
#[derive(Clone, Debug)]
pub struct DataDir {
    root: PathBuf,
}

impl DataDir {
    /// Uses `root`, creating it (readable by its owner only) when missing.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self> {
        let root = root.into();
        create_private_dir(&root)?;
        Ok(Self { root })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// The user records.
    pub fn users(&self) -> Result<Users> {
        Users::open(self.root.join("users"))
    }

    /// The certificates that lost trust.
    pub fn revocations(&self) -> Revocations {
        Revocations::open(self.root.join("revoked.json"))
    }

    /// The event queues; only one process can have them open.
    pub fn events(&self) -> Result<EventStore> {
        EventStore::open(self.root.join("events"))
    }

    /// The file store.
    pub fn files(&self) -> Result<FileStore> {
        FileStore::open(self.root.join("files"))
    }

    /// The audit log.
    pub fn audit(&self) -> Result<AuditLog> {
        AuditLog::open(self.root.join("logs/audit.jsonl"))
    }
}

/// Creates a directory that only its owner can enter, with its parents.
pub(crate) fn create_private_dir(path: &Path) -> Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Error::io("create", path))
}
