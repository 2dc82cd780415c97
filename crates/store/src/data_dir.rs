//! The directory that holds all state, and the way to each part of it.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::audit::AuditLog;
use crate::client::Clients;
use crate::db::Location;
use crate::definition::Definitions;
use crate::error::{Error, Result};
use crate::event::{EventStore, Retention};
use crate::file_store::FileStore;
use crate::flow::Flows;
use crate::hunt::Hunts;
use crate::metadata::Metadata;
use crate::monitoring::MonitoringTable;
use crate::profile::Profiles;
use crate::revocation::Revocations;
use crate::secret::Secrets;

/// The data directory. Opening it takes no locks and starts nothing; each part does so when asked for.
#[derive(Clone, Debug)]
pub struct DataDir {
    root: PathBuf,
}

impl DataDir {
    /// Uses `root`, creating it (readable by its owner only) when missing. One that others can change is
    /// refused: the usual place is below a directory where everybody may have made it first.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self> {
        let root = root.into();
        create_private_dir(&root)?;
        let meta = fs::metadata(&root).map_err(Error::io("read", &root))?;
        if meta.uid() != rustix::process::geteuid().as_raw() || meta.mode() & 0o002 != 0 {
            return Err(Error::Exposed { path: root });
        }
        Ok(Self { root })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Where the database is, unless somebody says otherwise.
    pub fn database(&self) -> Location {
        Location::Sqlite(self.root.join("harrier.db"))
    }

    /// The certificates that lost trust.
    pub fn revocations(&self) -> Revocations {
        Revocations::open(self.root.join("revoked.json"))
    }

    /// The event queues; only one process can have them open.
    pub fn events(&self, retention: Retention) -> Result<EventStore> {
        EventStore::open(self.root.join("events"), retention)
    }

    /// The artifact definitions that owners wrote.
    pub fn definitions(&self) -> Result<Definitions> {
        Definitions::open(self.root.join("artifacts"))
    }

    /// The file store.
    pub fn files(&self) -> Result<FileStore> {
        FileStore::open(self.root.join("files"))
    }

    /// The collections, whose rows and files are in the file store.
    pub fn flows(&self, files: Arc<FileStore>) -> Result<Flows> {
        Flows::open(self.root.join("flows"), files)
    }

    /// The event artifacts that run.
    pub fn monitoring(&self) -> Result<MonitoringTable> {
        MonitoringTable::open(self.root.join("monitoring.json"))
    }

    /// The managed secrets.
    pub fn secrets(&self) -> Secrets {
        Secrets::open(self.root.join("secrets"))
    }

    /// The clients.
    pub fn clients(&self) -> Result<Clients> {
        Clients::open(self.root.join("clients"))
    }

    /// Free facts about clients.
    pub fn metadata(&self) -> Result<Metadata> {
        Metadata::open(self.root.join("metadata"))
    }

    /// The hunts.
    pub fn hunts(&self) -> Result<Hunts> {
        Hunts::open(self.root.join("hunts"))
    }

    /// What users keep for themselves.
    pub fn profiles(&self) -> Result<Profiles> {
        Profiles::in_data_dir(&self.root)
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_directory_that_others_can_change_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("data");
        DataDir::open(&root).unwrap();
        assert_eq!(fs::metadata(&root).unwrap().permissions().mode() & 0o777, 0o700);
        fs::set_permissions(&root, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(DataDir::open(&root), Err(Error::Exposed { .. })));
    }

    #[test]
    fn every_part_opens_in_an_empty_directory() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(dir.path().join("data")).unwrap();
        assert!(crate::user::Users::open(&data.database()).unwrap().list().unwrap().is_empty());
        assert!(!data.revocations().is_revoked("1", "2"));
        assert!(data.events(Retention::default()).unwrap().queues().unwrap().is_empty());
        assert!(data.files().unwrap().read_at(&["a"], 0, 1).is_err());
        data.audit().unwrap().flush().unwrap();
    }
}
