//! What users keep for themselves: options, favourites and messages.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::data_dir::create_private_dir;
use crate::durable;
use crate::encode;
use crate::error::{Error, Result};

/// The most favourites, and the most unread messages, of one user.
const MAX_ENTRIES: usize = 1000;

/// The most bytes that all of one user takes.
const MAX_LEN: usize = 4 << 20;

/// A named list of artifacts with their parameters (`Favorite`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Favorite {
    pub name: String,
    pub description: String,
    pub spec: Value,
    #[serde(rename = "type")]
    pub kind: String,
}

/// What one user keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    pub options: Map<String, Value>,
    pub favorites: Vec<Favorite>,
    pub messages: Vec<Map<String, Value>>,
}

impl Profile {
    /// Adds a favourite in the place of one with the same name and type.
    pub fn save_favorite(&mut self, favorite: Favorite) -> Result<()> {
        let same = |f: &Favorite| f.name == favorite.name && f.kind == favorite.kind;
        match self.favorites.iter().position(same) {
            Some(at) => self.favorites[at] = favorite,
            None if self.favorites.len() >= MAX_ENTRIES => {
                return Err(Error::ProfileFull { what: "favourites", limit: MAX_ENTRIES });
            }
            None => self.favorites.push(favorite),
        }
        Ok(())
    }

    /// Leaves a message.
    pub fn leave(&mut self, message: Map<String, Value>) -> Result<()> {
        if self.messages.len() >= MAX_ENTRIES {
            return Err(Error::ProfileFull { what: "messages", limit: MAX_ENTRIES });
        }
        self.messages.push(message);
        Ok(())
    }
}

/// The profiles of all users, by name ignoring case.
#[derive(Debug)]
pub struct Profiles {
    dir: PathBuf,
    changing: Mutex<()>,
}

impl Profiles {
    /// Uses the directory, creating it when missing.
    pub fn open(dir: PathBuf) -> Result<Self> {
        create_private_dir(&dir)?;
        Ok(Self { dir, changing: Mutex::default() })
    }

    /// What a user keeps; nothing yet is an empty profile.
    pub fn of(&self, user: &str) -> Result<Profile> {
        durable::read_json(&self.path(user)?).map(Option::unwrap_or_default)
    }

    /// Changes a profile in one step; on disk when this returns.
    pub fn update<T>(&self, user: &str, change: impl FnOnce(&mut Profile) -> Result<T>) -> Result<T> {
        let _changing = self.changing.lock();
        let mut profile = self.of(user)?;
        let given = change(&mut profile)?;
        let path = self.path(user)?;
        let text =
            serde_json::to_vec(&profile).map_err(|source| Error::Damaged { path: path.clone(), source })?;
        if text.len() > MAX_LEN {
            return Err(Error::ProfileFull { what: "bytes", limit: MAX_LEN });
        }
        durable::write(&path, &text)?;
        Ok(given)
    }

    /// The profiles in a data directory.
    pub fn in_data_dir(root: &Path) -> Result<Self> {
        Self::open(root.join("profiles"))
    }

    /// Keeps what is of a user under another name, in the place of what an earlier user of that name left.
    pub fn rename(&self, from: &str, to: &str) -> Result<()> {
        let (old, new) = (self.path(from)?, self.path(to)?);
        if old == new {
            return Ok(());
        }
        let _changing = self.changing.lock();
        let renamed = match fs::rename(&old, &new) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return durable::remove(&new),
            renamed => renamed.and_then(|()| durable::sync_dir(&self.dir)),
        };
        renamed.map_err(Error::io("rename", &old))
    }

    /// Forgets a user.
    pub fn remove(&self, user: &str) -> Result<()> {
        let _changing = self.changing.lock();
        durable::remove(&self.path(user)?)
    }

    /// Forgets all but these users, and what a kill left half written; gives how many were forgotten. For a server that starts.
    pub fn keep_only<'a>(&self, users: impl IntoIterator<Item = &'a str>) -> Result<usize> {
        let kept: HashSet<PathBuf> = users.into_iter().filter_map(|user| self.path(user).ok()).collect();
        let _changing = self.changing.lock();
        let names = fs::read_dir(&self.dir).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut forgotten = 0;
        for entry in names.map_err(Error::io("list", &self.dir))? {
            let path = entry.path();
            if !kept.contains(&path) {
                durable::remove(&path)?;
                forgotten += 1;
            }
        }
        Ok(forgotten)
    }

    fn path(&self, user: &str) -> Result<PathBuf> {
        let name = encode::file_name(&user.to_lowercase()).ok_or(Error::PathInvalid)?;
        Ok(self.dir.join(name + ".json"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_kept_for_each_user() {
        let dir = tempfile::tempdir().unwrap();
        let profiles = Profiles::open(dir.path().join("profiles")).unwrap();
        let favorite = |text: &str| Favorite {
            name: "Mine".into(),
            description: text.into(),
            kind: "CLIENT".into(),
            ..Favorite::default()
        };
        profiles.update("Fred", |p| p.save_favorite(favorite("old"))).unwrap();
        profiles.update("fred", |p| p.save_favorite(favorite("new"))).unwrap();
        assert_eq!(profiles.of("FRED").unwrap().favorites, [favorite("new")]);
        assert_eq!(profiles.of("mike").unwrap(), Profile::default());
        profiles.remove("Fred").unwrap();
        assert_eq!(profiles.of("fred").unwrap(), Profile::default());
    }

    #[test]
    fn a_profile_follows_its_user_to_another_name() {
        let dir = tempfile::tempdir().unwrap();
        let profiles = Profiles::in_data_dir(dir.path()).unwrap();
        let set = |user: &str, key: &str| {
            let key = key.to_owned();
            profiles.update(user, |profile| Ok(profile.options.insert(key, true.into()))).unwrap();
        };
        let has = |user: &str, key: &str| profiles.of(user).unwrap().options.contains_key(key);
        set("old@example.org", "hers");
        set("new@example.org", "left behind");
        profiles.rename("old@example.org", "New@example.org").unwrap();
        assert!(has("new@example.org", "hers") && !has("new@example.org", "left behind"));
        assert!(!has("old@example.org", "hers"));
        profiles.rename("new@example.org", "NEW@example.org").unwrap();
        assert!(has("new@example.org", "hers"));
        // Who has kept nothing takes nothing over either.
        profiles.rename("nobody@example.org", "new@example.org").unwrap();
        assert_eq!(profiles.of("new@example.org").unwrap(), Profile::default());
    }

    #[test]
    fn what_users_left_who_are_gone_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let profiles = Profiles::in_data_dir(dir.path()).unwrap();
        let long = "x".repeat(1000);
        for user in ["Fred", "gone@example.org", "Ünal"] {
            profiles.update(user, |profile| profile.leave(Map::new())).unwrap();
        }
        fs::write(dir.path().join("profiles/.new-half"), "{").unwrap();
        assert_eq!(profiles.keep_only(["FRED", "ünal", &long]).unwrap(), 2);
        let has = |user: &str| !profiles.of(user).unwrap().messages.is_empty();
        assert!(has("fred") && has("ünal") && !has("gone@example.org"));
        assert_eq!(profiles.keep_only(["fred", "Ünal"]).unwrap(), 0);
    }

    #[test]
    fn nobody_is_flooded_with_messages() {
        let mut profile = Profile::default();
        (0..MAX_ENTRIES).for_each(|_| profile.leave(Map::new()).unwrap());
        assert!(matches!(profile.leave(Map::new()), Err(Error::ProfileFull { .. })));
    }
}
