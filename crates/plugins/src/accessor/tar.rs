//! "tar": the members of tar files, plain or compressed with gzip, bzip2, zstd or xz.

use std::io::{self, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::sync::Arc;

use tar::EntryType;
use vql::path::{OsPath, PathKind};
use vql::scope::Scope;
use vql::text::Text;
use vql::value::Time;

use super::container::inflate::{self, recognise};
use super::container::shared::Shared;
use super::container::tree::{Entry, Tree, split};
use super::container::window::{Bounded, Window};
use super::container::{self, index, invalid};
use super::{Accessor, Content, Facts, Kind, Target, read_full};

/// Tar files.
pub struct Tar;

/// What is known of a member.
struct Member {
    facts: Facts,
    /// Where its data starts in the tar file; nowhere if it has holes that the tar file leaves out.
    start: Option<u64>,
    /// The member that this one is a hard link to.
    link: Option<Vec<Text>>,
}

/// The plain tar file: what is compressed is decompressed as it is read.
fn plain(scope: &Scope<'_>, container: &Target) -> io::Result<Box<dyn Content>> {
    let mut file = Shared::new(container.open(scope)?);
    let mut start = [0; 6];
    let count = read_full(&mut file, &mut start)?;
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(0))?;
    Ok(match recognise(&start[..count]) {
        None => Box::new(file),
        Some(method) => Box::new(inflate::content(scope.cancel(), method, file, 0, length)?),
    })
}

/// What the headers of members may come to: the long names among them are held in memory.
const MAX_NAME: usize = 64 << 10;

fn read_members(content: Box<dyn Content>, scope: &Scope<'_>) -> io::Result<Tree<Member>> {
    let mut tree = Tree::default();
    let mut archive = tar::Archive::new(Bounded::new(content));
    for entry in archive.entries_with_seek()? {
        if scope.cancel().is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        let entry = entry?;
        let header = entry.header();
        let kind = match header.entry_type() {
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => 0o100_000,
            EntryType::Directory => 0o040_000,
            EntryType::Symlink => 0o120_000,
            EntryType::Link => 0o100_000,
            EntryType::Fifo => 0o010_000,
            EntryType::Char => 0o020_000,
            EntryType::Block => 0o060_000,
            _ => continue,
        };
        let name = entry.path_bytes();
        if name.len() > MAX_NAME {
            continue;
        }
        let mode = kind | header.mode().unwrap_or(0o644) & 0o7777;
        let mtime = header.mtime().ok().and_then(|s| Time::from_second(i64::try_from(s).ok()?).ok());
        let facts = Facts { size: entry.size(), mode, mtime, ..Facts::default() };
        let start = (header.entry_type() != EntryType::GNUSparse).then(|| entry.raw_file_position());
        let is_link = header.entry_type() == EntryType::Link;
        let link = entry.link_name_bytes().filter(|_| is_link).map(|target| split(&target));
        tree.add(&split(&name), Member { facts, start, link })?;
    }
    Ok(tree)
}

fn members(scope: &Scope<'_>, path: &OsPath) -> io::Result<(Target, Arc<Tree<Member>>)> {
    let container = container::of(scope, path)?;
    let tree = index::of(scope, "tar", &container, || read_members(plain(scope, &container)?, scope))?;
    Ok((container, tree))
}

/// The entry of that name; a hard link stands for the member it leads to.
fn find<'a>(tree: &'a Tree<Member>, path: &OsPath) -> io::Result<Entry<'a, Member>> {
    let entry = tree.find(&path.components, false)?;
    match entry.member().and_then(|m| m.link.as_ref()) {
        Some(target) => tree.find(target, false),
        None => Ok(entry),
    }
}

fn facts(member: &Member) -> Facts {
    member.facts.clone()
}

impl Accessor for Tar {
    fn name(&self) -> &'static str {
        "tar"
    }

    fn doc(&self) -> &'static str {
        "The members of a tar file, plain or compressed with gzip, bzip2, zstd or xz."
    }

    fn kind(&self) -> PathKind {
        PathKind::Zip
    }

    fn parse(&self, text: &Text) -> OsPath {
        container::parse(self, text)
    }

    fn adopt(&self, path: Arc<OsPath>) -> Arc<OsPath> {
        container::adopt("tar", path)
    }

    fn open(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Box<dyn Content>> {
        let (container, tree) = members(scope, path)?;
        let entry = find(&tree, path)?;
        let Some(member) = entry.member().filter(|_| entry.facts(facts).kind() != Kind::Directory) else {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory"));
        };
        let start = member.start.ok_or_else(|| invalid("members with holes are not supported"))?;
        Ok(Box::new(Window::new(plain(scope, &container)?, start, member.facts.size)))
    }

    fn stat(&self, scope: &Scope<'_>, path: &OsPath) -> io::Result<Facts> {
        let (_, tree) = members(scope, path)?;
        Ok(find(&tree, path)?.facts(facts))
    }

    fn list(
        &self,
        scope: &Scope<'_>,
        path: &OsPath,
        each: &mut dyn FnMut(&[u8], Kind) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let (_, tree) = members(scope, path)?;
        let entry = find(&tree, path)?;
        if entry.facts(facts).kind() != Kind::Directory {
            return Err(invalid("is not a directory"));
        }
        for (name, child) in entry.children() {
            if each(name, child.facts(facts).kind()).is_break() {
                break;
            }
        }
        Ok(())
    }
}
