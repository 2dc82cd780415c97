//! The files of the systemd journal (format: <https://systemd.io/JOURNAL_FILE_FORMAT>).
//!
//! A file is a header and objects. An entry names the data objects that hold its fields, which entries share; a chain of
//! arrays names all entries in the order they were written. Hash tables speed up searches for a field's value; they are
//! not needed to read entries and are left alone, as are seals.
//!
//! The crates that read these files open and map them themselves, while evidence may lie inside an archive or an image, or be
//! written at this moment. Hence this reader of its own, on anything that can be read and sought.

mod compression;
mod pages;

use crate::bytes::Bytes;
use crate::{Error, Result, Source};
use pages::Pages;

/// What is written about these files in errors.
const WHAT: &str = "journal";

/// Fields one entry may have; systemd itself writes no more than 1024.
const MAX_FIELDS: u64 = 4096;

/// Bytes of one field, and of all fields of one entry, unpacked.
const MAX_FIELD: u64 = 64 << 20;
const MAX_ENTRY: u64 = 128 << 20;

/// Arrays in the chain: each is about twice as long as the one before.
const MAX_ARRAYS: usize = 10_000;

/// Features that a reader must know: three ways to pack fields, another hash, and short references.
const KNOWN: u32 = 0b1_1111;
const COMPACT: u32 = 1 << 4;

/// Bytes of the header that every version has.
const HEADER: usize = 208;

/// Kinds of objects.
const DATA: u8 = 1;
const ENTRY: u8 = 3;
const ENTRY_ARRAY: u8 = 6;

/// Where the items begin in entries and arrays.
const ENTRY_ITEMS: u64 = 64;
const ARRAY_ITEMS: u64 = 24;

fn broken(why: impl Into<String>) -> Error {
    Error::broken(WHAT, why)
}

/// When an entry was written, and by which boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub sequence: u64,
    /// Microseconds since 1970.
    pub realtime: u64,
    /// Microseconds since the boot.
    pub monotonic: u64,
    pub boot: [u8; 16],
    pub hash: u64,
}

/// One entry.
#[derive(Debug)]
pub struct Entry {
    pub head: Head,
    /// Names and values, in the order of the file; a name may be there several times.
    pub fields: Vec<(String, Vec<u8>)>,
    /// Why fields are missing.
    pub broken: Option<Error>,
}

/// Part of the list of entries.
#[derive(Clone, Copy, Debug)]
struct Array {
    /// The number of its first entry.
    first: u64,
    /// Where its items are.
    at: u64,
}

/// An open file.
pub struct Journal<S> {
    pages: Pages<S>,
    header_size: u64,
    is_compact: bool,
    sequence_id: [u8; 16],
    entries: u64,
    arrays: Vec<Array>,
}

impl<S: Source> Journal<S> {
    pub fn open(source: S) -> Result<Self> {
        let mut journal = Journal {
            pages: Pages::new(source),
            header_size: 0,
            is_compact: false,
            sequence_id: [0; 16],
            entries: 0,
            arrays: Vec::new(),
        };
        journal.refresh()?;
        Ok(journal)
    }

    /// Looks at the file again, which may have grown.
    pub fn refresh(&mut self) -> Result<()> {
        self.pages.forget()?;
        let header = self.pages.bytes(0, HEADER).map_err(|_| Error::NotA(WHAT))?;
        if !header.starts_with(b"LPKSHHRH") {
            return Err(Error::NotA(WHAT));
        }
        let header = Bytes(&header);
        let flags = header.u32(12).unwrap_or_default();
        if flags & !KNOWN != 0 {
            let which = format!("feature {:#x}", flags & !KNOWN);
            return Err(Error::Unsupported { what: WHAT, which });
        }
        self.is_compact = flags & COMPACT != 0;
        let number = |at| header.u64(at).unwrap_or_default();
        self.header_size = number(88).max(HEADER as u64);
        if let Some(id) = header.get(72, 16) {
            self.sequence_id.copy_from_slice(id);
        }
        self.entries = number(152);
        self.read_chain(number(176))
    }

    /// Reads the chain of arrays. They are written one after another, so that each lies behind the one before.
    fn read_chain(&mut self, first: u64) -> Result<()> {
        self.arrays.clear();
        let (mut count, mut at, mut before) = (0_u64, first, 0);
        while at != 0 && count < self.entries {
            if at <= before {
                return Err(broken("entry arrays lead back"));
            }
            if self.arrays.len() >= MAX_ARRAYS {
                return Err(Error::TooMuch { what: "entry arrays", limit: MAX_ARRAYS as u64 });
            }
            let size = self.object(at, ENTRY_ARRAY)?.size;
            let next = self.pages.u64(at + 16)?;
            self.arrays.push(Array { first: count, at: at + ARRAY_ITEMS });
            count = count.saturating_add(size.saturating_sub(ARRAY_ITEMS) / self.reference());
            (before, at) = (at, next);
        }
        self.entries = self.entries.min(count);
        Ok(())
    }

    /// Bytes of an item of an array.
    fn reference(&self) -> u64 {
        if self.is_compact { 4 } else { 8 }
    }

