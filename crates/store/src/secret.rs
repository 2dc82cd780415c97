//! Managed secrets: what queries may use without seeing it.
//!
//! One record per secret, in `secrets/<type>/<name>.json`: who may use it is readable there, the fields are sealed with
//! AES-256-GCM. The key is `secrets/.key`, made when first needed and readable by the server's user only: it keeps a
//! copied or leaked record useless, and a backup of the records without the key as well.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

use crate::data_dir::create_private_dir;
use crate::durable;
use crate::encode;
use crate::error::{Error, Result};

const KEY_LEN: usize = 32;
/// The most that the fields of one secret may take, in bytes.
const MAX_FIELDS: usize = 1 << 20;

/// The fields of a secret.
pub type Fields = BTreeMap<String, String>;

/// What is known of a secret without opening it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// What it is for.
    #[serde(rename = "type")]
    pub kind: String,
    pub name: String,
    /// Who made it.
    #[serde(default)]
    pub creator: String,
    /// Who may use it besides.
    #[serde(default)]
    pub users: Vec<String>,
    #[serde(default)]
    pub orgs: Vec<String>,
    #[serde(default)]
    pub visible_to_all_orgs: bool,
    /// The sealed fields, base64: nonce, then text and tag.
    sealed: String,
}

impl Record {
    /// Whether this user may use it.
    pub fn is_for(&self, user: &str) -> bool {
        let same = |name: &String| !name.is_empty() && name.eq_ignore_ascii_case(user);
        same(&self.creator) || self.users.iter().any(same)
    }
}

/// The secrets of a data directory.
#[derive(Debug)]
pub struct Secrets {
    dir: PathBuf,
}

impl Secrets {
    /// Uses the directory `dir`, which is made when the first secret is.
    pub fn open(dir: PathBuf) -> Self {
        Secrets { dir }
    }

    /// The fields of a secret, for a user who may use it.
    pub fn fields(&self, user: &str, kind: &str, name: &str) -> Result<Option<Fields>> {
        match self.find(kind, name)?.filter(|record| record.is_for(user)) {
            Some(record) => self.unseal(&record).map(Some),
            None => Ok(None),
        }
    }

    /// Adds a secret, or replaces the fields of one; who may use it stays.
    pub fn add(&self, creator: &str, kind: &str, name: &str, fields: &Fields) -> Result<()> {
        let path = self.path(kind, name)?;
        create_private_dir(path.parent().unwrap_or(&self.dir))?;
        let _lock = durable::lock(&self.dir.join(".lock"))?;
        let mut record = self.find(kind, name)?.unwrap_or_else(|| Record {
            kind: kind.to_owned(),
            name: name.to_owned(),
            creator: creator.to_owned(),
            ..Record::default()
        });
        record.sealed = self.seal(&record, fields)?;
        self.write(&record)
    }

    /// Changes who may use a secret; false when there is none.
    pub fn change(&self, kind: &str, name: &str, change: impl FnOnce(&mut Record)) -> Result<bool> {
        if self.find(kind, name)?.is_none() {
            return Ok(false);
        }
        let _lock = durable::lock(&self.dir.join(".lock"))?;
        let Some(mut record) = self.find(kind, name)? else { return Ok(false) };
        change(&mut record);
        // The place of a record and what its seal is bound to.
        (record.kind, record.name) = (kind.to_owned(), name.to_owned());
        self.write(&record).map(|()| true)
    }

