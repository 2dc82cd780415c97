//! Data that comes in order only, made readable at any place: going back starts anew.

use std::io::{self, Read, Seek, SeekFrom};

use vql::cancel::Cancel;

use super::shared::target;

/// Starts the data from its beginning.
pub type Start = Box<dyn FnMut() -> io::Result<Box<dyn Read + Send>> + Send>;

/// Data in order, with the last block kept: small steps back cost nothing, larger ones read all again.
pub struct Stream {
    start: Start,
    reader: Option<Box<dyn Read + Send>>,
    /// What was read last; it ends where the reader is.
    block: Vec<u8>,
    /// Where the reader is.
    read: u64,
    /// Where the next read is to start.
    at: u64,
    end: Option<u64>,
    cancel: Cancel,
}

const BLOCK: usize = 64 << 10;

impl Stream {
    pub fn new(cancel: &Cancel, start: Start) -> Self {
        Stream { start, reader: None, block: Vec::new(), read: 0, at: 0, end: None, cancel: cancel.clone() }
    }

    /// Reads the next block; false at the end.
    fn advance(&mut self) -> io::Result<bool> {
        if self.cancel.is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        let reader = match &mut self.reader {
            Some(reader) => reader,
            None => self.reader.insert((self.start)()?),
        };
        self.block.resize(BLOCK, 0);
        let count = super::super::read_full(reader, &mut self.block)?;
        self.block.truncate(count);
        self.read += count as u64;
        if count == 0 {
            self.end = Some(self.read);
        }
        Ok(count > 0)
    }

    /// Reads until the block holds the wanted place; false if the data ends before.
    fn reach(&mut self) -> io::Result<bool> {
        if self.end.is_some_and(|end| self.at >= end) {
            return Ok(false);
        }
        if self.at < self.read - self.block.len() as u64 {
            (self.reader, self.read) = (None, 0);
            self.block.clear();
        }
        while self.at >= self.read {
            if !self.advance()? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || !self.reach()? {
            return Ok(0);
        }
        let from = self.block.len() - (self.read - self.at) as usize;
        let count = buffer.len().min(self.block.len() - from);
        buffer[..count].copy_from_slice(&self.block[from..from + count]);
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Stream {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        if matches!(to, SeekFrom::End(_)) && self.end.is_none() {
            let place = std::mem::replace(&mut self.at, u64::MAX);
            let reached = self.reach();
            self.at = place;
            reached?;
        }
        self.at = target(to, self.at, self.end.unwrap_or_default())?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn any_place_can_be_read() {
        let data: Vec<u8> = (0..300_000_u32).map(|i| (i / 7) as u8).collect();
        let (copy, starts) = (data.clone(), Arc::new(AtomicU32::new(0)));
        let counted = starts.clone();
        let mut stream = Stream::new(
            &Cancel::new(),
            Box::new(move || {
                counted.fetch_add(1, Ordering::Relaxed);
                Ok(Box::new(Cursor::new(copy.clone())))
            }),
        );
        for place in [0_u64, 299_990, 5, 65_535, 65_536, 200_000, 199_000, 300_000, 400_000] {
            stream.seek(SeekFrom::Start(place)).unwrap();
            let mut got = Vec::new();
            (&mut stream).take(100).read_to_end(&mut got).unwrap();
            let from = (place as usize).min(data.len());
            assert_eq!(got, &data[from..(from + 100).min(data.len())], "{place}");
        }
        assert_eq!(starts.load(Ordering::Relaxed), 2);
        assert_eq!(stream.seek(SeekFrom::End(-10)).unwrap(), 299_990);
        assert!(stream.seek(SeekFrom::Current(-300_000)).is_err());
    }

    #[test]
    fn a_cancelled_stream_ends() {
        let cancel = Cancel::new();
        let mut stream = Stream::new(&cancel, Box::new(|| Ok(Box::new(io::repeat(1)))));
        cancel.cancel();
        assert!(stream.seek(SeekFrom::End(0)).is_err());
    }
}