    /// How many entries there are.
    pub fn len(&self) -> u64 {
        self.entries
    }

    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Numbers of entries count from here; files that were written one after another share it.
    pub fn sequence_id(&self) -> [u8; 16] {
        self.sequence_id
    }

    /// The number of the first entry that was written at that time (in microseconds since 1970) or later, found by halving:
    /// entries are in order of time unless the clock was set back while the file was written.
    pub fn first_since(&mut self, realtime: u64) -> u64 {
        let (mut low, mut high) = (0, self.entries);
        while low < high {
            let middle = low + (high - low) / 2;
            // One that cannot be read tells nothing; what lies before it can at worst be looked at in vain.
            match self.head(middle) {
                Ok(head) if head.realtime < realtime => low = middle + 1,
                _ => high = middle,
            }
        }
        low
    }

    /// When the entry of that number, counted from 0, was written.
    pub fn head(&mut self, number: u64) -> Result<Head> {
        self.find(number).map(|(head, _, _)| head)
    }

    /// The head of an entry, where its items are, and how many.
    fn find(&mut self, number: u64) -> Result<(Head, u64, u64)> {
        let place = self.arrays.partition_point(|a| a.first <= number).checked_sub(1);
        let array = place.and_then(|i| self.arrays.get(i)).filter(|_| number < self.entries);
        let array = *array.ok_or_else(|| broken("no such entry"))?;
        let at = self.pointer(array.at + (number - array.first) * self.reference())?;
        let size = self.object(at, ENTRY)?.size;
        let mut bytes = [0; 48];
        self.pages.read(at + 16, &mut bytes)?;
        let number = |at| Bytes(&bytes).u64(at).unwrap_or_default();
        let mut boot = [0; 16];
        boot.copy_from_slice(&bytes[24..40]);
        let head =
            Head { sequence: number(0), realtime: number(8), monotonic: number(16), boot, hash: number(40) };
        let item = if self.is_compact { 4 } else { 16 };
        let count = size.saturating_sub(ENTRY_ITEMS) / item;
        if count > MAX_FIELDS {
            return Err(Error::TooMuch { what: "fields of an entry", limit: MAX_FIELDS });
        }
        Ok((head, at + ENTRY_ITEMS, count))
    }

    /// The entry of that number, counted from 0. Fields that cannot be read are left out.
    pub fn entry(&mut self, number: u64) -> Result<Entry> {
        let (head, items, count) = self.find(number)?;
        let item = if self.is_compact { 4 } else { 16 };
        let mut entry = Entry { head, fields: Vec::with_capacity(count as usize), broken: None };
        let mut left = MAX_ENTRY;
        for place in 0..count {
            match self.pointer(items + place * item).and_then(|at| self.field(at, left.min(MAX_FIELD))) {
                Ok((name, value)) => {
                    left -= left.min((name.len() + value.len()) as u64);
                    entry.fields.push((name, value));
                }
                Err(e) => entry.broken = entry.broken.or(Some(e)),
            }
        }
        Ok(entry)
    }

    /// Where an item of an array or an entry leads.
    fn pointer(&mut self, at: u64) -> Result<u64> {
        if !self.is_compact {
            return self.pages.u64(at);
        }
        let mut bytes = [0; 4];
        self.pages.read(at, &mut bytes)?;
        Ok(u64::from(u32::from_le_bytes(bytes)))
    }

    fn field(&mut self, at: u64, limit: u64) -> Result<(String, Vec<u8>)> {
        let object = self.object(at, DATA)?;
        // Compact files keep two numbers more, and shorter references elsewhere.
        let before = if self.is_compact { 72 } else { 64 };
        let size = object.size.checked_sub(before).ok_or_else(|| broken("a field is too short"))?;
        if size > limit {
            return Err(Error::TooMuch { what: "field", limit });
        }
        let stored = self.pages.bytes(at + before, size as usize)?;
        let mut content = compression::unpack(object.flags, stored, limit)?;
        let name = memchr::memchr(b'=', &content).ok_or_else(|| broken("a field has no name"))?;
        let value = content.split_off(name + 1);
        content.truncate(name);
        let name = String::from_utf8(content);
        Ok((name.unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()), value))
    }

    /// The head of an object, which must be of that kind.
    fn object(&mut self, at: u64, kind: u8) -> Result<Object> {
        if at < self.header_size || !at.is_multiple_of(8) || at >= self.pages.len() {
            return Err(broken(format!("no object can be at {at}")));
        }
        let mut head = [0; 16];
        self.pages.read(at, &mut head)?;
        let size = Bytes(&head).u64(8).unwrap_or_default();
        if head[0] != kind {
            return Err(broken(format!("the object at {at} is of kind {} instead of {kind}", head[0])));
        }
        // All that is calculated from places and sizes stays within the file, and so within 64 bits.
        if size < 16 || size > self.pages.len() - at {
            return Err(broken(format!("the object at {at} has an impossible size")));
        }
        Ok(Object { flags: head[1], size })
    }
}

/// What every object begins with.
struct Object {
    flags: u8,
    size: u64,
}

#[cfg(test)]
mod tests;
