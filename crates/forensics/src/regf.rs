//! Windows registry hives (regf): keys and values by path.
//!
//! A hive is pages of cells, and every cell may point anywhere. So counts are taken from lists that were really read, lists of
//! lists go one level deep, and a path is never longer than [`MAX_DEPTH`].

use jiff::Timestamp;

use crate::bytes::{Bytes, latin1, read_all, utf16};
use crate::{Error, Result, Source};

/// The largest hive that is held in memory.
pub const MAX_SIZE: u64 = 512 << 20;
/// Keys below keys at most.
pub const MAX_DEPTH: usize = 512;
/// Keys or values of one key at most.
const MAX_ENTRIES: usize = 1_000_000;
/// The largest value.
const MAX_VALUE: usize = 64 << 20;
/// Where the cells start.
const CELLS: usize = 4096;
/// What one piece of a large value holds at most.
const PIECE: usize = 16_344;
const WHAT: &str = "registry hive";

/// A hive in memory.
pub struct Hive {
    bytes: Vec<u8>,
    root: usize,
}

/// A key of a hive.
#[derive(Clone, Copy)]
pub struct Key<'h> {
    hive: &'h Hive,
    cell: Bytes<'h>,
}

/// A value of a key, its data not read yet.
#[derive(Clone, Copy)]
pub struct Value<'h> {
    hive: &'h Hive,
    cell: Bytes<'h>,
}

/// What a value holds, as its type says it is to be read.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    Text(String),
    List(Vec<String>),
    Number(u64),
    Bytes(Vec<u8>),
}

impl Hive {
    pub fn read(source: &mut dyn Source) -> Result<Hive> {
        let bytes = read_all(source, MAX_SIZE)?;
        let header = Bytes(&bytes);
        if header.get(0, 4) != Some(b"regf") {
            return Err(Error::NotA("a registry hive"));
        }
        let root = header.size(0x24).ok_or_else(|| Error::broken(WHAT, "too short"))?;
        let hive = Hive { bytes, root };
        match hive.key(root) {
            Some(_) => Ok(hive),
            None => Err(Error::broken(WHAT, "no root key")),
        }
    }

    pub fn root(&self) -> Option<Key<'_>> {
        self.key(self.root)
    }

    /// The key of that path; names differ in case only by chance.
    pub fn find<'h>(&'h self, path: impl IntoIterator<Item = &'h str>) -> Option<Key<'h>> {
        let mut key = self.root()?;
        for (depth, name) in path.into_iter().enumerate() {
            if depth >= MAX_DEPTH {
                return None;
            }
            key = key.child(name)?;
        }
        Some(key)
    }

    /// The content of a cell.
    fn cell(&self, offset: usize) -> Option<Bytes<'_>> {
        let at = CELLS.checked_add(offset)?;
        let size = usize::try_from(Bytes(&self.bytes).i32(at)?.unsigned_abs()).ok()?;
        // A cell that claims more than there is ends with the hive.
        let end = at.checked_add(size)?.min(self.bytes.len());
        self.bytes.get(at + 4..end).map(Bytes)
    }

    fn key(&self, offset: usize) -> Option<Key<'_>> {
        let cell = self.cell(offset)?;
        (cell.get(0, 2)? == b"nk").then_some(Key { hive: self, cell })
    }

    /// The places of the keys that a list names.
    fn keys(&self, offset: usize, nested: bool, out: &mut Vec<usize>) -> Option<()> {
        let list = self.cell(offset)?;
        let (kind, count) = (list.get(0, 2)?, usize::from(list.u16(2)?));
        let step = match kind {
            b"lf" | b"lh" => 8,
            b"li" | b"ri" => 4,
            _ => return None,
        };
        for i in 0..count {
            let entry = list.size(4 + i * step)?;
            match kind {
                b"ri" if nested => return None,
                b"ri" => {
                    let _ = self.keys(entry, true, out);
                }
                _ => out.push(entry),
            }
            if out.len() >= MAX_ENTRIES {
                return None;
            }
        }
        Some(())
    }
}

