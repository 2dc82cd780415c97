//! The file store, which no path ever leaves.
//!
//! Paths come from callers as lists of components (the gRPC reference, section 3.1). They are checked here,
//! and the kernel is told to stay beneath the root as well, so that neither a clever component nor a symbolic
//! link leads outside, even while somebody renames directories.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;

mod write;

pub use write::Entry;

use crate::beneath::{self, Links};
use crate::data_dir::create_private_dir;
use crate::encode;
use crate::error::{Error, Result};

/// The most bytes that one read gives, so that an answer stays below the usual message limit of 4 MiB.
pub const MAX_READ: usize = 3 << 20;

/// The deepest path.
const MAX_COMPONENTS: usize = 128;

/// The file store of a data directory.
#[derive(Debug)]
pub struct FileStore {
    root: OwnedFd,
    path: PathBuf,
}

impl FileStore {
    /// Uses the directory `path`, creating it when missing.
    pub fn open(path: PathBuf) -> Result<Self> {
        create_private_dir(&path)?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = open(&path, flags, Mode::empty()).map_err(|e| Error::io("open", &path)(e.into()))?;
        Ok(Self { root, path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads at most `length` bytes (and at most [`MAX_READ`]) from `offset` on; nothing at or after the end.
    /// Empty components are ignored.
    pub fn read_at(&self, components: &[impl AsRef<str>], offset: u64, length: usize) -> Result<Vec<u8>> {
        let file = self.open_file(&checked(components)?)?;
        let size = file.metadata().map_err(Error::io("read", &self.path))?.len();
        let available = usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut data = vec![0; length.min(MAX_READ).min(available)];
        let count = read_full(&file, &mut data, offset).map_err(Error::io("read", &self.path))?;
        data.truncate(count);
        Ok(data)
    }

    fn open_file(&self, components: &[&str]) -> Result<File> {
        let path = components.join("/");
        let fd = beneath::open(&self.root, path.as_ref(), READ, Mode::empty(), Links::Inside);
        let file = File::from(fd.map_err(|errno| self.error(errno))?);
        // A pipe or device would block or have effects when read.
        let is_file = file.metadata().map_err(Error::io("read", &self.path))?.is_file();
        if is_file { Ok(file) } else { Err(Error::FileNotFound) }
    }

    fn error(&self, errno: Errno) -> Error {
        match errno {
            // Links that lead outside (EXDEV, or ELOOP when no link is followed) are as good as missing.
            Errno::NOENT | Errno::NOTDIR | Errno::XDEV | Errno::LOOP | Errno::NXIO | Errno::NAMETOOLONG => {
                Error::FileNotFound
            }
            errno => Error::io("read", &self.path)(errno.into()),
        }
    }
}

/// Any name as one component of a path: what could lead elsewhere is escaped, what is too long is cut and numbered.
pub fn component(name: &str) -> String {
    const LONGEST: usize = 100;
    encode::file_name(name).unwrap_or_else(|| {
        let kept = encode::file_name(&name[..name.floor_char_boundary(LONGEST / 3)]).unwrap_or_default();
        // FNV-1a: long names that start alike stay apart.
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        format!("{kept}~{hash:016x}")
    })
}

/// The components that count, or [`Error::PathInvalid`] when there are none or one could lead elsewhere.
fn checked(components: &[impl AsRef<str>]) -> Result<Vec<&str>> {
    let parts: Vec<&str> = components.iter().map(AsRef::as_ref).filter(|part| !part.is_empty()).collect();
    let is_bad = |part: &&str| matches!(*part, "." | "..") || part.contains(['/', '\\', '\0']);
    if parts.is_empty() || parts.len() > MAX_COMPONENTS || parts.iter().any(is_bad) {
        return Err(Error::PathInvalid);
    }
    Ok(parts)
}

const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

fn read_full(file: &File, data: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < data.len() {
        match file.read_at(&mut data[done..], offset.saturating_add(done as u64)) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn store() -> (tempfile::TempDir, FileStore) {
        let dir = tempfile::tempdir().unwrap();
        let store = FileStore::open(dir.path().join("files")).unwrap();
        fs::create_dir_all(dir.path().join("files/clients/C.1")).unwrap();
        fs::write(dir.path().join("files/clients/C.1/a.txt"), b"0123456789").unwrap();
        fs::write(dir.path().join("secret"), b"secret").unwrap();
        (dir, store)
    }

    #[test]
    fn parts_are_read_until_nothing_is_left() {
        let (_dir, store) = store();
        let path = ["", "clients", "C.1", "a.txt"];
        assert_eq!(store.read_at(&path, 0, 4).unwrap(), b"0123");
        assert_eq!(store.read_at(&path, 8, 100).unwrap(), b"89");
        assert!(store.read_at(&path, 10, 4).unwrap().is_empty());
        assert!(store.read_at(&path, u64::MAX, usize::MAX).unwrap().is_empty());
    }

    #[test]
    fn no_component_leads_outside() {
        let (_dir, store) = store();
        let bad: [&[&str]; 8] = [
            &["..", "secret"],
            &["clients", "..", "..", "secret"],
            &["../secret"],
            &["/etc/passwd"],
            &["clients\\C.1"],
            &["a\0b"],
            &["", ""],
            &["."],
        ];
        for path in bad {
            assert!(matches!(store.read_at(path, 0, 4), Err(Error::PathInvalid)), "{path:?}");
        }
    }

    #[test]
    fn no_link_leads_outside() {
        let (dir, store) = store();
        let files = dir.path().join("files");
        symlink("../secret", files.join("up")).unwrap();
        symlink(dir.path(), files.join("dir")).unwrap();
        symlink("/etc/passwd", files.join("abs")).unwrap();
        for path in [&["up"][..], &["dir", "secret"], &["abs"]] {
            assert!(matches!(store.read_at(path, 0, 4), Err(Error::FileNotFound)), "{path:?}");
        }
    }

    #[test]
    fn directories_and_missing_files_are_not_found() {
        let (_dir, store) = store();
        for path in
            [&["clients"][..], &["nothing"], &["clients", "C.1", "a.txt", "x"], &["a".repeat(300).as_str()]]
        {
            assert!(matches!(store.read_at(path, 0, 4), Err(Error::FileNotFound)));
        }
    }
}
