//! Sealed segments: blocks of rows, each a zstd frame of its own, and an index that says what is in which.
//!
//! ```text
//! header of block 1 │ block 1 │ header of block 2 │ block 2 │ … │ keys, if rows have any │ index
//! ```
//!
//! Headers and index are zstd's skippable frames, so `zstd -dc FILE` gives the JSON lines. The index repeats the
//! headers; when it is damaged it is made anew from them. All numbers are little-endian.

use std::io::{self, Write};

use memchr::memmem;

use super::keys::{Keys, KeysOf, Pairs};
use super::plain::count_lines;
use super::row;
use super::segment::{MAX_LINE, ReadAt};

/// The most bytes that the rows of one block may take.
pub const MAX_BLOCK: usize = MAX_LINE * 2;

/// The most blocks an index may name.
const MAX_BLOCKS: u32 = 1 << 22;

/// The level of zstd's own default.
const LEVEL: i32 = 3;

/// Skippable frames begin with a number and their length.
const HEADER_MAGIC: u32 = 0x184D_2A5E;
const INDEX_MAGIC: u32 = 0x184D_2A5D;
const FRAME: usize = 8;

const HEADER_TAG: &[u8; 4] = b"HEB1";
const INDEX_TAG: &[u8; 4] = b"HEI1";

/// A header's content: tag, entry, checksum.
const HEADER: usize = 4 + Block::LEN + 4;
/// What follows the entries of an index: their number, checksum, tag.
const TAIL: usize = 12;

/// What the index knows of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// The number of its first row.
    pub first: u64,
    pub rows: u32,
    /// Bytes in the file.
    pub length: u32,
    /// Bytes of the rows.
    pub raw: u32,
    /// CRC-32 of the bytes in the file.
    pub checksum: u32,
    /// Where it lies.
    pub offset: u64,
    /// The least and the greatest time of a row, in microseconds since 1970.
    pub earliest: i64,
    pub latest: i64,
}

impl Block {
    const LEN: usize = 48;

    /// The number after its last row.
    pub fn end(&self) -> u64 {
        self.first.saturating_add(self.rows.into())
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.first.to_le_bytes());
        for part in [self.rows, self.length, self.raw, self.checksum] {
            out.extend(part.to_le_bytes());
        }
        out.extend(self.offset.to_le_bytes());
        out.extend(self.earliest.to_le_bytes());
        out.extend(self.latest.to_le_bytes());
    }

    fn decode(bytes: &[u8; Self::LEN]) -> Self {
        let four = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let eight = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        Self {
            first: eight(0),
            rows: four(8),
            length: four(12),
            raw: four(16),
            checksum: four(20),
            offset: eight(24),
            earliest: eight(32) as i64,
            latest: eight(40) as i64,
        }
    }

    /// Whether it can be what it says, in a file of `size` bytes.
    fn is_sound(&self, size: u64) -> bool {
        let inside = self.offset.checked_add(self.length.into()).is_some_and(|end| end <= size);
        inside && self.first > 0 && self.rows > 0 && self.rows <= self.raw && self.raw as usize <= MAX_BLOCK
    }
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Writes a sealed segment.
pub struct Writer<W> {
    out: W,
    offset: u64,
    blocks: Vec<Block>,
    compressor: zstd::bulk::Compressor<'static>,
    buffer: Vec<u8>,
    keys_of: Option<KeysOf>,
    pairs: Pairs,
}

impl<W: Write> Writer<W> {
    pub fn new(out: W) -> io::Result<Self> {
        Self::with_keys(out, None)
    }

    /// One that keeps the keys of its rows as well.
    pub fn with_keys(out: W, keys_of: Option<KeysOf>) -> io::Result<Self> {
        let (compressor, pairs) = (zstd::bulk::Compressor::new(LEVEL)?, Pairs::default());
        Ok(Self { out, offset: 0, blocks: Vec::new(), compressor, buffer: Vec::new(), keys_of, pairs })
    }

