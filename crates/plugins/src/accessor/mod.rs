//! Accessors: ways to read what a path names (builtins page, section 4.5). One file each.

mod data;
mod file;
mod info;
mod scope;
mod target;

use std::io::{self, Cursor, Read, Seek};
use std::ops::ControlFlow;

use vql::call::Error;
use vql::path::{OsPath, PathKind};
use vql::scope::Scope;
use vql::text::Text;
use vql::value::Value;

pub use file::host_path;
pub use info::{Facts, FileInfo, Kind, Mode};
pub use target::{Target, resolve, resolve_all};

/// Something to read from, at any place.
pub trait Content: Read + Seek + Send {}

impl<T: Read + Seek + Send> Content for T {}

/// A way to read.
pub trait Accessor: Send + Sync {
    fn name(&self) -> &'static str;

    fn doc(&self) -> &'static str;

    /// Parses the text of a path as this accessor writes it.
    fn parse(&self, text: &Text) -> OsPath {
        OsPath::parse(PathKind::Linux, text)
    }

    /// What rows and log lines call the file.
    fn title(&self, path: &OsPath) -> Value {
        Value::Path(path.clone().into())
    }

    /// Opens a file for reading.
    fn open(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Box<dyn Content>>;

    /// What is known of a file, links not followed.
    fn stat(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Facts>;

    /// As [`Accessor::stat`], for accessors that need no scope for it: asked for when a row is looked at.
    fn stat_later(&self, _path: &OsPath) -> io::Result<Facts> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// As [`Accessor::stat_later`], links followed.
    fn stat_target(&self, path: &OsPath) -> io::Result<Facts> {
        self.stat_later(path)
    }

    /// What `Data` holds for a file: `Link`, the target of a symbolic link.
    fn extra(&self, _path: &OsPath, _kind: Kind) -> Value {
        Value::dict([])
    }

    /// Hands out the names in a directory and what they are, in no particular order, until told to stop.
    fn list(&self, path: &OsPath, each: &mut dyn FnMut(&[u8], Kind) -> ControlFlow<()>) -> io::Result<()>;
}

/// Every accessor, by name. "auto" is "file" on the systems Harrier runs on.
pub const ACCESSORS: &[&dyn Accessor] =
    &[&file::File { name: "auto" }, &data::Data, &file::File { name: "file" }, &scope::ScopeVariable];

/// The accessor of that name; the empty name means "auto".
pub fn find(name: &str) -> Result<&'static dyn Accessor, Error> {
    let wanted = if name.is_empty() { "auto" } else { name };
    ACCESSORS
        .iter()
        .copied()
        .find(|a| a.name() == wanted)
        .ok_or_else(|| Error::new(format!("Unknown accessor {wanted}")))
}

/// Text held in memory, read as a file.
struct Held(Text);

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

fn held(text: Text) -> Box<dyn Content> {
    Box::new(Cursor::new(Held(text)))
}

/// Why reading failed, without the number of the error.
pub fn reason(error: &io::Error) -> String {
    let mut text = error.to_string();
    if let Some(at) = text.find(" (os error") {
        text.truncate(at);
    }
    text
}

/// Reads until the buffer is full or the file ends; how much was read.
pub fn read_full(content: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match content.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}
