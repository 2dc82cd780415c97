//! The change journal of NTFS (`$Extend\$UsnJrnl:$J`): records of version 2 and 3.

use jiff::Timestamp;

use crate::bytes::{Bytes, filetime, read_at, utf16};
use crate::{Result, Source};

/// Records lie one after another, filled up with zeros to pages of this size.
const PAGE: u64 = 4096;
/// Pages read at a time.
const WINDOW: usize = 256 * PAGE as usize;
/// The smallest and largest record: a name has at most 255 characters.
const SMALLEST: usize = 0x3C;
const LARGEST: usize = 0x4C + 2 * 255 + 8;

/// One change.
#[derive(Debug, PartialEq)]
pub struct Change {
    /// Where the record lies in the journal.
    pub offset: u64,
    pub usn: u64,
    pub time: Option<Timestamp>,
    pub name: String,
    /// The entry in the file table, and how often it had been used.
    pub file: (u64, u16),
    pub parent: (u64, u16),
    pub reason: u32,
    pub source: u32,
    pub attributes: u32,
}

/// Hands out the changes from a place on, until told to stop. What is no record is skipped: large parts of a journal are empty.
pub fn changes(source: &mut dyn Source, start: u64, mut each: impl FnMut(Change) -> bool) -> Result<()> {
    // Records do not cross windows, as they do not cross pages.
    let mut at = start - start % PAGE;
    let mut from = start;
    loop {
        let window = read_at(source, at, WINDOW)?;
        let mut pos = usize::try_from(from.saturating_sub(at)).unwrap_or(WINDOW).next_multiple_of(8);
        while pos < window.len() {
            match change(&window[pos..], at + pos as u64) {
                Some((change, length)) => {
                    if !each(change) {
                        return Ok(());
                    }
                    pos += length;
                }
                // An empty page is passed over at once.
                None if pos.is_multiple_of(PAGE as usize) && is_empty(&window[pos..]) => pos += PAGE as usize,
                None => pos += 8,
            }
        }
        if window.len() < WINDOW {
            return Ok(());
        }
        at += WINDOW as u64;
        from = at;
    }
}

fn is_empty(bytes: &[u8]) -> bool {
    bytes.iter().take(PAGE as usize).all(|b| *b == 0)
}

fn change(bytes: &[u8], offset: u64) -> Option<(Change, usize)> {
    let record = Bytes(bytes);
    let length = record.size(0)?;
    if !(SMALLEST..=LARGEST).contains(&length) || !length.is_multiple_of(8) {
        return None;
    }
    // Version 3 has references of 16 bytes; what NTFS puts there fits in the first 8.
    let wide = match record.u16(4)? {
        2 => 8,
        3 => 16,
        _ => return None,
    };
    let rest = 8 + 2 * wide;
    let name_length = usize::from(record.u16(rest + 32)?);
    let name_at = usize::from(record.u16(rest + 34)?);
    if name_at < rest + 36 || name_at + name_length > length {
        return None;
    }
    let change = Change {
        offset,
        usn: record.u64(rest)?,
        time: filetime(record.u64(rest + 8)?),
        name: utf16(record.get(name_at, name_length)?),
        file: reference(record.u64(8)?),
        parent: reference(record.u64(8 + wide)?),
        reason: record.u32(rest + 16)?,
        source: record.u32(rest + 20)?,
        attributes: record.u32(rest + 28)?,
    };
    Some((change, length))
}

fn reference(raw: u64) -> (u64, u16) {
    (raw & 0xffff_ffff_ffff, (raw >> 48) as u16)
}

/// The names of the reasons that are set.
pub fn reasons(bits: u32) -> Vec<&'static str> {
    named(bits, REASONS)
}

/// The names of the file attributes that are set.
pub fn attributes(bits: u32) -> Vec<&'static str> {
    named(bits, ATTRIBUTES)
}

/// The names of the sources that are set.
pub fn sources(bits: u32) -> Vec<&'static str> {
    named(bits, SOURCES)
}