    /// Adds a block of whole lines; `first` is the number of the first.
    pub fn add(&mut self, first: u64, lines: &[u8]) -> io::Result<()> {
        let (mut earliest, mut latest) = (i64::MAX, i64::MIN);
        for line in super::reader::lines(lines) {
            let time = row::time_of(line);
            (earliest, latest) = (earliest.min(time), latest.max(time));
        }
        if let Some(keys_of) = self.keys_of {
            self.pairs.add(self.blocks.len() as u32, lines, keys_of);
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        buffer.reserve(zstd::zstd_safe::compress_bound(lines.len()));
        self.compressor.compress_to_buffer(lines, &mut buffer)?;
        let block = Block {
            first,
            rows: count_lines(lines) as u32,
            length: buffer.len() as u32,
            raw: lines.len() as u32,
            checksum: crc32fast::hash(&buffer),
            offset: 0,
            earliest,
            latest,
        };
        let done = self.copy(block, &buffer);
        self.buffer = buffer;
        done
    }

    /// Adds a block as it lies in another file.
    pub fn copy(&mut self, mut block: Block, bytes: &[u8]) -> io::Result<()> {
        block.offset = self.offset + (FRAME + HEADER) as u64;
        let mut header = Vec::with_capacity(FRAME + HEADER);
        header.extend(HEADER_MAGIC.to_le_bytes());
        header.extend((HEADER as u32).to_le_bytes());
        header.extend(HEADER_TAG);
        block.encode(&mut header);
        header.extend(crc32fast::hash(&header[FRAME..]).to_le_bytes());
        self.out.write_all(&header)?;
        self.out.write_all(bytes)?;
        self.offset = block.offset + bytes.len() as u64;
        self.blocks.push(block);
        Ok(())
    }

    /// Adds the index; gives the target back, and how many bytes there are.
    pub fn finish(mut self) -> io::Result<(W, u64)> {
        self.offset += self.pairs.write(&mut self.out)?;
        let mut index = Vec::with_capacity(FRAME + self.blocks.len() * Block::LEN + TAIL);
        index.extend(INDEX_MAGIC.to_le_bytes());
        index.extend(((self.blocks.len() * Block::LEN + TAIL) as u32).to_le_bytes());
        for block in &self.blocks {
            block.encode(&mut index);
        }
        index.extend((self.blocks.len() as u32).to_le_bytes());
        index.extend(crc32fast::hash(&index[FRAME..]).to_le_bytes());
        index.extend(INDEX_TAG);
        self.out.write_all(&index)?;
        Ok((self.out, self.offset + index.len() as u64))
    }
}

/// A sealed segment that can be read.
pub struct Sealed<F> {
    file: F,
    blocks: Vec<Block>,
    /// Where the index begins, if it is as it was written.
    index_at: Option<u64>,
    decompressor: zstd::bulk::Decompressor<'static>,
    buffer: Vec<u8>,
}

impl<F: ReadAt> Sealed<F> {
    /// Reads the index, or what can be found without it.
    pub fn open(file: F) -> io::Result<Self> {
        let index = read_index(&file);
        let (blocks, index_at) = match index {
            Ok((blocks, at)) => (blocks, Some(at)),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => (find_blocks(&file)?, None),
            Err(error) => return Err(error),
        };
        let decompressor = zstd::bulk::Decompressor::new()?;
        Ok(Self { file, blocks, index_at, decompressor, buffer: Vec::new() })
    }

    /// Whether the index is as it was written.
    pub fn is_whole(&self) -> bool {
        self.index_at.is_some()
    }

    /// The places, among all blocks, of those that may hold a row with a key of one of these hashes. None when the segment
    /// has no such index: then any block may.
    pub fn blocks_with(&self, hashes: &[u32]) -> io::Result<Option<Vec<usize>>> {
        let Some(at) = self.index_at else { return Ok(None) };
        let Some(keys) = Keys::open(&self.file, at)? else { return Ok(None) };
        let mut found = Vec::new();
        for hash in hashes {
            keys.blocks(&self.file, *hash, &mut found)?;
        }
        found.sort_unstable();
        found.dedup();
        Ok(Some(found.into_iter().map(|block| block as usize).filter(|at| *at < self.blocks.len()).collect()))
    }

    /// The blocks, by number.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The lines of a block.
    pub fn read(&mut self, block: &Block, lines: &mut Vec<u8>) -> io::Result<()> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let done = self.raw(block, &mut buffer).and_then(|()| self.decompress(block, &buffer, lines));
        self.buffer = buffer;
        done
    }

