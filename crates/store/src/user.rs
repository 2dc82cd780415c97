//! User records: who may call the API, and what each may do.
//!
//! A user is known by the name in the client certificate; names compare ignoring case. Changes made by the
//! command line in another process count from the next look-up on, because each look-up asks the file system
//! whether the record changed. Source: the gRPC reference, sections 5 and 8.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use vql::permission::Permissions;

use crate::data_dir::create_private_dir;
use crate::durable::{self, Stamp};
use crate::encode;
use crate::error::{Error, Result};
use crate::role::Grant;

mod acl;

pub use acl::Acl;

/// The server's own name: as a client it may do everything and needs no record.
pub const SUPER_USER: &str = "VelociraptorServer";

/// The gateway's name, which may act for others.
pub const GATEWAY: &str = "GRPC_GW";

/// The longest name, as certificates allow no longer common name.
const MAX_NAME: usize = 64;

/// Cached records; beyond that the cache starts anew, which only costs reading files again.
const MAX_CACHED: usize = 10_000;

/// One user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The name as it was first written.
    pub name: String,
    /// What the user may do.
    #[serde(default)]
    pub acl: Acl,
}

impl User {
    /// All permissions of the user.
    pub fn effective(&self) -> Permissions {
        self.acl.effective()
    }
}

/// Whether a name belongs to the server itself, so that nobody may take it.
pub fn is_reserved(name: &str) -> bool {
    let name = name.to_lowercase();
    [SUPER_USER, GATEWAY].iter().any(|reserved| reserved.to_lowercase() == name)
}

/// Refuses names that no user can have.
pub fn check_name(name: &str) -> Result<()> {
    if is_reserved(name) {
        return Err(Error::NameReserved(name.to_owned()));
    }
    key(name).map(|_| ())
}

/// The file name of a record: equal for names that differ in case only.
fn key(name: &str) -> Result<String> {
    let fits = name.len() <= MAX_NAME && !name.chars().any(char::is_control) && name.trim() == name;
    let encoded = fits.then(|| encode::file_name(&name.to_lowercase())).flatten();
    encoded.ok_or_else(|| Error::NameInvalid {
        what: "user name",
        name: name.to_owned(),
        rule: "1 to 64 bytes without control characters or outer blanks",
    })
}

/// The user records of a data directory.
#[derive(Debug)]
pub struct Users {
    dir: PathBuf,
    super_user: Arc<User>,
    cache: Mutex<HashMap<String, (Stamp, Arc<User>)>>,
}

impl Users {
    /// Uses the directory `dir`, creating it when missing.
    pub fn open(dir: PathBuf) -> Result<Self> {
        create_private_dir(&dir)?;
        let acl = Acl { super_user: true, ..Acl::default() };
        let super_user = Arc::new(User { name: SUPER_USER.to_owned(), acl });
        Ok(Self { dir, super_user, cache: Mutex::default() })
    }

    /// The user of that name, or [`Error::UserNotFound`].
    pub fn get(&self, name: &str) -> Result<Arc<User>> {
        self.find(name)?.ok_or_else(|| Error::UserNotFound(name.to_owned()))
    }

    /// The user of that name, when there is one. [`SUPER_USER`] is always there.
    pub fn find(&self, name: &str) -> Result<Option<Arc<User>>> {
        if name == SUPER_USER {
            return Ok(Some(self.super_user.clone()));
        }
        // A name that cannot be stored cannot be found; the caller's certificate is not at fault.
        let Ok(key) = key(name) else { return Ok(None) };
        if is_reserved(name) {
            return Ok(None);
        }
        self.load(&key)
    }

    /// The permissions of the user of that name, or [`Error::UserNotFound`].
    pub fn effective(&self, name: &str) -> Result<Permissions> {
        self.get(name).map(|user| user.effective())
    }

    /// All users, by name.
    pub fn list(&self) -> Result<Vec<Arc<User>>> {
        let mut users = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(Error::io("list", &self.dir))? {
            let file = entry.map_err(Error::io("list", &self.dir))?.file_name();
            let stem = file.to_str().and_then(|name| name.strip_suffix(".json"));
            let key = stem.filter(|stem| encode::decode(stem).is_some());
            users.extend(key.map(|key| self.load(key)).transpose()?.flatten());
        }
        users.sort_by_key(|user| user.name.to_lowercase());
        Ok(users)
    }

    /// Changes a record in one step, creating it (without any rights) when missing; gives the new record.
    pub fn update(&self, name: &str, change: impl FnOnce(&mut User) -> Result<()>) -> Result<Arc<User>> {
        check_name(name)?;
        let key = key(name)?;
        let _lock = durable::lock(&self.dir.join(".lock"))?;
        let known = self.load(&key)?.map(|user| (*user).clone());
        let mut user = known.unwrap_or_else(|| User { name: name.to_owned(), acl: Acl::default() });
        change(&mut user)?;
        let path = self.path(&key);
        let text = serde_json::to_vec_pretty(&user)
            .map_err(|source| Error::Damaged { path: path.clone(), source })?;
        durable::write(&path, &text)?;
        Ok(Arc::new(user))
    }

    /// Adds rights to a user, creating the record when missing.
    pub fn grant(&self, name: &str, grant: &Grant<'_>) -> Result<Arc<User>> {
        self.update(name, |user| user.acl.grant(grant))
    }

