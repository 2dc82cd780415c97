//! Small reads all over a file, served from pages that are kept.

use std::io::{Read, SeekFrom};

use super::broken;
use crate::{Result, Source};

const PAGE: u64 = 16 << 10;

/// Pages that are kept, each in the place that its number gives.
const SLOTS: u64 = 256;

pub struct Pages<S> {
    source: S,
    len: u64,
    slots: Vec<Option<(u64, Vec<u8>)>>,
}

impl<S: Source> Pages<S> {
    pub fn new(source: S) -> Self {
        Pages { source, len: 0, slots: vec![None; SLOTS as usize] }
    }

    /// Drops what is kept, and looks how long the file is now.
    pub fn forget(&mut self) -> Result<()> {
        self.slots.fill(None);
        self.len = self.source.seek(SeekFrom::End(0))?;
        Ok(())
    }

    /// How long the file is.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Fills a buffer from a place; the file ending there is an error.
    pub fn read(&mut self, mut at: u64, mut out: &mut [u8]) -> Result<()> {
        while !out.is_empty() {
            let page = self.page(at / PAGE)?;
            let rest = page.get((at % PAGE) as usize..).unwrap_or_default();
            let count = rest.len().min(out.len());
            if count == 0 {
                return Err(broken("the file ends within an object"));
            }
            out[..count].copy_from_slice(&rest[..count]);
            out = &mut out[count..];
            at += count as u64;
        }
        Ok(())
    }

    pub fn u64(&mut self, at: u64) -> Result<u64> {
        let mut bytes = [0; 8];
        self.read(at, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// So many bytes from a place; nothing is set aside for what lies beyond the end.
    pub fn bytes(&mut self, at: u64, len: usize) -> Result<Vec<u8>> {
        if at.checked_add(len as u64).is_none_or(|end| end > self.len) {
            return Err(broken("the file ends within an object"));
        }
        let mut bytes = vec![0; len];
        self.read(at, &mut bytes)?;
        Ok(bytes)
    }

    fn page(&mut self, number: u64) -> Result<&[u8]> {
        let slot = &mut self.slots[(number % SLOTS) as usize];
        if slot.as_ref().is_none_or(|(held, _)| *held != number) {
            let mut page = slot.take().map(|(_, page)| page).unwrap_or_default();
            page.clear();
            self.source.seek(SeekFrom::Start(number * PAGE))?;
            self.source.by_ref().take(PAGE).read_to_end(&mut page)?;
            *slot = Some((number, page));
        }
        Ok(slot.as_ref().map_or(&[], |(_, page)| page))
    }
}