    /// Removes a secret; says whether there was one.
    pub fn remove(&self, kind: &str, name: &str) -> Result<bool> {
        let path = self.path(kind, name)?;
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(Error::io("remove", &path)(e)),
        }
    }

    /// All records, by type and name.
    pub fn list(&self) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        for kind in names(&self.dir, "")? {
            let dir = self.dir.join(encode::file_name(&kind).unwrap_or_default());
            if !dir.is_dir() {
                continue;
            }
            for name in names(&dir, ".json")? {
                records.extend(self.find(&kind, &name)?);
            }
        }
        records.sort_by(|a, b| (&a.kind, &a.name).cmp(&(&b.kind, &b.name)));
        Ok(records)
    }

    fn find(&self, kind: &str, name: &str) -> Result<Option<Record>> {
        let path = self.path(kind, name)?;
        let Some((_, text)) = durable::read(&path)? else { return Ok(None) };
        serde_json::from_slice(&text).map(Some).map_err(|source| Error::Damaged { path, source })
    }

    fn write(&self, record: &Record) -> Result<()> {
        let path = self.path(&record.kind, &record.name)?;
        let text = serde_json::to_vec_pretty(record)
            .map_err(|source| Error::Damaged { path: path.clone(), source })?;
        durable::write(&path, &text)
    }

    fn path(&self, kind: &str, name: &str) -> Result<PathBuf> {
        let part = |what: &'static str, name: &str| {
            let rule = "1 to 64 bytes without control characters";
            let fits = name.len() <= 64 && !name.chars().any(char::is_control);
            let bad = || Error::NameInvalid { what, name: name.to_owned(), rule };
            fits.then(|| encode::file_name(name)).flatten().ok_or_else(bad)
        };
        Ok(self.dir.join(part("type of secret", kind)?).join(part("name of a secret", name)? + ".json"))
    }

    fn seal(&self, record: &Record, fields: &Fields) -> Result<String> {
        let mut text =
            serde_json::to_vec(fields).map_err(|source| Error::Damaged { path: self.dir.clone(), source })?;
        if text.len() > MAX_FIELDS {
            return Err(Error::BatchTooLong { limit: MAX_FIELDS });
        }
        let nonce = self.key(true)?.seal_in_place_append_tag(bound(record), &mut text);
        let nonce = nonce.map_err(|_| Error::SecretSealed { name: record.name.clone() })?;
        Ok(BASE64_STANDARD.encode([&nonce.as_ref()[..], &text].concat()))
    }

    fn unseal(&self, record: &Record) -> Result<Fields> {
        let sealed = || Error::SecretSealed { name: record.name.clone() };
        let mut bytes = BASE64_STANDARD.decode(&record.sealed).map_err(|_| sealed())?;
        let (nonce, text) = bytes.split_at_mut_checked(NONCE_LEN).ok_or_else(sealed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| sealed())?;
        let text = self.key(false)?.open_in_place(nonce, bound(record), text).map_err(|_| sealed())?;
        serde_json::from_slice(text).map_err(|_| sealed())
    }

    /// The key; made when it is missing and wanted.
    fn key(&self, make: bool) -> Result<RandomizedNonceKey> {
        let path = self.dir.join(".key");
        if make && !path.exists() {
            let mut bytes = [0; KEY_LEN];
            let random = |_| Error::io("make", &path)(io::Error::other("no random bytes"));
            aws_lc_rs::rand::fill(&mut bytes).map_err(random)?;
            durable::write(&path, &bytes)?;
        }
        let read = || -> io::Result<Vec<u8>> {
            match fs::metadata(&path)?.mode() & 0o077 {
                0 => fs::read(&path),
                _ => Err(io::Error::other("others may read it: chmod 600")),
            }
        };
        let bytes = read().map_err(Error::io("read", &path))?;
        let bad = |_| Error::io("use", &path)(io::Error::other("it is not a key of 32 bytes"));
        RandomizedNonceKey::new(&AES_256_GCM, &bytes).map_err(bad)
    }
}

/// What the seal is bound to: a record renamed or exchanged on disk does not open.
fn bound(record: &Record) -> Aad<Vec<u8>> {
    Aad::from(format!("{}\0{}", record.kind, record.name).into_bytes())
}

