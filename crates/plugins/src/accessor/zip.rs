//! "zip" and "zip_nocase": the members of zip files.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::sync::Arc;

use vql::path::{OsPath, PathKind};
use vql::scope::Scope;
use vql::text::Text;
use vql::value::{Time, Value, convert};
use zip::{CompressionMethod, ZipArchive};

use super::container::inflate::{self, Method};
use super::container::shared::Shared;
use super::container::tree::{Entry, Tree, split};
use super::container::window::{Bounded, Window};
use super::container::{self, index, invalid};
use super::{Accessor, Content, Facts, Kind, Target, copy_some};
use crate::world::World;

/// Zip files, under one of two names.
pub struct Zip {
    pub name: &'static str,
    pub doc: &'static str,
    /// Names of members are found in any case.
    pub nocase: bool,
}

pub const ZIP: Zip = Zip { name: "zip", doc: "The members of a zip file.", nocase: false };

pub const ZIP_NOCASE: Zip = Zip {
    name: "zip_nocase",
    doc: "The members of a zip file, whatever the case of their names.",
    nocase: true,
};

/// What is known of a member.
pub struct Member {
    facts: Facts,
    /// Its number in the archive.
    number: usize,
    header: u64,
    compressed: u64,
    method: Option<Method>,
    /// Stored or compressed in a way that is read in place; others are unpacked first.
    is_plain: bool,
}

/// How the name of a member becomes components.
pub type Naming = fn(&[u8]) -> Vec<Text>;

/// What a member that has to be unpacked first may take on disk.
const MAX_UNPACKED: u64 = 16 << 30;

/// The members of the archive that a path is inside of.
pub fn members(
    scope: &Scope<'_>,
    accessor: &str,
    container: &Target,
    naming: Naming,
) -> io::Result<Arc<Tree<Member>>> {
    index::of(scope, accessor, container, || read_directory(container.open(scope)?, naming))
}

fn read_directory(content: Box<dyn Content>, naming: Naming) -> io::Result<Tree<Member>> {
    // Buffered: the directory is read a few bytes at a time.
    let buffered = io::BufReader::with_capacity(64 << 10, Bounded::new(content));
    let archive = ZipArchive::new(buffered).map_err(invalid)?;
    let metadata = archive.metadata();
    let mut tree = Tree::default();
    for number in 0..metadata.len() {
        let entry = metadata.entry(number).map_err(invalid)?;
        let name = match entry.name() {
            Ok(name) => naming(name.as_bytes()),
            Err(_) => naming(entry.name_raw()),
        };
        let kind = match (entry.is_dir(), entry.is_symlink()) {
            (true, _) => 0o040_000,
            (_, true) => 0o120_000,
            _ => 0o100_000,
        };
        let rights = entry.unix_mode().map_or(if entry.is_dir() { 0o755 } else { 0o644 }, |m| m & 0o7777);
        let time = entry.last_modified().and_then(|t| {
            let date = jiff::civil::Date::new(t.year() as i16, t.month() as i8, t.day() as i8).ok()?;
            let time = jiff::civil::Time::new(t.hour() as i8, t.minute() as i8, t.second() as i8, 0).ok()?;
            Some(Time::from(date.to_datetime(time).to_zoned(jiff::tz::TimeZone::UTC).ok()?))
        });
        let (method, is_plain) = match entry.compression() {
            _ if entry.encrypted() => (None, false),
            CompressionMethod::Stored => (None, true),
            CompressionMethod::Deflated => (Some(Method::Deflate), true),
            CompressionMethod::Bzip2 => (Some(Method::Bzip2), true),
            CompressionMethod::Zstd => (Some(Method::Zstd), true),
            _ => (None, false),
        };
        let facts = Facts { size: entry.size(), mode: kind | rights, mtime: time, ..Facts::default() };
        let (header, compressed) = (entry.header_start(), entry.compressed_size());
        tree.add(&name, Member { facts, number, header, compressed, method, is_plain })?;
    }
    Ok(tree)
}

/// Opens a member.
pub fn open(
    scope: &Scope<'_>,
    container: &Target,
    entry: &Entry<'_, Member>,
) -> io::Result<Box<dyn Content>> {
    let is_directory = entry.facts(|m| m.facts.clone()).kind() == Kind::Directory;
    let Some(member) = entry.member().filter(|_| !is_directory) else {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory"));
    };
    let content = container.open(scope)?;
    if !member.is_plain {
        return unpack(scope, content, member);
    }
    let mut file = Shared::new(content);
    let start = data_start(&mut file, member.header)?;
    Ok(match member.method {
        None => Box::new(Window::new(file, start, member.compressed.min(member.facts.size))),
        Some(method) => Box::new(inflate::content(scope.cancel(), method, file, start, member.compressed)?),
    })
}