impl<'h> Key<'h> {
    pub fn name(&self) -> String {
        let name = self.cell.u16(72).and_then(|length| self.cell.get(76, usize::from(length)));
        let is_narrow = self.cell.u16(2).is_some_and(|flags| flags & 0x20 != 0);
        named(name.unwrap_or_default(), is_narrow)
    }

    /// When the key or one of its values was last changed.
    pub fn modified(&self) -> Option<Timestamp> {
        self.cell.filetime(4)
    }

    pub fn children(&self) -> impl Iterator<Item = Key<'h>> + use<'h> {
        let mut places = Vec::new();
        if self.cell.u32(20).is_some_and(|count| count > 0)
            && let Some(list) = self.cell.size(28)
        {
            let _ = self.hive.keys(list, false, &mut places);
        }
        let hive = self.hive;
        places.into_iter().filter_map(move |place| hive.key(place))
    }

    pub fn child(&self, name: &str) -> Option<Key<'h>> {
        self.children().find(|key| is_same(&key.name(), name))
    }

    pub fn values(&self) -> impl Iterator<Item = Value<'h>> + use<'h> {
        let count = self.cell.size(36).unwrap_or(0).min(MAX_ENTRIES);
        let (hive, list) = (self.hive, self.cell.size(40).and_then(|list| self.hive.cell(list)));
        (0..count).map_while(move |i| list?.size(4 * i)).filter_map(move |place| {
            let cell = hive.cell(place)?;
            (cell.get(0, 2)? == b"vk").then_some(Value { hive, cell })
        })
    }

    pub fn value(&self, name: &str) -> Option<Value<'h>> {
        self.values().find(|value| is_same(&value.name(), name))
    }
}

fn is_same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || a.to_lowercase() == b.to_lowercase()
}

fn named(bytes: &[u8], is_narrow: bool) -> String {
    if is_narrow { latin1(bytes) } else { utf16(bytes) }
}

impl Value<'_> {
    /// Empty for the default value of a key.
    pub fn name(&self) -> String {
        let name = self.cell.u16(2).and_then(|length| self.cell.get(20, usize::from(length)));
        let is_narrow = self.cell.u16(16).is_some_and(|flags| flags & 1 != 0);
        named(name.unwrap_or_default(), is_narrow)
    }

    fn kind(&self) -> u32 {
        self.cell.u32(12).unwrap_or(0)
    }

    /// `REG_…`
    pub fn type_name(&self) -> &'static str {
        const NAMES: [&str; 12] = [
            "REG_NONE",
            "REG_SZ",
            "REG_EXPAND_SZ",
            "REG_BINARY",
            "REG_DWORD",
            "REG_DWORD_BIG_ENDIAN",
            "REG_LINK",
            "REG_MULTI_SZ",
            "REG_RESOURCE_LIST",
            "REG_FULL_RESOURCE_DESCRIPTOR",
            "REG_RESOURCE_REQUIREMENTS_LIST",
            "REG_QWORD",
        ];
        NAMES.get(self.kind() as usize).copied().unwrap_or("REG_UNKNOWN")
    }

    /// How many bytes the data has.
    pub fn size(&self) -> usize {
        self.cell.size(4).unwrap_or(0) & 0x7fff_ffff
    }

    /// The data as it lies in the hive.
    pub fn raw(&self) -> Vec<u8> {
        self.try_raw().unwrap_or_default()
    }

    fn try_raw(&self) -> Option<Vec<u8>> {
        let length = self.cell.size(4)?;
        if length & 0x8000_0000 != 0 {
            // Up to four bytes stand where the place of longer data would.
            return Some(self.cell.get(8, (length & 0x7fff_ffff).min(4))?.to_vec());
        }
        if length > MAX_VALUE {
            return None;
        }
        let cell = self.hive.cell(self.cell.size(8)?)?;
        if length > PIECE && cell.get(0, 2) == Some(b"db") {
            return Some(self.pieces(cell, length));
        }
        Some(cell.0[..length.min(cell.len())].to_vec())
    }

    fn pieces(&self, head: Bytes<'_>, length: usize) -> Vec<u8> {
        let count = usize::from(head.u16(2).unwrap_or(0));
        let list = head.size(4).and_then(|list| self.hive.cell(list));
        let mut out = Vec::new();
        for i in 0..count {
            let piece = list.and_then(|list| self.hive.cell(list.size(4 * i)?));
            let Some(piece) = piece.filter(|_| out.len() < length) else { break };
            let wanted = PIECE.min(length - out.len()).min(piece.len());
            out.extend_from_slice(&piece.0[..wanted]);
        }
        out
    }

    pub fn data(&self) -> Data {
        let raw = self.raw();
        let number = |width: usize| raw.len() >= width;
        match self.kind() {
            1 | 2 | 6 => Data::Text(utf16(&raw)),
            4 if number(4) => Data::Number(u64::from(u32::from_le_bytes([raw[0], raw[1], raw[2], raw[3]]))),
            5 if number(4) => Data::Number(u64::from(u32::from_be_bytes([raw[0], raw[1], raw[2], raw[3]]))),
            11 => match Bytes(&raw).u64(0) {
                Some(n) => Data::Number(n),
                None => Data::Bytes(raw),
            },
            7 => Data::List(texts(&raw)),
            _ => Data::Bytes(raw),
        }
    }
}

