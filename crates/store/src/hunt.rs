//! Hunts: collections that every client of a kind gets, also clients that come later.
//!
//! A record is a small JSON file, `hunts/<id>.json`; all are kept in memory. Which client got which collection is a
//! line in `hunts/<id>.clients.jsonl`. Fields are those of the message `Hunt` (the gRPC reference, section 11) in
//! its order.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::data_dir::create_private_dir;
use crate::durable;
use crate::encode;
use crate::error::{Error, Result};
use crate::flow::Flow;
use crate::rows::RowReader;

mod record;

pub use record::{Assignment, Condition, Hunt, HuntState, HuntStats, Labels, Os, OsCondition};

/// All hunts.
#[derive(Debug)]
pub struct Hunts {
    dir: PathBuf,
    known: Mutex<BTreeMap<String, Arc<Hunt>>>,
    /// The clients of hunts that were asked for since the server started.
    clients: Mutex<HashMap<String, HashSet<String>>>,
}

impl Hunts {
    /// Uses the directory, creating it when missing, and reads all records. A damaged one is reported and left out.
    pub fn open(dir: PathBuf) -> Result<Self> {
        create_private_dir(&dir)?;
        let mut known = BTreeMap::new();
        for entry in fs::read_dir(&dir).map_err(Error::io("list", &dir))? {
            let path = entry.map_err(Error::io("list", &dir))?.path();
            if path.extension().is_none_or(|e| e != "json") {
                continue;
            }
            match durable::read_json::<Hunt>(&path) {
                Ok(Some(hunt)) => {
                    known.insert(hunt.hunt_id.clone(), Arc::new(hunt));
                }
                Ok(None) => {}
                Err(error) => tracing::error!(%error, "a hunt is left out"),
            }
        }
        Ok(Self { dir, known: Mutex::new(known), clients: Mutex::default() })
    }

    /// A new id, in the order of time: `H.` and 13 characters.
    pub fn new_id(&self) -> Result<String> {
        Ok(format!("H.{}", encode::timed_id()?))
    }

    /// The hunt of that id.
    pub fn find(&self, id: &str) -> Option<Arc<Hunt>> {
        self.known.lock().get(id).cloned()
    }

    /// As [`Hunts::find`]; none is an error.
    pub fn get(&self, id: &str) -> Result<Arc<Hunt>> {
        self.find(id).ok_or_else(|| Error::HuntUnknown(id.to_owned()))
    }

    /// All hunts, newest first.
    pub fn list(&self) -> Vec<Arc<Hunt>> {
        self.known.lock().values().rev().cloned().collect()
    }

    /// Adds a hunt; on disk when this returns.
    pub fn add(&self, hunt: Hunt) -> Result<Arc<Hunt>> {
        self.store(&mut self.known.lock(), hunt)
    }

    /// Changes a record in one step. When nothing changes, nothing is written.
    pub fn update(&self, id: &str, change: impl FnOnce(&mut Hunt)) -> Result<Arc<Hunt>> {
        let mut known = self.known.lock();
        let before = known.get(id).cloned().ok_or_else(|| Error::HuntUnknown(id.to_owned()))?;
        let mut hunt = (*before).clone();
        change(&mut hunt);
        id.clone_into(&mut hunt.hunt_id);
        if hunt == *before {
            return Ok(before);
        }
        hunt.version = jiff::Timestamp::now().as_microsecond();
        self.store(&mut known, hunt)
    }

    /// Whether the client has its collection of this hunt.
    pub fn has(&self, id: &str, client: &str) -> Result<bool> {
        self.with_clients(id, |clients| clients.contains(client))
    }

    /// Notes the collections that clients got. On disk when this returns.
    pub fn assign(&self, id: &str, assignments: &[Assignment]) -> Result<()> {
        if assignments.is_empty() {
            return Ok(());
        }
        let new = self.with_clients(id, |clients| {
            self.append(id, assignments)?;
            let new = assignments.iter().filter(|a| clients.insert(a.client_id.clone())).count();
            Ok::<_, Error>(new as u64)
        })??;
        self.update(id, |hunt| hunt.stats.total_clients_scheduled += new).map(drop)
    }

    /// Counts a collection that has ended.
    pub fn count(&self, id: &str, flow: &Flow) -> Result<()> {
        self.update(id, |hunt| hunt.stats.count(flow)).map(drop)
    }

    /// Which client got which collection, oldest first.
    pub fn assignments(&self, id: &str) -> Result<Vec<Assignment>> {
        let path = self.clients_path(id)?;
        let rows = match File::open(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            file => RowReader::new(file.map_err(Error::io("read", &path))?),
        };
        let parse = |text: Vec<u8>| {
            serde_json::from_slice(&text).map_err(|source| Error::Damaged { path: path.clone(), source })
        };
        rows.map(|text| text.and_then(parse)).collect()
    }

    /// Forgets a hunt; its collections stay. Says whether there was one.
    pub fn remove(&self, id: &str) -> Result<bool> {
        let mut known = self.known.lock();
        if !known.contains_key(id) {
            return Ok(false);
        }
        durable::remove(&self.path(id)?)?;
        durable::remove(&self.clients_path(id)?)?;
        known.remove(id);
        self.clients.lock().remove(id);
        Ok(true)
    }

    fn with_clients<T>(&self, id: &str, use_them: impl FnOnce(&mut HashSet<String>) -> T) -> Result<T> {
        let mut all = self.clients.lock();
        if !all.contains_key(id) {
            let clients = self.assignments(id)?.into_iter().map(|a| a.client_id).collect();
            all.insert(id.to_owned(), clients);
        }
        Ok(use_them(all.entry(id.to_owned()).or_default()))
    }

    fn append(&self, id: &str, assignments: &[Assignment]) -> Result<()> {
        let path = self.clients_path(id)?;
        let failed = || Error::io("write", &path);
        let mut lines = Vec::new();
        for assignment in assignments {
            serde_json::to_writer(&mut lines, assignment)
                .map_err(|source| Error::Damaged { path: path.clone(), source })?;
            lines.push(b'\n');
        }
        let mut file = File::options().create(true).append(true).open(&path).map_err(failed())?;
        file.write_all(&lines).and_then(|()| file.sync_all()).map_err(failed())?;
        durable::sync_dir(&self.dir).map_err(failed())
    }

    fn store(&self, known: &mut BTreeMap<String, Arc<Hunt>>, hunt: Hunt) -> Result<Arc<Hunt>> {
        durable::write_json(&self.path(&hunt.hunt_id)?, &hunt)?;
        let hunt = Arc::new(hunt);
        known.insert(hunt.hunt_id.clone(), hunt.clone());
        Ok(hunt)
    }

    fn path(&self, id: &str) -> Result<PathBuf> {
        Ok(self.dir.join(encode::file_name(id).ok_or(Error::PathInvalid)? + ".json"))
    }

    fn clients_path(&self, id: &str) -> Result<PathBuf> {
        Ok(self.dir.join(encode::file_name(id).ok_or(Error::PathInvalid)? + ".clients.jsonl"))
    }
}

#[cfg(test)]
mod tests;
