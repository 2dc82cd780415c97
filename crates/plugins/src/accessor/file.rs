//! "file" and "auto": the host's file system.

use std::ffi::OsStr;
use std::fs::{self, Metadata, OpenOptions};
use std::io;
use std::mem::MaybeUninit;
use std::ops::ControlFlow;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::PathBuf;

use rustix::fs::{FileType, Mode, OFlags, RawDir};
use vql::path::OsPath;
use vql::permission::Permission;
use vql::scope::Scope;
use vql::value::{Time, Value};

use super::{Accessor, Content, Facts, Kind, Lister};

/// The host's files, under one of two names.
pub struct File {
    pub name: &'static str,
}

/// The path as the operating system takes it.
pub fn host_path(path: &OsPath) -> PathBuf {
    let length: usize = path.components.iter().map(|c| c.len() + 1).sum();
    let mut host = Vec::with_capacity(length + 1);
    for component in &path.components {
        host.push(b'/');
        host.extend_from_slice(component);
    }
    if host.is_empty() {
        host.push(b'/');
    }
    PathBuf::from(std::ffi::OsString::from_vec(host))
}

impl Accessor for File {
    fn name(&self) -> &'static str {
        self.name
    }

    fn doc(&self) -> &'static str {
        "The host's file system, through the operating system."
    }

    fn permissions(&self) -> &'static [Permission] {
        &[Permission::FilesystemRead]
    }

    fn open(&self, _scope: &Scope<'_>, path: &OsPath) -> io::Result<Box<dyn Content>> {
        // A pipe without a writer must not hold the query up: it reads as empty.
        let flags = OFlags::NONBLOCK.bits() as i32;
        let file = OpenOptions::new().read(true).custom_flags(flags).open(host_path(path))?;
        let kind = file.metadata()?.file_type();
        if kind.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory"));
        }
        if kind.is_fifo() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "is a pipe"));
        }
        Ok(Box::new(file))
    }

    fn stat(&self, _scope: &Scope<'_>, path: &OsPath) -> io::Result<Facts> {
        stat(path)
    }

    fn stat_later(&self) -> Option<fn(&OsPath) -> io::Result<Facts>> {
        Some(stat)
    }

    fn stat_target(&self, _scope: &Scope<'_>, path: &OsPath) -> io::Result<Facts> {
        Ok(facts(&fs::metadata(host_path(path))?))
    }

    fn extra(&self, path: &OsPath, kind: Kind) -> Value {
        let link = (kind == Kind::Link).then(|| fs::read_link(host_path(path)).ok()).flatten();
        Value::dict(link.map(|target| ("Link", Value::text(target.into_os_string().into_vec()))))
    }

    fn list(
        &self,
        _scope: &Scope<'_>,
        path: &OsPath,
        each: &mut dyn FnMut(&[u8], Kind) -> ControlFlow<()>,
    ) -> io::Result<()> {
        list(path, each)
    }

    fn lister(&self) -> Option<Lister> {
        Some(list)
    }
}

fn list(path: &OsPath, each: &mut dyn FnMut(&[u8], Kind) -> ControlFlow<()>) -> io::Result<()> {
    let host = host_path(path);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::open(&host, flags, Mode::empty())?;
    let mut buffer = [MaybeUninit::uninit(); 32 << 10];
    let mut entries = RawDir::new(directory, &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if matches!(name, b"." | b"..") {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Link,
            FileType::Unknown => match fs::symlink_metadata(host.join(OsStr::from_bytes(name))) {
                Ok(metadata) => facts(&metadata).kind(),
                Err(_) => continue,
            },
            _ => Kind::Other,
        };
        if each(name, kind).is_break() {
            break;
        }
    }
    Ok(())
}

fn stat(path: &OsPath) -> io::Result<Facts> {
    Ok(facts(&fs::symlink_metadata(host_path(path))?))
}

pub(super) fn facts(metadata: &Metadata) -> Facts {
    let time = |seconds, nanos| Time::new(seconds, nanos as i32).ok();
    Facts {
        size: metadata.size(),
        mode: metadata.mode(),
        mtime: time(metadata.mtime(), metadata.mtime_nsec()),
        atime: time(metadata.atime(), metadata.atime_nsec()),
        ctime: time(metadata.ctime(), metadata.ctime_nsec()),
        btime: metadata.created().ok().and_then(|t| Time::try_from(t).ok()),
        device: metadata.dev(),
        inode: metadata.ino(),
        data: Value::Null,
    }
}
