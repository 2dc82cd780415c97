//! Writing to the file store, as confined as reading.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags, mkdirat, openat};
use rustix::io::Errno;

use super::{FileStore, checked};
use crate::error::{Error, Result};

/// What a directory of the file store holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    pub is_dir: bool,
    pub size: u64,
    /// Seconds since the epoch.
    pub modified: i64,
}

/// The most files that one walk gives.
const MAX_WALK: usize = 1_000_000;

impl FileStore {
    /// Creates a file, or empties the one that is there, with the directories above it.
    pub fn create(&self, components: &[impl AsRef<str>]) -> Result<File> {
        let parts = checked(components)?;
        let open = || -> rustix::io::Result<OwnedFd> {
            let (last, dirs) = parts.split_last().ok_or(Errno::NOENT)?;
            let dir = self.make_dirs(dirs)?;
            let at = dir.as_ref().map_or(self.root.as_fd(), AsFd::as_fd);
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            openat(at, *last, flags, Mode::from_raw_mode(0o600))
        };
        let fd =
            open().map_err(|errno| Error::io("create", &self.path.join(parts.join("/")))(errno.into()))?;
        Ok(File::from(fd))
    }

    /// Opens a file for reading.
    pub fn open_beneath(&self, components: &[impl AsRef<str>]) -> Result<File> {
        self.open_file(&checked(components)?)
    }

    /// Removes a file or a directory with all in it; fine when there is none.
    pub fn remove(&self, components: &[impl AsRef<str>]) -> Result<()> {
        // Links are removed, not followed; and nothing in the store was made by a caller's own system calls.
        let path = self.path.join(checked(components)?.join("/"));
        let removed = match fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_dir() => fs::remove_dir_all(&path),
            Ok(_) => fs::remove_file(&path),
            Err(e) => Err(e),
        };
        match removed {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(Error::io("delete", &path)),
        }
    }

    /// Moves a file to another place in a directory that exists, replacing what is there.
    pub fn rename(&self, from: &[impl AsRef<str>], to: &[impl AsRef<str>]) -> Result<()> {
        let from = self.path.join(checked(from)?.join("/"));
        let to = self.path.join(checked(to)?.join("/"));
        fs::rename(&from, &to).map_err(Error::io("rename", &from))
    }

    /// What a directory holds, by name; the root when there are no components.
    pub fn list(&self, components: &[impl AsRef<str>]) -> Result<Vec<Entry>> {
        let mut path = self.path.clone();
        if components.iter().any(|c| !c.as_ref().is_empty()) {
            path.extend(checked(components)?);
        }
        let mut found = Vec::new();
        let entries = match fs::read_dir(&path) {
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Err(Error::FileNotFound);
            }
            entries => entries.map_err(Error::io("list", &path))?,
        };
        for entry in entries {
            let entry = entry.map_err(Error::io("list", &path))?;
            // Names that are no text were not made by the store.
            let (Ok(name), Ok(meta)) = (entry.file_name().into_string(), entry.metadata()) else { continue };
            if meta.is_dir() || meta.is_file() {
                found.push(entry_of(name, &meta));
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// What is known of one file or directory.
    pub fn stat(&self, components: &[impl AsRef<str>]) -> Result<Entry> {
        let parts = checked(components)?;
        let path = self.path.join(parts.join("/"));
        let meta = fs::symlink_metadata(&path).map_err(|_| Error::FileNotFound)?;
        let name = parts.last().map_or_else(String::new, |p| (*p).to_owned());
        Ok(entry_of(name, &meta))
    }

    /// Every file below a directory: its components from the root.
    pub fn walk(&self, components: &[impl AsRef<str>]) -> Result<Vec<Vec<String>>> {
        let start: Vec<String> = components.iter().map(|c| c.as_ref().to_owned()).collect();
        let mut found = Vec::new();
        let mut dirs = vec![start];
        while let Some(dir) = dirs.pop() {
            let entries = match self.list(&dir) {
                Err(Error::FileNotFound) => continue,
                entries => entries?,
            };
            for entry in entries {
                let path = dir.iter().cloned().chain([entry.name]).collect::<Vec<_>>();
                if entry.is_dir {
                    dirs.push(path)
                } else {
                    found.push(path)
                }
                if found.len() > MAX_WALK {
                    return Err(Error::PathInvalid);
                }
            }
        }
        found.sort();
        Ok(found)
    }

    /// One directory after the other, following no link.
    fn make_dirs(&self, dirs: &[&str]) -> rustix::io::Result<Option<OwnedFd>> {
        let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut at: Option<OwnedFd> = None;
        for dir in dirs {
            let here = at.as_ref().map_or(self.root.as_fd(), AsFd::as_fd);
            match mkdirat(here, *dir, Mode::from_raw_mode(0o700)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(e) => return Err(e),
            }
            let next = openat(here, *dir, step, Mode::empty())?;
            at = Some(next);
        }
        Ok(at)
    }
}

fn entry_of(name: String, meta: &fs::Metadata) -> Entry {
    use std::os::unix::fs::MetadataExt;
    Entry { name, is_dir: meta.is_dir(), size: meta.len(), modified: meta.mtime() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_was_created_is_listed_read_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let store = FileStore::open(dir.path().join("files")).unwrap();
        store.create(&["a", "b", "c.txt"]).unwrap().write_all(b"hello").unwrap();
        assert_eq!(store.read_at(&["a", "b", "c.txt"], 0, 100).unwrap(), b"hello");
        assert_eq!(store.list(&["a"]).unwrap()[0].name, "b");
        assert_eq!(store.list(&[""; 0]).unwrap().len(), 1);
        assert_eq!(store.stat(&["a", "b", "c.txt"]).unwrap().size, 5);
        assert_eq!(store.walk(&["a"]).unwrap(), [["a", "b", "c.txt"]]);
        store.remove(&["a"]).unwrap();
        store.remove(&["a"]).unwrap();
        assert!(matches!(store.list(&["a"]), Err(Error::FileNotFound)));
    }

    #[test]
    fn no_link_leads_outside() {
        let dir = tempfile::tempdir().unwrap();
        let store = FileStore::open(dir.path().join("files")).unwrap();
        fs::write(dir.path().join("outside"), "x").unwrap();
        symlink(dir.path(), dir.path().join("files/up")).unwrap();
        symlink(dir.path().join("outside"), dir.path().join("files/file")).unwrap();
        assert!(store.create(&["up", "new"]).is_err());
        assert!(store.create(&["file"]).is_err());
        store.remove(&["up"]).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("outside")).unwrap(), "x");
    }
}
