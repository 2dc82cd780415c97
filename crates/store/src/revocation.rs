//! Certificates that lost trust before they expired.
//!
//! The published API knows no revocation list; this one is ours. It is asked at every handshake and every
//! call, and changes made by the command line count at once. While the list cannot be read everything counts
//! as revoked, because nobody can tell.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::data_dir::create_private_dir;
use crate::durable::{self, Stamp};
use crate::error::{Error, Result};

/// One entry of the list: a certificate with this serial number or this fingerprint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoked {
    /// The serial number in hexadecimal.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub serial: String,
    /// The SHA-256 of the certificate in hexadecimal.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fingerprint: String,
    /// Whom it was made out to, as a note.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Why, as a note.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// When it was added.
    #[serde(default)]
    pub revoked_at: Timestamp,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct List {
    certificates: Vec<Revoked>,
}

/// The list of a data directory.
#[derive(Debug)]
pub struct Revocations {
    path: PathBuf,
    cache: Mutex<Option<(Stamp, Arc<List>)>>,
}

impl Revocations {
    /// Uses the file `path`, which need not exist.
    pub fn open(path: PathBuf) -> Self {
        Self { path, cache: Mutex::default() }
    }

    /// Whether the certificate is on the list. Case, colons and leading zeros do not matter.
    pub fn is_revoked(&self, serial: &str, fingerprint: &str) -> bool {
        let (serial, fingerprint) = (plain_hex(serial), plain_hex(fingerprint));
        let hit =
            |entry: &Revoked| is_same(&entry.serial, &serial) || is_same(&entry.fingerprint, &fingerprint);
        match self.load() {
            Ok(list) => list.certificates.iter().any(hit),
            Err(error) => {
                tracing::error!(%error, "all certificates count as revoked");
                true
            }
        }
    }

    /// Adds an entry, in effect at once.
    pub fn revoke(&self, mut entry: Revoked) -> Result<()> {
        entry.serial = plain_hex(&entry.serial);
        entry.fingerprint = plain_hex(&entry.fingerprint);
        let is_hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
        if (entry.serial.is_empty() && entry.fingerprint.is_empty())
            || !is_hex(&entry.serial)
            || !is_hex(&entry.fingerprint)
        {
            let name = format!("{}{}", entry.serial, entry.fingerprint);
            let rule = "a serial number or a fingerprint in hexadecimal";
            return Err(Error::NameInvalid { what: "certificate", name, rule });
        }
        let dir = self.path.parent().unwrap_or(&self.path);
        create_private_dir(dir)?;
        let _lock = durable::lock(&dir.join(".revoked.lock"))?;
        let mut certificates = self.load()?.certificates.clone();
        certificates.push(entry);
        let text = serde_json::to_vec_pretty(&List { certificates })
            .map_err(|source| Error::Damaged { path: self.path.clone(), source })?;
        durable::write(&self.path, &text)
    }

    /// All entries, oldest first.
    pub fn list(&self) -> Result<Vec<Revoked>> {
        Ok(self.load()?.certificates.clone())
    }

    fn load(&self) -> Result<Arc<List>> {
        let mut cache = self.cache.lock();
        let Some(now) = Stamp::of(&self.path)? else { return Ok(Arc::default()) };
        if let Some((stamp, list)) = &*cache
            && *stamp == now
        {
            return Ok(list.clone());
        }
        let Some((stamp, text)) = durable::read(&self.path)? else { return Ok(Arc::default()) };
        let list = serde_json::from_slice(&text)
            .map_err(|source| Error::Damaged { path: self.path.clone(), source })?;
        let list: Arc<List> = Arc::new(list);
        *cache = Some((stamp, list.clone()));
        Ok(list)
    }
}

fn plain_hex(text: &str) -> String {
    let digits: String = text.chars().filter(|c| *c != ':' && !c.is_whitespace()).collect();
    digits.trim_start_matches('0').to_ascii_lowercase()
}

fn is_same(entry: &str, wanted: &str) -> bool {
    !entry.is_empty() && plain_hex(entry) == wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_counts_at_once_however_it_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("revoked.json");
        let (server, cli) = (Revocations::open(path.clone()), Revocations::open(path));
        assert!(!server.is_revoked("0aBc", "ff"));
        cli.revoke(Revoked { serial: "0A:BC".into(), name: "fred".into(), ..Revoked::default() }).unwrap();
        assert!(server.is_revoked("abc", "ff") && !server.is_revoked("abd", "ff"));
        cli.revoke(Revoked { fingerprint: "FF".into(), ..Revoked::default() }).unwrap();
        assert!(server.is_revoked("1", "ff"));
        assert_eq!(server.list().unwrap().len(), 2);
    }

    #[test]
    fn an_empty_entry_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let list = Revocations::open(dir.path().join("revoked.json"));
        assert!(list.revoke(Revoked { serial: "00".into(), ..Revoked::default() }).is_err());
        assert!(list.revoke(Revoked { serial: "xyz".into(), ..Revoked::default() }).is_err());
        assert!(!list.is_revoked("", ""));
    }

    #[test]
    fn an_unreadable_list_trusts_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("revoked.json");
        std::fs::write(&path, b"[").unwrap();
        assert!(Revocations::open(path).is_revoked("1", "2"));
    }
}
