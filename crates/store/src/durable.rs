//! Writing small files so that a crash leaves either the old or the new text, and noticing changes made by
//! other processes.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// Replaces the file in one step: readers see the old or the new text, also after a power loss. The file is
/// readable by its owner only.
pub fn write(path: &Path, text: &[u8]) -> Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let replace = || -> io::Result<()> {
        // The temporary file must be in the same directory: a rename across file systems is a copy.
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(dir)?;
        file.write_all(text)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|e| e.error)?;
        sync_dir(dir)
    };
    replace().map_err(Error::io("write", path))
}

/// As [`write`], a record as JSON.
pub fn write_json(path: &Path, record: &impl Serialize) -> Result<()> {
    let text =
        serde_json::to_vec(record).map_err(|source| Error::Damaged { path: path.to_owned(), source })?;
    write(path, &text)
}

/// The record that [`write_json`] wrote, or `None` when there is none.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let Some((_, text)) = read(path)? else { return Ok(None) };
    serde_json::from_slice(&text).map(Some).map_err(|source| Error::Damaged { path: path.to_owned(), source })
}

/// Removes the file for good; that there is none is no error.
pub fn remove(path: &Path) -> Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    match fs::remove_file(path).and_then(|()| sync_dir(dir)) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(Error::io("remove", path)),
    }
}

/// Makes created, renamed and removed names in `dir` survive a power loss.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// The whole file and its stamp, or `None` when there is none.
pub fn read(path: &Path) -> Result<Option<(Stamp, Vec<u8>)>> {
    let load = || -> io::Result<(Stamp, Vec<u8>)> {
        // Taken from the open file: a rename in between cannot pair the stamp with another text.
        let mut file = File::open(path)?;
        let stamp = Stamp::from(&file.metadata()?);
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        Ok((stamp, text))
    };
    match load() {
        Ok(loaded) => Ok(Some(loaded)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io("read", path)(e)),
    }
}

/// Tells one state of a file from another without reading it. [`write`] always makes a new inode, and the
/// change time cannot be set back, so equal stamps mean equal text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    len: u64,
    changed: (i64, i64),
}

impl Stamp {
    /// The stamp of the file as it is now; `None` when there is none.
    pub fn of(path: &Path) -> Result<Option<Self>> {
        match fs::metadata(path) {
            Ok(meta) => Ok(Some(Self::from(&meta))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::io("read", path)(e)),
        }
    }
}

impl From<&Metadata> for Stamp {
    fn from(meta: &Metadata) -> Self {
        Self {
            device: meta.dev(),
            inode: meta.ino(),
            len: meta.len(),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }
}

/// Holds changes by other processes off until dropped. Readers need no lock.
pub fn lock(path: &Path) -> Result<File> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(Error::io("open", path))?;
    file.lock().map_err(Error::io("lock", path))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_rewritten_file_has_another_stamp_and_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        assert_eq!(Stamp::of(&path).unwrap(), None);
        write(&path, b"one").unwrap();
        let first = Stamp::of(&path).unwrap();
        write(&path, b"two").unwrap();
        assert_ne!(Stamp::of(&path).unwrap(), first);
        assert_eq!(read(&path).unwrap().unwrap().1, b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
