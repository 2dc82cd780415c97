//! `DIR/guests`: one folder for each guest.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::error::{Error, Result};
use crate::guest::Manifest;

/// The guests of a data directory.
#[derive(Clone, Debug)]
pub struct Guests {
    folder: PathBuf,
}

/// One guest on disk.
#[derive(Clone, Debug)]
pub struct Image {
    pub folder: PathBuf,
    pub manifest: Manifest,
}

impl Guests {
    /// Below a data directory; made when missing. Others may pass through it, as QEMU runs as another user, but not list it.
    pub fn open(data_dir: &Path) -> Result<Self> {
        let folder = data_dir.join("guests");
        fs::create_dir_all(&folder).map_err(Error::io("make", &folder))?;
        fs::set_permissions(&folder, Permissions::from_mode(0o711)).map_err(Error::io("open", &folder))?;
        let folder = folder.canonicalize().map_err(Error::io("find", &folder))?;
        Ok(Self { folder })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn path(&self, name: &str) -> Result<PathBuf> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || name.len() > 40 || !name.bytes().all(fits) {
            return Err(Error::Name(name.into()));
        }
        Ok(self.folder.join(name))
    }

    pub fn get(&self, name: &str) -> Result<Image> {
        let folder = self.path(name)?;
        if !folder.exists() {
            return Err(Error::NoGuest(name.into()));
        }
        let manifest = Manifest::read(&folder.join("manifest.json"))?;
        Ok(Image { folder, manifest })
    }

    /// All that can be read, by name. What is damaged is named in the log.
    pub fn list(&self) -> Result<Vec<Image>> {
        let mut images = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(Error::io("list", &self.folder))?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            // Builds that are under way, and locks, begin with a dot.
            if name.starts_with('.') {
                continue;
            }
            match self.get(&name) {
                Ok(image) => images.push(image),
                Err(error) => tracing::warn!(guest = name, %error, "guest left out"),
            }
        }
        images.sort_by(|a, b| a.manifest.name.cmp(&b.manifest.name));
        Ok(images)
    }
}

impl Image {
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The certificate authority that this guest trusts, and its key, for who intercepts its connections.
    pub fn authority(&self) -> (PathBuf, PathBuf) {
        (self.file("ca.pem"), self.file("ca.key"))
    }
}

/// Holds a file's lock as long as it lives; the kernel lets go when the process dies.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code)] File); // kept open for the lock

impl Lock {
    /// Fails at once when another process holds it.
    pub fn take(path: &Path) -> Result<Self> {
        let file = File::options().create(true).append(true).open(path).map_err(Error::io("open", path))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::InUse { path: path.to_path_buf() }),
            Err(error) => Err(Error::io("lock", path)(error.into())),
        }
    }

    /// Waits until it is free.
    pub fn wait(path: &Path) -> Result<Self> {
        let file = File::options().create(true).append(true).open(path).map_err(Error::io("open", path))?;
        flock(&file, FlockOperation::LockExclusive).map_err(|error| Error::io("lock", path)(error.into()))?;
        Ok(Self(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let guests = Guests::open(dir.path()).unwrap();
        for name in ["", ".", "..", "a/b", "A", "-\0", &"a".repeat(41)] {
            assert!(matches!(guests.path(name), Err(Error::Name(_))), "{name:?}");
        }
        assert!(matches!(guests.get("linux-1"), Err(Error::NoGuest(_))));
        assert!(guests.list().unwrap().is_empty());
    }

    #[test]
    fn a_lock_is_held_by_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = Lock::take(&path).unwrap();
        assert!(matches!(Lock::take(&path), Err(Error::InUse { .. })));
        drop(held);
        Lock::take(&path).unwrap();
    }
}