fn named(bits: u32, names: &[(u32, &'static str)]) -> Vec<&'static str> {
    names.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| *name).collect()
}

/// `USN_REASON_…`
const REASONS: &[(u32, &str)] = &[
    (0x0000_0001, "DATA_OVERWRITE"),
    (0x0000_0002, "DATA_EXTEND"),
    (0x0000_0004, "DATA_TRUNCATION"),
    (0x0000_0010, "NAMED_DATA_OVERWRITE"),
    (0x0000_0020, "NAMED_DATA_EXTEND"),
    (0x0000_0040, "NAMED_DATA_TRUNCATION"),
    (0x0000_0100, "FILE_CREATE"),
    (0x0000_0200, "FILE_DELETE"),
    (0x0000_0400, "EA_CHANGE"),
    (0x0000_0800, "SECURITY_CHANGE"),
    (0x0000_1000, "RENAME_OLD_NAME"),
    (0x0000_2000, "RENAME_NEW_NAME"),
    (0x0000_4000, "INDEXABLE_CHANGE"),
    (0x0000_8000, "BASIC_INFO_CHANGE"),
    (0x0001_0000, "HARD_LINK_CHANGE"),
    (0x0002_0000, "COMPRESSION_CHANGE"),
    (0x0004_0000, "ENCRYPTION_CHANGE"),
    (0x0008_0000, "OBJECT_ID_CHANGE"),
    (0x0010_0000, "REPARSE_POINT_CHANGE"),
    (0x0020_0000, "STREAM_CHANGE"),
    (0x0040_0000, "TRANSACTED_CHANGE"),
    (0x0080_0000, "INTEGRITY_CHANGE"),
    (0x8000_0000, "CLOSE"),
];

/// `FILE_ATTRIBUTE_…`
const ATTRIBUTES: &[(u32, &str)] = &[
    (0x0001, "READONLY"),
    (0x0002, "HIDDEN"),
    (0x0004, "SYSTEM"),
    (0x0010, "DIRECTORY"),
    (0x0020, "ARCHIVE"),
    (0x0040, "DEVICE"),
    (0x0080, "NORMAL"),
    (0x0100, "TEMPORARY"),
    (0x0200, "SPARSE_FILE"),
    (0x0400, "REPARSE_POINT"),
    (0x0800, "COMPRESSED"),
    (0x1000, "OFFLINE"),
    (0x2000, "NOT_CONTENT_INDEXED"),
    (0x4000, "ENCRYPTED"),
    (0x8000, "INTEGRITY_STREAM"),
    (0x1_0000, "VIRTUAL"),
    (0x2_0000, "NO_SCRUB_DATA"),
];

/// `USN_SOURCE_…`
const SOURCES: &[(u32, &str)] = &[
    (1, "DATA_MANAGEMENT"),
    (2, "AUXILIARY_DATA"),
    (4, "REPLICATION_MANAGEMENT"),
    (8, "CLIENT_REPLICATION_MANAGEMENT"),
];

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// A record as `USN_RECORD_V2` or `V3` is laid out in the documentation of Windows.
    fn record(version: u16, name: &str) -> Vec<u8> {
        let wide = if version == 2 { 8 } else { 16 };
        let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut out = vec![0; 4];
        out.extend([version, 0].map(u16::to_le_bytes).concat());
        for reference in [0x0003_0000_0000_0539_u64, 0x0005_0000_0000_0005] {
            out.extend(reference.to_le_bytes());
            out.resize(out.len() + wide - 8, 0);
        }
        out.extend(4096_u64.to_le_bytes());
        out.extend(132_223_104_000_000_000_u64.to_le_bytes());
        out.extend([0x8000_0100_u32, 0, 0, 0x20].map(u32::to_le_bytes).concat());
        let at = out.len() + 4;
        out.extend([name.len() as u16, at as u16].map(u16::to_le_bytes).concat());
        out.extend(name);
        out.resize(out.len().next_multiple_of(8), 0);
        let length = out.len() as u32;
        out[..4].copy_from_slice(&length.to_le_bytes());
        out
    }

    fn all(bytes: &[u8], start: u64) -> Vec<Change> {
        let mut all = Vec::new();
        changes(&mut Cursor::new(bytes), start, |change| {
            all.push(change);
            true
        })
        .unwrap();
        all
    }

    #[test]
    fn changes_are_found_behind_empty_pages() {
        let mut journal = vec![0; 3 * PAGE as usize];
        journal.extend(record(2, "a.txt"));
        journal.extend(record(3, "Ünïcode"));
        journal.resize(journal.len().next_multiple_of(PAGE as usize), 0);
        journal.extend(record(2, "last"));
        let changes = all(&journal, 0);
        assert_eq!(changes.iter().map(|c| &*c.name).collect::<Vec<_>>(), ["a.txt", "Ünïcode", "last"]);
        let first = &changes[0];
        assert_eq!((first.offset, first.usn), (3 * PAGE, 4096));
        assert_eq!((first.file, first.parent), ((1337, 3), (5, 5)));
        assert_eq!(first.time.unwrap().to_string(), "2020-01-01T00:00:00Z");
        assert_eq!(reasons(first.reason), ["FILE_CREATE", "CLOSE"]);
        assert_eq!(attributes(first.attributes), ["ARCHIVE"]);
        assert_eq!(all(&journal, changes[1].offset).len(), 2);
        assert_eq!(all(&journal, 1 << 40).len(), 0);
    }

    #[test]
    fn what_is_no_record_is_skipped() {
        let good = record(2, "name");
        for at in 0..good.len() {
            let mut journal = good.clone();
            journal[at] ^= 0xff;
            journal.extend(&good);
            assert!(
                all(&journal, 0).iter().any(|c| c.offset == good.len() as u64 && c.name == "name"),
                "{at}"
            );
        }
    }
}
