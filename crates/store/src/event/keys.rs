//! What rows are found by: an index of keys beside the one of numbers in a sealed segment.
//!
//! Whoever opens a store says which keys a row has ([`KeysOf`]). A segment keeps a sorted list of pairs, the hash of a key and
//! the number of a block that holds such a row, in pages of their own, so that looking a key up reads the list of pages and
//! one or two of them:
//!
//! ```text
//! frame of zstd that is skipped │ pages: differences of pairs, as varints │ list of pages: first hash, offset, checksum │ tail
//! ```
//!
//! Two keys may have one hash; then a block is read that holds no such row. Rows are compared by who asked.

use std::io::{self, Write};

use super::segment::ReadAt;

/// Gives the keys of a row.
pub type KeysOf = fn(row: &[u8], add: &mut dyn FnMut(&[u8]));

/// The hash of a key.
pub fn hash(key: &[u8]) -> u32 {
    crc32fast::hash(key)
}

const MAGIC: u32 = 0x184D_2A5C;
const FRAME: usize = 8;
const TAG: &[u8; 4] = b"HEK1";
/// Pairs of one page, about 6 kB.
const PAGE: usize = 2048;
/// An entry in the list of pages.
const ENTRY: usize = 12;
/// What ends the frame: how many pages, bytes of the frame's content, checksum of the list, tag.
const TAIL: usize = 16;
const MAX_PAGES: u32 = 1 << 20;

/// Collects the pairs of a segment that is being written.
#[derive(Default)]
pub struct Pairs(Vec<(u32, u32)>);

impl Pairs {
    /// Notes the keys of a block's lines.
    pub fn add(&mut self, block: u32, lines: &[u8], keys_of: KeysOf) {
        let start = self.0.len();
        for line in super::reader::lines(lines) {
            keys_of(line, &mut |key| self.0.push((hash(key), block)));
        }
        self.0[start..].sort_unstable();
        let mut kept = start;
        for at in start..self.0.len() {
            if at == start || self.0[at] != self.0[kept - 1] {
                self.0[kept] = self.0[at];
                kept += 1;
            }
        }
        self.0.truncate(kept);
    }

    /// Writes the frame; gives its size. Nothing is written when there are no pairs.
    pub fn write(mut self, out: &mut impl Write) -> io::Result<u64> {
        if self.0.is_empty() {
            return Ok(0);
        }
        self.0.sort_unstable();
        let (mut content, mut list) = (Vec::new(), Vec::new());
        for page in self.0.chunks(PAGE) {
            let offset = content.len();
            encode(page, &mut content);
            list.extend(page[0].0.to_le_bytes());
            list.extend((offset as u32).to_le_bytes());
            list.extend(crc32fast::hash(&content[offset..]).to_le_bytes());
        }
        let checksum = crc32fast::hash(&list);
        let pages = (list.len() / ENTRY) as u32;
        content.extend(list);
        let len = (content.len() + TAIL) as u32;
        for part in [pages, len, checksum] {
            content.extend(part.to_le_bytes());
        }
        content.extend(TAG);
        out.write_all(&MAGIC.to_le_bytes())?;
        out.write_all(&len.to_le_bytes())?;
        out.write_all(&content)?;
        Ok(content.len() as u64 + FRAME as u64)
    }
}

fn encode(page: &[(u32, u32)], out: &mut Vec<u8>) {
    let mut last = (page[0].0, 0);
    for (hash, block) in page {
        varint(hash - last.0, out);
        varint(if *hash == last.0 { block - last.1 } else { *block }, out);
        last = (*hash, *block);
    }
}

fn varint(mut number: u32, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the index of keys is damaged")
}

/// The index of keys that ends where the one of numbers begins.
#[derive(Debug)]
pub struct Keys {
    /// Of each page: the first hash, where it lies, its checksum.
    pages: Vec<(u32, u64, u32)>,
    /// Where the last page ends.
    end: u64,
}

