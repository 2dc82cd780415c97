//! "file" and "auto": the host's file system.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;

use vql::path::OsPath;
use vql::scope::Scope;
use vql::text::Text;
use vql::value::{Time, Value};

use super::{Accessor, Content, FileInfo};

/// The host's files, under one of two names.
pub struct File {
    pub name: &'static str,
}

/// The path as the operating system takes it.
fn host_path(path: &OsPath) -> PathBuf {
    let mut host = PathBuf::from("/");
    for component in &path.components {
        host.push(OsStr::from_bytes(component));
    }
    host
}

impl Accessor for File {
    fn name(&self) -> &'static str {
        self.name
    }

    fn doc(&self) -> &'static str {
        "The host's file system, through the operating system."
    }

    fn open(&self, _scope: &Scope<'_>, path: &OsPath) -> io::Result<Box<dyn Content>> {
        let file = fs::File::open(host_path(path))?;
        if file.metadata()?.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory"));
        }
        Ok(Box::new(file))
    }

    fn stat(&self, _scope: &Scope<'_>, path: &OsPath) -> io::Result<FileInfo> {
        let host = host_path(path);
        Ok(info(path.clone(), &host, &fs::symlink_metadata(&host)?))
    }

    fn stat_target(&self, _scope: &Scope<'_>, path: &OsPath) -> io::Result<FileInfo> {
        let host = host_path(path);
        Ok(info(path.clone(), &host, &fs::metadata(&host)?))
    }

    fn list(&self, _scope: &Scope<'_>, path: &OsPath) -> io::Result<Vec<FileInfo>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(host_path(path))? {
            let entry = entry?;
            // An entry that vanished meanwhile is no entry.
            let Ok(metadata) = entry.metadata() else { continue };
            let child = path.join(Text::from(entry.file_name().into_vec()));
            entries.push(info(child, &entry.path(), &metadata));
        }
        Ok(entries)
    }
}

fn info(path: OsPath, host: &std::path::Path, metadata: &Metadata) -> FileInfo {
    let mut data = Vec::new();
    if metadata.is_symlink()
        && let Ok(target) = fs::read_link(host)
    {
        data.push(("Link", Value::text(target.into_os_string().into_vec())));
    }
    FileInfo {
        name: path.basename().to_str_lossy().into_owned(),
        path: Arc::new(path),
        size: metadata.size(),
        mode: metadata.mode(),
        mtime: Time::new(metadata.mtime(), metadata.mtime_nsec() as i32).ok(),
        atime: Time::new(metadata.atime(), metadata.atime_nsec() as i32).ok(),
        ctime: Time::new(metadata.ctime(), metadata.ctime_nsec() as i32).ok(),
        btime: metadata.created().ok().and_then(|t| Time::try_from(t).ok()),
        data,
        device: metadata.dev(),
        inode: metadata.ino(),
    }
}
