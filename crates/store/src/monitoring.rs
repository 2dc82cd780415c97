//! Which event artifacts the server runs, with their parameters and who asked for them.

use std::path::PathBuf;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::durable;
use crate::error::{Error, Result};
use crate::flow::Parameters;

/// One artifact to run for ever.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Entry {
    pub artifact: String,
    pub parameters: Parameters,
    /// The user with whose rights it runs.
    pub creator: String,
}

/// The table of event artifacts.
#[derive(Debug)]
pub struct MonitoringTable {
    path: PathBuf,
    entries: Mutex<Vec<Entry>>,
}

impl MonitoringTable {
    /// Reads the table; empty when there is none.
    pub fn open(path: PathBuf) -> Result<Self> {
        let entries = match durable::read(&path)? {
            None => Vec::new(),
            Some((_, text)) => serde_json::from_slice(&text)
                .map_err(|source| Error::Damaged { path: path.clone(), source })?,
        };
        Ok(Self { path, entries: Mutex::new(entries) })
    }

    /// What is in it.
    pub fn entries(&self) -> Vec<Entry> {
        self.entries.lock().clone()
    }

    /// Changes it; on disk when this returns.
    pub fn change(&self, change: impl FnOnce(&mut Vec<Entry>)) -> Result<()> {
        let mut entries = self.entries.lock();
        let mut changed = entries.clone();
        change(&mut changed);
        let text = serde_json::to_vec(&changed)
            .map_err(|source| Error::Damaged { path: self.path.clone(), source })?;
        durable::write(&self.path, &text)?;
        *entries = changed;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_survive_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("monitoring.json");
        let entry = Entry { artifact: "A".into(), creator: "fred".into(), ..Entry::default() };
        MonitoringTable::open(path.clone()).unwrap().change(|e| e.push(entry.clone())).unwrap();
        assert_eq!(MonitoringTable::open(path).unwrap().entries(), [entry]);
    }
}