impl Keys {
    /// Reads the list of pages; none when there is no such index.
    pub fn open<F: ReadAt>(file: &F, end: u64) -> io::Result<Option<Self>> {
        let mut tail = [0; TAIL];
        let Some(at) = end.checked_sub(TAIL as u64) else { return Ok(None) };
        file.read_exact_at(&mut tail, at)?;
        let four = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| tail[at + i]));
        let (pages, len, checksum) = (four(0), u64::from(four(4)), four(8));
        if &tail[12..] != TAG || pages == 0 || pages > MAX_PAGES {
            return Ok(None);
        }
        let start = end.checked_sub(len).ok_or_else(damaged)?;
        let list_at = at.checked_sub(u64::from(pages) * ENTRY as u64).filter(|list| *list >= start);
        let list_at = list_at.ok_or_else(damaged)?;
        let mut list = vec![0; pages as usize * ENTRY];
        file.read_exact_at(&mut list, list_at)?;
        if crc32fast::hash(&list) != checksum {
            return Err(damaged());
        }
        let entry = |bytes: &[u8; ENTRY]| {
            let four = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
            (four(0), start + u64::from(four(4)), four(8))
        };
        let pages: Vec<_> = list.as_chunks::<ENTRY>().0.iter().map(entry).collect();
        let in_order = pages.windows(2).all(|two| two[0].0 <= two[1].0 && two[0].1 < two[1].1);
        let inside = pages.last().is_some_and(|last| last.1 < list_at);
        if in_order && inside { Ok(Some(Self { pages, end: list_at })) } else { Err(damaged()) }
    }

    /// Adds the numbers of the blocks that hold rows with a key of this hash.
    pub fn blocks<F: ReadAt>(&self, file: &F, hash: u32, found: &mut Vec<u32>) -> io::Result<()> {
        // Pairs of one hash may begin on the page before the first that starts with it.
        let first = self.pages.partition_point(|(start, ..)| *start < hash).saturating_sub(1);
        for at in first..self.pages.len() {
            let (start, offset, checksum) = self.pages[at];
            if start > hash {
                break;
            }
            let end = self.pages.get(at + 1).map_or(self.end, |(_, offset, _)| *offset);
            let mut page = vec![0; (end - offset) as usize];
            file.read_exact_at(&mut page, offset)?;
            if crc32fast::hash(&page) != checksum {
                return Err(damaged());
            }
            decode(start, &page, hash, found)?;
        }
        Ok(())
    }
}

fn decode(start: u32, page: &[u8], wanted: u32, found: &mut Vec<u32>) -> io::Result<()> {
    let (mut last, mut rest) = ((start, 0u32), page);
    while !rest.is_empty() {
        let hash = last.0.checked_add(read_varint(&mut rest)?).ok_or_else(damaged)?;
        let block = read_varint(&mut rest)?;
        let block = if hash == last.0 { last.1.checked_add(block).ok_or_else(damaged)? } else { block };
        if hash > wanted {
            break;
        }
        if hash == wanted {
            found.push(block);
        }
        last = (hash, block);
    }
    Ok(())
}

fn read_varint(bytes: &mut &[u8]) -> io::Result<u32> {
    let mut number = 0u32;
    for shift in (0..35).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or_else(damaged)?;
        *bytes = rest;
        let part = u32::from(byte & 0x7f);
        number |= part.checked_shl(shift).filter(|_| shift < 28 || part < 16).ok_or_else(damaged)?;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(damaged())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(row: &[u8], add: &mut dyn FnMut(&[u8])) {
        row.split(|byte| *byte == b' ').for_each(add);
    }

    fn written(blocks: &[String]) -> Vec<u8> {
        let mut pairs = Pairs::default();
        for (number, block) in blocks.iter().enumerate() {
            pairs.add(number as u32, block.as_bytes(), words);
        }
        let mut out = b"what comes before".to_vec();
        let before = out.len() as u64;
        let size = pairs.write(&mut out).unwrap();
        assert_eq!(out.len() as u64, before + size);
        out
    }

    fn blocks_with(bytes: &[u8], word: &str) -> Vec<u32> {
        let keys = Keys::open(&bytes, bytes.len() as u64).unwrap().unwrap();
        let mut found = Vec::new();
        keys.blocks(&bytes, hash(word.as_bytes()), &mut found).unwrap();
        found
    }

    #[test]
    fn every_key_leads_to_its_blocks_and_to_no_others() {
        // "all" is in every block, so that its pairs take more than one page.
        let block = |n: usize| format!("all w{n} w{}\nall w{}\n", n + 1, n % 7);
        let blocks: Vec<String> = (0..5000).map(block).collect();
        let bytes = written(&blocks);
        assert_eq!(blocks_with(&bytes, "all"), (0..5000).collect::<Vec<_>>());
        for word in ["w3", "w4999", "w5000", "none"] {
            let plain =
                blocks.iter().enumerate().filter(|(_, block)| block.split([' ', '\n']).any(|w| w == word));
            assert_eq!(blocks_with(&bytes, word), plain.map(|(n, _)| n as u32).collect::<Vec<_>>(), "{word}");
        }
    }

    #[test]
    fn damage_is_noticed_and_nothing_else_is_taken_for_an_index() {
        let bytes = written(&["a b\n".to_owned(), "b c\n".to_owned()]);
        let size = bytes.len() as u64;
        for at in "what comes before".len() + FRAME..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 0x41;
            let open = Keys::open(&&bad[..], size);
            let found = open.and_then(|keys| {
                keys.map(|keys| keys.blocks(&&bad[..], hash(b"b"), &mut Vec::new())).transpose()
            });
            assert!(!matches!(found, Ok(Some(()))), "byte {at}");
        }
        for len in 0..size {
            assert!(!matches!(Keys::open(&&bytes[..len as usize], len), Ok(Some(_))), "{len}");
        }
        assert!(written(&[String::new()]).len() == "what comes before".len());
    }
}
