//! What analyses leave: a folder for each (the sandbox reference, section 16).
//!
//! ```text
//! DIR/analyses/<id>/   task.json analysis.log dump.pcap memory.dmp files.json
//!                      files/ shots/ memory/ logs/ buffer/ extracted/ network/ package_files/ reports/
//! ```
//!
//! What lies in it may have been named by a sample. So files are opened relative to the folder, never through a link or
//! out of it. The sample itself is not in the folder: archives get it from where samples lie, as `binary`.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use store::beneath::{self, Links};

mod archive;
mod zipped;

pub use archive::{Compression, Members, archive};
pub use zipped::zip;

/// The folders that every analysis has from its beginning.
const FOLDERS: [&str; 9] =
    ["files", "shots", "memory", "logs", "buffer", "extracted", "network", "package_files", "reports"];

/// The report, as JSON.
pub const REPORT: &str = "reports/report.json";
/// The report, for people.
pub const PAGE: &str = "reports/report.html";
/// What the machine sent and got.
pub const CAPTURE: &str = "dump.pcap";
/// The memory of the whole machine.
pub const MEMORY: &str = "memory.dmp";

/// The folders of all analyses.
#[derive(Clone, Debug)]
pub struct Analyses {
    dir: PathBuf,
}

impl Analyses {
    /// Uses the folder `analyses` in `dir`, making it when missing.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let dir = dir.join("analyses");
        DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        Ok(Self { dir })
    }

    /// Where they lie.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Makes the folder of a task that begins. One that is there is an error: results are never mixed.
    pub fn create(&self, task: u32) -> io::Result<Folder> {
        let dir = self.dir.join(task.to_string());
        DirBuilder::new().mode(0o700).create(&dir)?;
        for folder in FOLDERS {
            DirBuilder::new().mode(0o700).create(dir.join(folder))?;
        }
        Folder::open(dir)
    }

    /// The folder of a task, when there is one.
    pub fn find(&self, task: u32) -> io::Result<Option<Folder>> {
        match Folder::open(self.dir.join(task.to_string())) {
            Ok(folder) => Ok(Some(folder)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes the folder of a task and all that is in it.
    pub fn remove(&self, task: u32) -> io::Result<()> {
        match fs::remove_dir_all(self.dir.join(task.to_string())) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// The folder of one analysis.
#[derive(Debug)]
pub struct Folder {
    dir: OwnedFd,
    path: PathBuf,
}

/// Something in a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    pub name: OsString,
    pub is_dir: bool,
}

impl Folder {
    fn open(path: PathBuf) -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let dir = rustix::fs::open(&path, flags, Mode::empty())?;
        Ok(Self { dir, path })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a file in it for reading. Links and everything but plain files are as if they were not there.
    pub fn file(&self, name: impl AsRef<Path>) -> io::Result<File> {
        let file = File::from(self.open_beneath(name.as_ref(), OFlags::RDONLY | OFlags::NONBLOCK)?);
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    /// The same; `None` when it is not there.
    pub fn find(&self, name: impl AsRef<Path>) -> io::Result<Option<File>> {
        match self.file(name) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What is in one of its folders, or in itself for `.`, by name: plain files and folders, no links.
    pub fn entries(&self, name: impl AsRef<Path>) -> io::Result<Vec<Entry>> {
        let dir = match self.open_beneath(name.as_ref(), OFlags::RDONLY | OFlags::DIRECTORY) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            opened => opened?,
        };
        let mut entries = Vec::new();
        for entry in rustix::fs::Dir::read_from(&dir)? {
            let entry = entry?;
            let name = OsString::from_vec(entry.file_name().to_bytes().to_vec());
            if name == "." || name == ".." {
                continue;
            }
            let kind = rustix::fs::statat(&dir, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)?.st_mode;
            match FileType::from_raw_mode(kind) {
                FileType::Directory => entries.push(Entry { name, is_dir: true }),
                FileType::RegularFile => entries.push(Entry { name, is_dir: false }),
                _ => {}
            }
        }
        entries.sort();
        Ok(entries)
    }

    /// Makes a file in it, for writing. One that is there is an error, whatever it is.
    pub fn create(&self, name: impl AsRef<Path>) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        Ok(File::from(self.open_as(name.as_ref(), flags, Mode::RUSR | Mode::WUSR)?))
    }

    /// Makes one of its folders, when it is missing.
    pub fn make_folder(&self, name: &'static str) -> io::Result<()> {
        match rustix::fs::mkdirat(&self.dir, name, Mode::RWXU) {
            Err(error) if error != rustix::io::Errno::EXIST => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// The same folder once more.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { dir: self.dir.try_clone()?, path: self.path.clone() })
    }

    fn open_beneath(&self, name: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        self.open_as(name, flags, Mode::empty())
    }

    fn open_as(&self, name: &Path, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
        match beneath::open(&self.dir, name, flags, mode, Links::None) {
            // A link, or a way out: not there, for those who ask.
            Err(rustix::io::Errno::LOOP | rustix::io::Errno::XDEV | rustix::io::Errno::NOTDIR) => {
                Err(io::ErrorKind::NotFound.into())
            }
            opened => Ok(opened?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_reached_through_a_link_or_outside() {
        let dir = tempfile::tempdir().unwrap();
        let analyses = Analyses::open(dir.path()).unwrap();
        fs::write(dir.path().join("secret"), "x").unwrap();
        let folder = analyses.create(7).unwrap();
        assert!(analyses.create(7).is_err());
        let at = |name: &str| folder.path().join(name);
        std::os::unix::fs::symlink("../../secret", at("dump.pcap")).unwrap();
        std::os::unix::fs::symlink("..", at("files/up")).unwrap();
        fs::write(at("shots/0001.jpg"), "picture").unwrap();
        for name in [
            "dump.pcap",
            "../../secret",
            "/etc/passwd",
            "files/up/task.json",
            "shots",
            "shots/0001.jpg/x",
            "none",
        ] {
            assert!(folder.find(name).unwrap().is_none(), "{name}");
        }
        assert!(folder.find("shots/0001.jpg").unwrap().is_some());
        assert_eq!(folder.entries("files").unwrap(), []);
        assert_eq!(folder.entries(".").unwrap().len(), FOLDERS.len());
        assert_eq!(folder.entries("nothing").unwrap(), []);
        analyses.remove(7).unwrap();
        analyses.remove(7).unwrap();
        assert!(dir.path().join("secret").exists() && analyses.find(7).unwrap().is_none());
    }
}
