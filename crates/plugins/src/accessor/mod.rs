//! Accessors: ways to read what a path names (builtins page, section 4.5). One file each.

mod collector;
mod container; // not listed: what accessors that read inside other files share
mod data;
mod file;
mod file_nocase;
mod fs;
mod gzip;
mod info; // not listed: file information
mod me;
mod mscfb;
mod offset;
mod overlay;
mod pipe;
mod process;
mod raw_file;
mod raw_reg;
mod scope;
mod sparse;
mod tar;
mod target; // not listed: files that arguments name
mod zip;

use std::io::{self, Cursor, Read, Seek, Write};
use std::ops::ControlFlow;
use std::sync::Arc;

use vql::call::Error;
use vql::cancel::Cancel;
use vql::path::{OsPath, PathKind};
use vql::permission::Permission;
use vql::scope::Scope;
use vql::text::Text;
use vql::value::Value;

pub use container::inflate::{Method, decoder, recognise};
pub use container::stream::Stream;
pub use file::host_path;
pub use info::{Facts, FileInfo, Kind, Mode};
pub use target::{Target, resolve, resolve_all, target_of};

/// Something to read from, at any place.
pub trait Content: Read + Seek + Send {}

impl<T: Read + Seek + Send> Content for T {}

/// A way to read.
pub trait Accessor: Send + Sync {
    fn name(&self) -> &'static str;

    fn doc(&self) -> &'static str;

    /// The caller must hold all of these.
    fn permissions(&self) -> &'static [Permission] {
        &[]
    }

    /// The syntax of its paths, and of patterns for them.
    fn kind(&self) -> PathKind {
        PathKind::Linux
    }

    /// Parses the text of a path as this accessor writes it.
    fn parse(&self, text: &Text) -> OsPath {
        OsPath::parse(self.kind(), text).accessed_by(self.name().into())
    }

    /// A path that was made elsewhere, as this accessor takes it.
    fn adopt(&self, path: Arc<OsPath>) -> Arc<OsPath> {
        path
    }

    /// Whether a file whose path and [`Facts`] are the same has the same content.
    fn is_steady(&self) -> bool {
        true
    }

    /// What rows and log lines call the file.
    fn title(&self, path: &OsPath) -> Value {
        Value::Path(path.clone().into())
    }

    /// Opens a file for reading.
    fn open(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Box<dyn Content>>;

    /// What is known of a file, links not followed.
    fn stat(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Facts>;

    /// As [`Accessor::stat`], when a row is looked at, where there is no scope any more; `None` for accessors that need one:
    /// their files are looked at when they are found.
    fn stat_later(&self) -> Option<fn(&OsPath) -> io::Result<Facts>> {
        None
    }

    /// As [`Accessor::list`], for accessors that need no scope for it: several directories may be read at a time.
    fn lister(&self) -> Option<Lister> {
        None
    }

    /// As [`Accessor::stat`], links followed.
    fn stat_target(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Facts> {
        self.stat(scope, path)
    }

    /// What `Data` holds for a file: `Link`, the target of a symbolic link.
    fn extra(&self, _path: &OsPath, _kind: Kind) -> Value {
        Value::dict([])
    }

    /// Hands out the names in a directory and what they are, in no particular order, until told to stop.
    fn list(
        &self,
        scope: &Scope<'_>,
        path: &OsPath,
        each: &mut dyn FnMut(&[u8], Kind) -> ControlFlow<()>,
    ) -> io::Result<()>;
}

/// As [`Accessor::list`], where there is no scope.
pub type Lister = fn(&OsPath, &mut dyn FnMut(&[u8], Kind) -> ControlFlow<()>) -> io::Result<()>;

/// Every accessor. "auto" is "file" on the systems Harrier runs on.
pub const ACCESSORS: &[&dyn Accessor] = &[
    &collector::Collector,
    &data::Data,
    &file::File { name: "auto" },
    &file::File { name: "file" },
    &file_nocase::FileNocase,
    &fs::FileStoreAccessor,
    &gzip::BZIP2,
    &gzip::GZIP,
    &me::Me,
    &mscfb::Mscfb,
    &offset::Offset,
    &overlay::Overlay,
    &pipe::PipeAccessor,
    &process::Process,
    &raw_file::RawFile,
    &raw_reg::RawReg,
    &scope::ScopeVariable,
    &sparse::RANGED,
    &sparse::SPARSE,
    &tar::Tar,
    &zip::ZIP,
    &zip::ZIP_NOCASE,
];

/// The accessor of that name, if the caller may use it; the empty name means "auto".
pub fn find(scope: &Scope<'_>, name: &str) -> Result<&'static dyn Accessor, Error> {
    let wanted = if name.is_empty() { "auto" } else { name };
    let accessor = ACCESSORS
        .iter()
        .copied()
        .find(|a| a.name() == wanted)
        .ok_or_else(|| Error::new(format!("Unknown accessor {wanted}")))?;
    let held = scope.context().permissions;
    match accessor.permissions().iter().find(|p| !held.has(**p)) {
        None => Ok(accessor),
        Some(p) => Err(Error::new(format!("PermissionDenied: Permission denied: [{p}]"))),
    }
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

/// Copies all there is; how much it was.
pub fn copy_all(cancel: &Cancel, from: &mut dyn Read, to: &mut dyn Write) -> io::Result<u64> {
    let mut left = u64::MAX;
    copy_some(cancel, from, to, &mut left)
}

/// Copies all there is, and fails when that is more than is `left`.
pub fn copy_some(
    cancel: &Cancel,
    from: &mut dyn Read,
    to: &mut dyn Write,
    left: &mut u64,
) -> io::Result<u64> {
    let mut block = vec![0; 64 << 10];
    let mut size = 0;
    loop {
        let count = read_full(from, &mut block)?;
        if count == 0 {
            return Ok(size);
        }
        if cancel.is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        let Some(rest) = left.checked_sub(count as u64) else {
            *left = 0;
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "too much data"));
        };
        *left = rest;
        to.write_all(&block[..count])?;
        size += count as u64;
    }
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |b: u8| char::from(DIGITS[usize::from(b & 15)]);
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(*b)]).collect()
}