/// Where the data of a member starts: after its own header, which may be longer than that in the directory.
fn data_start(file: &mut Shared, header: u64) -> io::Result<u64> {
    let mut fixed = [0; 30];
    file.seek(SeekFrom::Start(header))?;
    file.read_exact(&mut fixed)?;
    if fixed[..4] != *b"PK\x03\x04" {
        return Err(invalid("a member has no header"));
    }
    let length = |at: usize| u64::from(u16::from_le_bytes([fixed[at], fixed[at + 1]]));
    Ok(header + 30 + length(26) + length(28))
}

/// Unpacks a member that cannot be read in place into a temporary file.
fn unpack(scope: &Scope<'_>, content: Box<dyn Content>, member: &Member) -> io::Result<Box<dyn Content>> {
    let mut archive = ZipArchive::new(io::BufReader::new(content)).map_err(invalid)?;
    let temp_dir = &World::of(scope).map_err(io::Error::other)?.temp_dir;
    let mut failure = invalid("the member is encrypted; ZIP_PASSWORDS holds no password for it");
    for password in std::iter::once(None).chain(passwords(scope).into_iter().map(Some)) {
        let options = zip::read::ZipReadOptions::new().password(password.as_deref());
        let mut reader = match archive.by_index_with_options(member.number, options) {
            Ok(reader) => reader,
            // Without a password, or with a wrong one.
            Err(zip::result::ZipError::UnsupportedArchive(_) | zip::result::ZipError::InvalidPassword) => {
                continue;
            }
            Err(e) => return Err(invalid(e)),
        };
        let (mut file, mut left) = (tempfile::tempfile_in(temp_dir)?, MAX_UNPACKED);
        // A wrong password may show only in the sum at the end.
        match copy_some(scope.cancel(), &mut reader, &mut file, &mut left) {
            Ok(_) => {
                file.rewind()?;
                return Ok(Box::new(file));
            }
            Err(e) => failure = e,
        }
    }
    Err(failure)
}

/// The passwords in the variable `ZIP_PASSWORDS`: a text or a list of them.
fn passwords(scope: &Scope<'_>) -> Vec<Text> {
    match scope.variable("ZIP_PASSWORDS").map(|v| scope.listed(v)) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::List(list)) => list.iter().map(convert::to_list_text).collect(),
        Some(one) => vec![convert::to_text(&one)],
    }
}

/// What is known of an entry.
pub fn facts(entry: &Entry<'_, Member>) -> Facts {
    entry.facts(|m| m.facts.clone())
}

/// Hands out the entries of a directory.
pub fn list(
    entry: &Entry<'_, Member>,
    each: &mut dyn FnMut(&[u8], Kind) -> ControlFlow<()>,
) -> io::Result<()> {
    if facts(entry).kind() != Kind::Directory {
        return Err(io::Error::new(io::ErrorKind::NotADirectory, "is not a directory"));
    }
    for (name, child) in entry.children() {
        if each(name, facts(&child).kind()).is_break() {
            break;
        }
    }
    Ok(())
}

impl Zip {
    fn members(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<(Target, Arc<Tree<Member>>)> {
        let container = container::of(scope, path)?;
        // One index serves both names.
        let tree = members(scope, "zip", &container, split)?;
        Ok((container, tree))
    }
}

impl Accessor for Zip {
    fn name(&self) -> &'static str {
        self.name
    }

    fn doc(&self) -> &'static str {
        self.doc
    }

    fn kind(&self) -> PathKind {
        PathKind::Zip
    }

    fn parse(&self, text: &Text) -> OsPath {
        container::parse(self, text)
    }

    fn adopt(&self, path: Arc<OsPath>) -> Arc<OsPath> {
        container::adopt(self.name, path)
    }

    fn open(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Box<dyn Content>> {
        let (container, tree) = self.members(scope, path)?;
        open(scope, &container, &tree.find(&path.components, self.nocase)?)
    }

    fn stat(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Facts> {
        let (_, tree) = self.members(scope, path)?;
        Ok(facts(&tree.find(&path.components, self.nocase)?))
    }

    fn list(
        &self,
        scope: &Scope<'_>,
        path: &OsPath,
        each: &mut dyn FnMut(&[u8], Kind) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let (_, tree) = self.members(scope, path)?;
        list(&tree.find(&path.components, self.nocase)?, each)
    }
}
