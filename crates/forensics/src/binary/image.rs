//! The file that structures are in, read in blocks.

use std::io::{Read, Seek, SeekFrom};

use parking_lot::Mutex;

/// Something to read from, at any place.
pub trait Source: Read + Seek + Send {}

impl<T: Read + Seek + Send> Source for T {}

/// A file, and the block of it that was read last.
pub struct Image(Mutex<Blocks>);

struct Blocks {
    source: Box<dyn Source>,
    start: u64,
    block: Vec<u8>,
}

const BLOCK: u64 = 64 << 10;

/// The longest piece that is read at once.
pub const MAX_PIECE: u64 = 16 << 20;

impl Image {
    pub fn new(source: impl Source + 'static) -> Self {
        Image(Mutex::new(Blocks { source: Box::new(source), start: 0, block: Vec::new() }))
    }

    /// The bytes at a place; fewer at the end of the file, none when it cannot be read.
    pub fn bytes(&self, offset: u64, length: u64) -> Vec<u8> {
        let length = length.min(MAX_PIECE);
        let mut blocks = self.0.lock();
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < length {
            let Some(at) = offset.checked_add(bytes.len() as u64) else { break };
            let start = at - at % BLOCK;
            if blocks.block.is_empty() || blocks.start != start {
                blocks.load(start);
            }
            let rest = blocks.block.get((at - start) as usize..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            let wanted = (length as usize - bytes.len()).min(rest.len());
            bytes.extend_from_slice(&rest[..wanted]);
        }
        bytes
    }

    /// Exactly so many bytes; `None` when the file ends before.
    pub fn exact(&self, offset: u64, length: usize) -> Option<Vec<u8>> {
        Some(self.bytes(offset, length as u64)).filter(|bytes| bytes.len() == length)
    }
}

impl Blocks {
    fn load(&mut self, start: u64) {
        self.start = start;
        self.block.clear();
        if self.source.seek(SeekFrom::Start(start)).is_ok() {
            // What was read before a failure is used.
            let _ = (&mut self.source).take(BLOCK).read_to_end(&mut self.block);
        }
    }
}