    /// The bytes of a block as they lie in the file.
    pub fn raw(&self, block: &Block, bytes: &mut Vec<u8>) -> io::Result<()> {
        bytes.resize(block.length as usize, 0);
        self.file.read_exact_at(bytes, block.offset)?;
        if crc32fast::hash(bytes) == block.checksum { Ok(()) } else { Err(damaged("a checksum is wrong")) }
    }

    fn decompress(&mut self, block: &Block, bytes: &[u8], lines: &mut Vec<u8>) -> io::Result<()> {
        lines.clear();
        lines.reserve(block.raw as usize);
        self.decompressor
            .decompress_to_buffer(bytes, lines)
            .map_err(|_| damaged("a block is no zstd frame"))?;
        let is_right = lines.len() == block.raw as usize
            && lines.last() == Some(&b'\n')
            && count_lines(lines) == u64::from(block.rows);
        if is_right { Ok(()) } else { Err(damaged("a block is not what the index says")) }
    }
}

/// The blocks, and where the index begins.
fn read_index<F: ReadAt>(file: &F) -> io::Result<(Vec<Block>, u64)> {
    let size = file.size()?;
    let too_short = || damaged("the file is too short");
    let mut tail = [0; TAIL];
    file.read_exact_at(&mut tail, size.checked_sub(TAIL as u64).ok_or_else(too_short)?)?;
    let count = u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]);
    if &tail[8..] != INDEX_TAG || count > MAX_BLOCKS {
        return Err(damaged("there is no index"));
    }
    let len = count as usize * Block::LEN + TAIL;
    let start = size.checked_sub((len + FRAME) as u64).ok_or_else(too_short)?;
    let mut index = vec![0; len + FRAME];
    file.read_exact_at(&mut index, start)?;
    let entries = &index[FRAME..len + FRAME - TAIL];
    let checksum = crc32fast::hash(&index[FRAME..len + FRAME - 8]).to_le_bytes();
    if index[..4] != INDEX_MAGIC.to_le_bytes() || checksum != tail[4..8] {
        return Err(damaged("the index is damaged"));
    }
    let blocks: Vec<Block> = entries.as_chunks::<{ Block::LEN }>().0.iter().map(Block::decode).collect();
    let is_sound = blocks.iter().all(|block| block.is_sound(start));
    let in_order = blocks.windows(2).all(|pair| pair[0].end() <= pair[1].first);
    if is_sound && in_order { Ok((blocks, start)) } else { Err(damaged("the index contradicts itself")) }
}

/// Looks for the headers of blocks, whatever lies between them.
fn find_blocks<F: ReadAt>(file: &F) -> io::Result<Vec<Block>> {
    const WINDOW: usize = 1 << 20;
    let size = file.size()?;
    let mut start_of_header = HEADER_MAGIC.to_le_bytes().to_vec();
    start_of_header.extend((HEADER as u32).to_le_bytes());
    start_of_header.extend(HEADER_TAG);
    let finder = memmem::Finder::new(&start_of_header);
    let (mut blocks, mut at, mut window) = (Vec::<Block>::new(), 0, Vec::new());
    while at < size {
        window.resize((size - at).min(WINDOW as u64) as usize, 0);
        file.read_exact_at(&mut window, at)?;
        let Some(found) = finder.find(&window) else {
            // A header may begin at the end of this window.
            at += (window.len() - (FRAME + HEADER).min(window.len() - 1)) as u64;
            continue;
        };
        at += found as u64;
        let block = header_at(file, at, size);
        let follows = |block: &Block| blocks.last().is_none_or(|last| last.end() <= block.first);
        at = match block.filter(follows) {
            Some(block) => {
                blocks.push(block);
                block.offset + u64::from(block.length)
            }
            None => at + 1,
        };
        if blocks.len() > MAX_BLOCKS as usize {
            return Err(damaged("there are too many blocks"));
        }
    }
    Ok(blocks)
}

fn header_at<F: ReadAt>(file: &F, at: u64, size: u64) -> Option<Block> {
    let mut header = [0; FRAME + HEADER];
    file.read_exact_at(&mut header, at).ok()?;
    let (content, checksum) = header[FRAME..].split_at(HEADER - 4);
    let block = Block::decode(content[4..].first_chunk()?);
    let is_right = crc32fast::hash(content).to_le_bytes() == checksum
        && block.offset == at + (FRAME + HEADER) as u64
        && block.is_sound(size);
    is_right.then_some(block)
}

#[cfg(test)]
mod tests;
