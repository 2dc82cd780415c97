//! "data": the path text is the content.

use std::io::{self, Cursor};
use std::sync::Arc;

use vql::path::{OsPath, PathKind};
use vql::scope::Scope;
use vql::text::Text;

use super::{Accessor, Content, FileInfo};

/// Text as a file.
pub struct Data;

/// Information about content that is held in memory.
pub(super) fn info(name: &str, path: &OsPath, size: usize) -> FileInfo {
    FileInfo {
        name: name.to_owned(),
        path: Arc::new(path.clone()),
        size: size as u64,
        mode: 0o100_444,
        mtime: None,
        atime: None,
        ctime: None,
        btime: None,
        data: Vec::new(),
        device: 0,
        inode: 0,
    }
}

fn content(path: &OsPath) -> Text {
    path.components.first().cloned().unwrap_or_default()
}

impl Accessor for Data {
    fn name(&self) -> &'static str {
        "data"
    }

    fn doc(&self) -> &'static str {
        "The path string is the content."
    }

    fn parse(&self, text: &Text) -> OsPath {
        OsPath::new(PathKind::Generic, vec![text.clone()])
    }

    fn open(&self, _scope: &Scope<'_>, path: &OsPath) -> io::Result<Box<dyn Content>> {
        Ok(Box::new(Cursor::new(content(path).to_vec())))
    }

    fn stat(&self, _scope: &Scope<'_>, path: &OsPath) -> io::Result<FileInfo> {
        Ok(info("data", path, content(path).len()))
    }

    fn list(&self, _scope: &Scope<'_>, _path: &OsPath) -> io::Result<Vec<FileInfo>> {
        Err(io::Error::new(io::ErrorKind::NotADirectory, "data has no directories"))
    }
}