    /// Replaces the rights of a user, creating the record when missing.
    pub fn set_acl(&self, name: &str, acl: Acl) -> Result<Arc<User>> {
        self.update(name, |user| {
            user.acl = acl;
            Ok(())
        })
    }

    /// Removes a user; says whether there was one.
    pub fn remove(&self, name: &str) -> Result<bool> {
        let key = key(name)?;
        let path = self.path(&key);
        let _lock = durable::lock(&self.dir.join(".lock"))?;
        match fs::remove_file(&path).and_then(|()| durable::sync_dir(&self.dir)) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(Error::io("remove", &path)(e)),
        }
    }

    fn path(&self, key: &str) -> PathBuf {
        self.dir.join(format!("{key}.json"))
    }

    fn load(&self, key: &str) -> Result<Option<Arc<User>>> {
        let path = self.path(key);
        let Some(now) = Stamp::of(&path)? else {
            self.cache.lock().remove(key);
            return Ok(None);
        };
        if let Some((stamp, user)) = self.cache.lock().get(key)
            && *stamp == now
        {
            return Ok(Some(user.clone()));
        }
        let Some((stamp, text)) = durable::read(&path)? else { return Ok(None) };
        let user = serde_json::from_slice(&text).map_err(|source| Error::Damaged { path, source })?;
        let user: Arc<User> = Arc::new(user);
        let mut cache = self.cache.lock();
        if cache.len() >= MAX_CACHED {
            cache.clear();
        }
        cache.insert(key.to_owned(), (stamp, user.clone()));
        Ok(Some(user))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::DEFAULT_CLIENT_GRANT;
    use vql::permission::Permission;

    fn users() -> (tempfile::TempDir, Users) {
        let dir = tempfile::tempdir().unwrap();
        let users = Users::open(dir.path().join("users")).unwrap();
        (dir, users)
    }

    #[test]
    fn names_compare_ignoring_case_and_keep_their_spelling() {
        let (_dir, users) = users();
        users.grant("Fred", &DEFAULT_CLIENT_GRANT).unwrap();
        users.grant("FRED", &Grant { roles: &["reader"], permissions: Permissions::NONE }).unwrap();
        let fred = users.get("fred").unwrap();
        assert_eq!((fred.name.as_str(), fred.acl.roles.len()), ("Fred", 2));
        assert_eq!(users.list().unwrap().len(), 1);
    }

    #[test]
    fn changes_by_another_process_count_at_once() {
        let (dir, server) = users();
        let cli = Users::open(dir.path().join("users")).unwrap();
        assert!(matches!(server.get("fred"), Err(Error::UserNotFound(name)) if name == "fred"));
        cli.grant("fred", &DEFAULT_CLIENT_GRANT).unwrap();
        assert!(server.effective("fred").unwrap().has(Permission::AnyQuery));
        cli.set_acl("fred", Acl::default()).unwrap();
        assert_eq!(server.effective("fred").unwrap(), Permissions::NONE);
        assert!(cli.remove("fred").unwrap() && !cli.remove("fred").unwrap());
        assert!(server.find("fred").unwrap().is_none());
    }

    #[test]
    fn the_server_may_do_all_and_reserved_names_cannot_be_taken() {
        let (_dir, users) = users();
        assert_eq!(users.effective(SUPER_USER).unwrap(), Permissions::all());
        for name in [SUPER_USER, GATEWAY, "velociraptorserver", "grpc_gw"] {
            let refused = users.grant(name, &DEFAULT_CLIENT_GRANT).unwrap_err();
            assert_eq!(refused.to_string(), format!("Username is reserved: {name}"));
        }
        assert!(users.find("velociraptorserver").unwrap().is_none());
    }

    #[test]
    fn strange_names_stay_inside_the_directory() {
        let (dir, users) = users();
        for name in ["../../etc/passwd", "a/b", "..", "ünï@example.com", "CON", "a b"] {
            users.grant(name, &DEFAULT_CLIENT_GRANT).unwrap();
            assert_eq!(users.get(name).unwrap().name, name);
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(users.list().unwrap().len(), 6);
        for name in ["", " a", "a\n", &"x".repeat(65)] {
            assert!(matches!(users.grant(name, &DEFAULT_CLIENT_GRANT), Err(Error::NameInvalid { .. })));
            assert!(users.find(name).unwrap().is_none());
        }
    }

    #[test]
    fn a_damaged_record_is_an_error_and_not_a_grant() {
        let (_dir, users) = users();
        fs::write(users.path("fred"), b"{").unwrap();
        assert!(matches!(users.get("fred"), Err(Error::Damaged { .. })));
    }

    #[test]
    fn concurrent_changes_are_all_kept() {
        let (dir, users) = users();
        let path = dir.path().join("users");
        std::thread::scope(|scope| {
            for queue in 0..8 {
                let path = path.clone();
                scope.spawn(move || {
                    let own = Users::open(path).unwrap();
                    own.update("fred", |user| {
                        user.acl.publish_queues.push(queue.to_string());
                        Ok(())
                    })
                    .unwrap();
                });
            }
        });
        assert_eq!(users.get("fred").unwrap().acl.publish_queues.len(), 8);
    }
}