/// Texts that end in NUL; an empty one ends the list.
fn texts(raw: &[u8]) -> Vec<String> {
    let units: Vec<u16> = raw.chunks_exact(2).map(|c| u16::from_le_bytes([c[0], c[1]])).collect();
    units.split(|u| *u == 0).take_while(|text| !text.is_empty()).map(String::from_utf16_lossy).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    const SMALL: &[u8] = include_bytes!("testdata/small.hive");

    /// Every key and value, as the golden file has them.
    fn dump(key: Key<'_>, path: &str, depth: usize, out: &mut Vec<String>) {
        if depth > 40 || out.len() > 10_000 {
            return;
        }
        out.push(format!("{path}\\"));
        for value in key.values() {
            let data = match value.data() {
                Data::Bytes(bytes) if bytes.len() > 64 => format!("{} bytes", bytes.len()),
                data => format!("{data:?}"),
            };
            out.push(format!("{path}\\{} {} {data}", value.name(), value.type_name()));
        }
        for child in key.children() {
            dump(child, &format!("{path}\\{}", child.name()), depth + 1, out);
        }
    }

    #[test]
    fn keys_and_values_are_those_that_were_written() {
        let hive = Hive::read(&mut Cursor::new(SMALL)).unwrap();
        let mut lines = Vec::new();
        dump(hive.root().unwrap(), "", 0, &mut lines);
        lines.sort();
        assert_eq!(lines.join("\n") + "\n", include_str!("testdata/small.hive.txt"));
    }

    #[test]
    fn keys_are_found_whatever_their_case() {
        let hive = Hive::read(&mut Cursor::new(SMALL)).unwrap();
        let key = hive.find(["software", "TEST"]).unwrap();
        assert_eq!(key.name(), "Test");
        assert_eq!(key.value("NUMBER").unwrap().data(), Data::Number(42));
        assert!(key.modified().is_some());
        assert!(hive.find(["Software", "none"]).is_none() && key.value("none").is_none());
    }

    #[test]
    fn broken_hives_give_what_can_be_read() {
        assert!(Hive::read(&mut Cursor::new(b"regf")).is_err());
        assert!(Hive::read(&mut Cursor::new(b"")).is_err());
        for at in 0..SMALL.len().min(12_000) {
            let mut bytes = SMALL.to_vec();
            bytes[at] ^= 0xff;
            if let Ok(hive) = Hive::read(&mut Cursor::new(bytes)) {
                dump(hive.root().unwrap(), "", 0, &mut Vec::new());
            }
        }
    }
}
