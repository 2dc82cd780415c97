//! OLE compound files, and the macros in them.

mod vba;

use std::io::{Cursor, Read};
use std::path::PathBuf;

use cfb::CompoundFile;
use jiff::Timestamp;

use crate::bytes::read_all;
use crate::{Error, Result, Source};

pub use vba::{Module, macros};

/// The largest file that is held in memory.
pub const MAX_SIZE: u64 = 256 << 20;
/// Streams and storages at most.
const MAX_ENTRIES: usize = 10_000;
const WHAT: &str = "compound file";

/// A compound file in memory.
pub struct Ole(CompoundFile<Cursor<Vec<u8>>>);

/// A stream or a storage.
#[derive(Debug)]
pub struct Entry {
    /// From the root on.
    pub path: Vec<String>,
    pub is_storage: bool,
    pub size: u64,
    pub created: Option<Timestamp>,
    pub modified: Option<Timestamp>,
}

impl Ole {
    pub fn read(source: &mut dyn Source) -> Result<Ole> {
        Self::parse(read_all(source, MAX_SIZE)?)
    }

    pub fn parse(bytes: Vec<u8>) -> Result<Ole> {
        if !bytes.starts_with(&[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1]) {
            return Err(Error::NotA("a compound file"));
        }
        CompoundFile::open(Cursor::new(bytes)).map(Ole).map_err(|e| Error::broken(WHAT, e.to_string()))
    }

    /// Everything in the file but its root.
    pub fn entries(&self) -> Vec<Entry> {
        let entry = |e: cfb::Entry| Entry {
            path: components(e.path()),
            is_storage: e.is_storage(),
            size: e.len(),
            created: time(e.created()).filter(|_| e.is_storage()),
            modified: time(e.modified()).filter(|_| e.is_storage()),
        };
        self.0.walk().take(MAX_ENTRIES).map(entry).filter(|e| !e.path.is_empty()).collect()
    }

    /// The names of what lies at the top.
    pub fn root_names(&self) -> Vec<String> {
        self.0.read_root_storage().take(MAX_ENTRIES).map(|e| e.name().to_owned()).collect()
    }

    /// The content of a stream, if it is no larger than `limit`.
    pub fn stream(&mut self, path: &str, limit: u64) -> Result<Vec<u8>> {
        self.stream_at(PathBuf::from(path), limit)
    }

    /// As [`Ole::stream`], by the names from the root on.
    pub fn stream_of(&mut self, path: &[String], limit: u64) -> Result<Vec<u8>> {
        let mut full = PathBuf::from("/");
        full.extend(path);
        self.stream_at(full, limit)
    }

    fn stream_at(&mut self, path: PathBuf, limit: u64) -> Result<Vec<u8>> {
        let stream = self.0.open_stream(path)?;
        if stream.len() > limit {
            return Err(Error::TooMuch { what: "stream", limit });
        }
        let mut bytes = Vec::new();
        stream.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// A time; none where the field was left empty, which reads as the start of 1601.
fn time(time: impl TryInto<Timestamp>) -> Option<Timestamp> {
    time.try_into().ok().filter(|t: &Timestamp| t.as_second() > -11_644_473_600)
}

fn components(path: &std::path::Path) -> Vec<String> {
    path.components()
        .filter_map(|c| match c {
            std::path::Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
            _ => None,
        })
        .collect()
}
