//! Accessors: ways to read what a path names (builtins page, section 4.5). One file each.

mod data;
mod file;
mod scope;

use std::io::{self, Read, Seek};
use std::sync::Arc;

use vql::call::Error;
use vql::path::OsPath;
use vql::scope::Scope;
use vql::value::{Time, Value};

/// Something to read from, at any place.
pub trait Content: Read + Seek + Send {}

impl<T: Read + Seek + Send> Content for T {}

/// What is known of a file (builtins page, section 1.8).
#[derive(Clone, Debug)]
pub struct FileInfo {
    pub name: String,
    pub path: Arc<OsPath>,
    pub size: u64,
    /// Unix mode bits, file type included.
    pub mode: u32,
    pub mtime: Option<Time>,
    pub atime: Option<Time>,
    pub ctime: Option<Time>,
    pub btime: Option<Time>,
    /// Accessor specific: `Link` for symbolic links.
    pub data: Vec<(&'static str, Value)>,
    /// Where it lives, to notice loops and other file systems; 0 when the accessor has no such thing.
    pub device: u64,
    pub inode: u64,
}

const TYPE_MASK: u32 = 0o170_000;
const DIRECTORY: u32 = 0o040_000;
const LINK: u32 = 0o120_000;

impl FileInfo {
    pub fn is_dir(&self) -> bool {
        self.mode & TYPE_MASK == DIRECTORY
    }

    pub fn is_link(&self) -> bool {
        self.mode & TYPE_MASK == LINK
    }
}

/// A way to read.
pub trait Accessor: Send + Sync {
    fn name(&self) -> &'static str;

    fn doc(&self) -> &'static str;

    /// Parses the text of a path as this accessor writes it.
    fn parse(&self, text: &vql::text::Text) -> OsPath {
        OsPath::parse(vql::path::PathKind::Linux, text)
    }

    /// Opens a file for reading.
    fn open(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Box<dyn Content>>;

    /// Information about a file, links not followed.
    fn stat(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<FileInfo>;

    /// As [`Accessor::stat`], links followed.
    fn stat_target(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<FileInfo> {
        self.stat(scope, path)
    }

    /// The entries of a directory, in no particular order.
    fn list(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Vec<FileInfo>>;
}

/// Every accessor, by name. "auto" is "file" on the systems Harrier runs on.
pub const ACCESSORS: &[&dyn Accessor] = &[&data::Data, &file::File { name: "auto" }, &file::File { name: "file" }, &scope::ScopeVariable];

/// The accessor of that name; the empty name means "auto".
pub fn find(name: &str) -> Result<&'static dyn Accessor, Error> {
    let wanted = if name.is_empty() { "auto" } else { name };
    ACCESSORS
        .iter()
        .copied()
        .find(|a| a.name() == wanted)
        .ok_or_else(|| Error::new(format!("Unknown accessor {wanted}")))
}
