//! Artifact definitions that owners wrote: YAML files below one directory, whoever put them there.
//!
//! What the server writes is `<name>.yaml`; files that people drop there may have any name and lie in
//! subdirectories. Facts that are not part of a definition's text are in `.metadata.json`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use serde_json::Value;

use crate::data_dir::create_private_dir;
use crate::durable::{self, Stamp};
use crate::encode;
use crate::error::{Error, Result};

/// Files looked at; a directory with more is taken for a mistake.
const MAX_FILES: usize = 20_000;
/// The deepest subdirectory.
const MAX_DEPTH: u32 = 8;
/// The longest file that is read.
const MAX_LEN: u64 = 1 << 20;

const METADATA: &str = ".metadata.json";

/// The directory of definitions.
#[derive(Debug)]
pub struct Definitions {
    dir: PathBuf,
    writing: Mutex<()>,
}

/// The state of every file: equal when nothing changed.
pub type Stamps = BTreeMap<PathBuf, Stamp>;

impl Definitions {
    /// Uses the directory, creating it when missing.
    pub fn open(dir: PathBuf) -> Result<Self> {
        create_private_dir(&dir)?;
        Ok(Self { dir, writing: Mutex::new(()) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// The files that hold definitions, with their states.
    pub fn stamps(&self) -> Result<Stamps> {
        let mut found = Stamps::new();
        walk(&self.dir, 0, &mut found).map_err(Error::io("list", &self.dir))?;
        Ok(found)
    }

    /// The text of a file.
    pub fn read(&self, path: &Path) -> Result<String> {
        let failed = Error::io("read", path);
        let load = || {
            if fs::metadata(path)?.len() > MAX_LEN {
                return Err(io::Error::other(format!("longer than {MAX_LEN} bytes")));
            }
            fs::read_to_string(path)
        };
        load().map_err(failed)
    }

    /// Stores the definition of that name; on disk when this returns.
    pub fn write(&self, name: &str, yaml: &str) -> Result<()> {
        let _alone = self.writing.lock();
        durable::write(&self.file(name)?, yaml.as_bytes())
    }

    /// Deletes a file of the directory.
    pub fn delete(&self, path: &Path) -> Result<()> {
        let _alone = self.writing.lock();
        fs::remove_file(path).map_err(Error::io("delete", path))?;
        durable::sync_dir(path.parent().unwrap_or(&self.dir)).map_err(Error::io("delete", path))
    }

    /// Facts kept beside the definitions, by name.
    pub fn metadata(&self) -> Result<BTreeMap<String, Value>> {
        let path = self.dir.join(METADATA);
        match durable::read(&path)? {
            None => Ok(BTreeMap::new()),
            Some((_, text)) => {
                serde_json::from_slice(&text).map_err(|source| Error::Damaged { path, source })
            }
        }
    }

    /// Sets the facts about one definition; NULL forgets them.
    pub fn set_metadata(&self, name: &str, facts: Value) -> Result<()> {
        let _alone = self.writing.lock();
        let mut all = self.metadata()?;
        match facts {
            Value::Null => all.remove(name),
            facts => all.insert(name.to_owned(), facts),
        };
        let path = self.dir.join(METADATA);
        let text =
            serde_json::to_vec(&all).map_err(|source| Error::Damaged { path: path.clone(), source })?;
        durable::write(&path, &text)
    }

    fn file(&self, name: &str) -> Result<PathBuf> {
        let file = encode::file_name(name).ok_or_else(|| Error::NameInvalid {
            what: "artifact name",
            name: name.to_owned(),
            rule: "words joined by dots",
        })?;
        Ok(self.dir.join(file + ".yaml"))
    }
}

fn walk(dir: &Path, depth: u32, found: &mut Stamps) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let path = entry.path();
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let kind = entry.file_type()?;
        if kind.is_dir() && depth < MAX_DEPTH && !is_hidden {
            walk(&path, depth + 1, found)?;
        }
        let is_yaml = path.extension().is_some_and(|e| e == "yaml" || e == "yml");
        if kind.is_file() && is_yaml && !is_hidden {
            if found.len() >= MAX_FILES {
                return Err(io::Error::other(format!("more than {MAX_FILES} files")));
            }
            // One that vanished since is no longer there to be read.
            if let Ok(Some(stamp)) = Stamp::of(&path) {
                found.insert(path, stamp);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_show_in_the_stamps() {
        let dir = tempfile::tempdir().unwrap();
        let definitions = Definitions::open(dir.path().join("artifacts")).unwrap();
        assert!(definitions.stamps().unwrap().is_empty());
        definitions.write("A.B", "name: A.B\n").unwrap();
        let first = definitions.stamps().unwrap();
        let path = definitions.path().join("A.B.yaml");
        assert_eq!(definitions.read(&path).unwrap(), "name: A.B\n");
        definitions.write("A.B", "name: A.B\ntype: SERVER\n").unwrap();
        assert_ne!(definitions.stamps().unwrap(), first);
        definitions.delete(&path).unwrap();
        assert!(definitions.stamps().unwrap().is_empty());
    }

    #[test]
    fn hidden_files_and_deep_directories_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let definitions = Definitions::open(dir.path().to_owned()).unwrap();
        fs::create_dir_all(dir.path().join("team/linux")).unwrap();
        fs::write(dir.path().join("team/linux/x.yml"), "name: X\n").unwrap();
        fs::write(dir.path().join(".hidden.yaml"), "name: Y\n").unwrap();
        definitions.set_metadata("X", serde_json::json!({"hidden": true})).unwrap();
        assert_eq!(definitions.stamps().unwrap().len(), 1);
        assert_eq!(definitions.metadata().unwrap()["X"]["hidden"], true);
        definitions.set_metadata("X", Value::Null).unwrap();
        assert!(definitions.metadata().unwrap().is_empty());
    }
}
