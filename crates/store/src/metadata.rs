//! Free facts about each client, and about the server: a JSON object each.

use std::path::PathBuf;

use parking_lot::Mutex;
use serde_json::{Map, Value};

use crate::data_dir::create_private_dir;
use crate::durable;
use crate::encode;
use crate::error::{Error, Result};

/// The most that one object may take, as text.
const MAX_LEN: usize = 1 << 20;

/// The objects of all clients; the server's is that of the client `server`.
#[derive(Debug)]
pub struct Metadata {
    dir: PathBuf,
    changing: Mutex<()>,
}

impl Metadata {
    /// Uses the directory, creating it when missing.
    pub fn open(dir: PathBuf) -> Result<Self> {
        create_private_dir(&dir)?;
        Ok(Self { dir, changing: Mutex::default() })
    }

    /// What is known about a client; empty when nothing is.
    pub fn of(&self, client: &str) -> Result<Map<String, Value>> {
        durable::read_json(&self.path(client)?).map(Option::unwrap_or_default)
    }

    /// Changes the object in one step; on disk when this returns.
    pub fn update(
        &self,
        client: &str,
        change: impl FnOnce(&mut Map<String, Value>),
    ) -> Result<Map<String, Value>> {
        let _changing = self.changing.lock();
        let path = self.path(client)?;
        let before = self.of(client)?;
        let mut object = before.clone();
        change(&mut object);
        if object == before {
            return Ok(object);
        }
        let text =
            serde_json::to_vec(&object).map_err(|source| Error::Damaged { path: path.clone(), source })?;
        if text.len() > MAX_LEN {
            return Err(Error::MetadataTooLong { limit: MAX_LEN });
        }
        durable::write(&path, &text)?;
        Ok(object)
    }

    /// Sets members; those that are null are taken away, others stay.
    pub fn merge(&self, client: &str, members: Map<String, Value>) -> Result<Map<String, Value>> {
        self.update(client, |object| {
            for (name, value) in members {
                match value {
                    Value::Null => {
                        object.shift_remove(&name);
                    }
                    value => {
                        object.insert(name, value);
                    }
                }
            }
        })
    }

    /// Forgets all about a client.
    pub fn remove(&self, client: &str) -> Result<()> {
        let _changing = self.changing.lock();
        durable::remove(&self.path(client)?)
    }

    fn path(&self, client: &str) -> Result<PathBuf> {
        let name = encode::file_name(client).ok_or(Error::PathInvalid)?;
        Ok(self.dir.join(name + ".json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn members_are_set_kept_and_taken_away() {
        let dir = tempfile::tempdir().unwrap();
        let metadata = Metadata::open(dir.path().join("metadata")).unwrap();
        assert!(metadata.of("C.1").unwrap().is_empty());
        metadata.merge("C.1", object(json!({"owner": "fred", "n": [1]}))).unwrap();
        metadata.merge("C.1", object(json!({"owner": null, "place": "x"}))).unwrap();
        assert_eq!(metadata.of("C.1").unwrap(), object(json!({"n": [1], "place": "x"})));
        assert!(metadata.of("server").unwrap().is_empty());
        metadata.remove("C.1").unwrap();
        metadata.remove("C.1").unwrap();
        assert!(metadata.of("C.1").unwrap().is_empty());
    }

    #[test]
    fn endless_facts_are_refused_and_the_old_ones_kept() {
        let dir = tempfile::tempdir().unwrap();
        let metadata = Metadata::open(dir.path().join("metadata")).unwrap();
        metadata.merge("../x", object(json!({"a": 1}))).unwrap();
        let refused = metadata.merge("../x", object(json!({"b": "x".repeat(MAX_LEN)})));
        assert!(matches!(refused, Err(Error::MetadataTooLong { .. })));
        assert_eq!(metadata.of("../x").unwrap(), object(json!({"a": 1})));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
