//! A stretch of another content, as a content.

use std::io::{self, Read, Seek, SeekFrom};

use super::invalid;
use super::shared::target;

/// The bytes from `start` on, `length` of them at most.
pub struct Window<C> {
    content: C,
    start: u64,
    length: u64,
    at: u64,
}

impl<C: Read + Seek> Window<C> {
    pub fn new(content: C, start: u64, length: u64) -> Self {
        Window { content, start, length, at: 0 }
    }

    /// All from `start` to the end.
    pub fn from(mut content: C, start: u64) -> io::Result<Self> {
        let end = content.seek(SeekFrom::End(0))?;
        Ok(Window::new(content, start, end.saturating_sub(start)))
    }
}

impl<C: Read + Seek> Read for Window<C> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        if wanted == 0 {
            return Ok(0);
        }
        self.content.seek(SeekFrom::Start(self.start.saturating_add(self.at)))?;
        let count = self.content.read(&mut buffer[..wanted])?;
        self.at += count as u64;
        Ok(count)
    }
}

impl<C: Read + Seek> Seek for Window<C> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = target(to, self.at, self.length)?;
        Ok(self.at)
    }
}

/// Bytes of a directory of members that are read at most.
const MAX_DIRECTORY: u64 = 512 << 20;

/// A reader of the directory of an archive, which gives up when there is no end of it.
pub struct Bounded<C> {
    content: C,
    left: u64,
}

impl<C> Bounded<C> {
    pub fn new(content: C) -> Self {
        Bounded { content, left: MAX_DIRECTORY }
    }
}

impl<C: Read> Read for Bounded<C> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.content.read(buffer)?;
        self.left = self
            .left
            .checked_sub(count as u64)
            .ok_or_else(|| invalid("the directory of the archive is too large"))?;
        Ok(count)
    }
}

impl<C: Seek> Seek for Bounded<C> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.content.seek(to)
    }
}