/// The names that the files of a directory stand for.
fn names(dir: &std::path::Path, suffix: &str) -> Result<Vec<String>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io("list", dir)(e)),
    };
    let name = |entry: fs::DirEntry| encode::decode(entry.file_name().to_str()?.strip_suffix(suffix)?);
    Ok(entries.flatten().filter_map(name).collect())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn fields(value: &str) -> Fields {
        [("token".to_owned(), value.to_owned())].into()
    }

    fn store() -> (tempfile::TempDir, Secrets) {
        let dir = tempfile::tempdir().unwrap();
        let secrets = Secrets::open(dir.path().join("secrets"));
        (dir, secrets)
    }

    #[test]
    fn a_secret_opens_for_those_it_is_for() {
        let (_dir, secrets) = store();
        assert!(secrets.list().unwrap().is_empty());
        secrets.add("Anna", "HTTP Secrets", "a/b", &fields("one")).unwrap();
        assert_eq!(secrets.fields("anna", "HTTP Secrets", "a/b").unwrap(), Some(fields("one")));
        assert_eq!(secrets.fields("fred", "HTTP Secrets", "a/b").unwrap(), None);
        assert_eq!(secrets.fields("", "HTTP Secrets", "a/b").unwrap(), None);
        assert_eq!(secrets.fields("anna", "SMTP Creds", "a/b").unwrap(), None);
        assert!(secrets.change("HTTP Secrets", "a/b", |r| r.users.push("fred".into())).unwrap());
        secrets.add("eve", "HTTP Secrets", "a/b", &fields("two")).unwrap();
        assert_eq!(secrets.fields("Fred", "HTTP Secrets", "a/b").unwrap(), Some(fields("two")));
        assert_eq!(
            secrets.fields("eve", "HTTP Secrets", "a/b").unwrap(),
            None,
            "who changes it does not own it"
        );
        let names: Vec<_> =
            secrets.list().unwrap().into_iter().map(|r| (r.kind, r.name, r.creator)).collect();
        assert_eq!(names, [("HTTP Secrets".into(), "a/b".into(), "Anna".into())]);
        assert!(
            secrets.remove("HTTP Secrets", "a/b").unwrap() && !secrets.remove("HTTP Secrets", "a/b").unwrap()
        );
        assert!(!secrets.change("HTTP Secrets", "a/b", |_| {}).unwrap());
    }

    #[test]
    fn records_hold_nothing_readable_and_do_not_change_places() {
        let (_dir, secrets) = store();
        secrets.add("anna", "T", "one", &fields("TOPSECRET")).unwrap();
        secrets.add("anna", "T", "two", &fields("other")).unwrap();
        let path = secrets.path("T", "one").unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("TOPSECRET") && !text.contains("token") && text.contains("anna"), "{text}");
        // The seal is bound to type and name.
        let moved = text.replace("\"one\"", "\"two\"");
        fs::write(secrets.path("T", "two").unwrap(), moved).unwrap();
        assert!(matches!(secrets.fields("anna", "T", "two"), Err(Error::SecretSealed { .. })));
        for sealed in ["", "AAAA", "no base64!"] {
            let mut record: Record = serde_json::from_str(&text).unwrap();
            record.sealed = sealed.into();
            secrets.write(&record).unwrap();
            assert!(matches!(secrets.fields("anna", "T", "one"), Err(Error::SecretSealed { .. })));
        }
    }

    #[test]
    fn the_key_is_for_its_owner_alone() {
        let (_dir, secrets) = store();
        secrets.add("anna", "T", "one", &fields("x")).unwrap();
        let key = secrets.dir.join(".key");
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(secrets.fields("anna", "T", "one").is_err());
        fs::remove_file(&key).unwrap();
        assert!(secrets.fields("anna", "T", "one").is_err(), "no new key is made for old records");
    }

    #[test]
    fn strange_names_stay_inside_the_directory() {
        let (dir, secrets) = store();
        for name in ["../../x", "..", "a b", "ü", "key", ".lock"] {
            secrets.add("anna", name, name, &fields(name)).unwrap();
            assert_eq!(secrets.fields("anna", name, name).unwrap(), Some(fields(name)), "{name}");
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        for name in ["", "a\n", &"x".repeat(65)] {
            assert!(secrets.add("anna", "T", name, &fields("x")).is_err());
        }
    }
}
