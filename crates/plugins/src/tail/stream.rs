//! The lines of one open file, as far as it was written.

use std::io::{self, ErrorKind, SeekFrom};

use vql::call::Flow;

use super::{Growing, Start};
use crate::accessor::Content;
use crate::text::records::trim_return;

const BLOCK: usize = 64 << 10;

/// An open file and what was read of its last line.
pub struct Stream {
    content: Box<dyn Content>,
    /// Where reading goes on.
    position: u64,
    partial: Vec<u8>,
    /// Whether the rest of a line that is too long is being skipped.
    skipping: bool,
    limit: usize,
}

impl Growing for Stream {
    type Piece = [u8];

    fn open(content: Box<dyn Content>, start: Start, size: u64, limit: usize) -> io::Result<Self> {
        let position = if start == Start::End { size } else { 0 };
        Ok(Stream { position, ..Stream::new(content, limit) })
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn rewind(&mut self) {
        self.position = 0;
        self.partial.clear();
        self.skipping = false;
    }

    fn read(&mut self, each: &mut dyn FnMut(&[u8]) -> Flow) -> Flow {
        let mut block = vec![0; BLOCK];
        if self.content.seek(SeekFrom::Start(self.position)).is_err() {
            return Ok(());
        }
        loop {
            match self.content.read(&mut block) {
                Ok(0) => return Ok(()),
                Ok(count) => {
                    self.position += count as u64;
                    self.take(&block[..count], each)?;
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Ok(()),
            }
        }
    }

    /// The last line needs no end.
    fn finish(&mut self, each: &mut dyn FnMut(&[u8]) -> Flow) -> Flow {
        if self.partial.is_empty() || self.skipping {
            return Ok(());
        }
        let line = std::mem::take(&mut self.partial);
        each(trim_return(&line))
    }
}

impl Stream {
    fn new(content: Box<dyn Content>, limit: usize) -> Self {
        Stream { content, position: 0, partial: Vec::new(), skipping: false, limit }
    }

    fn take(&mut self, mut bytes: &[u8], each: &mut dyn FnMut(&[u8]) -> Flow) -> Flow {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (piece, rest) = (&bytes[..end], &bytes[end + 1..]);
            bytes = rest;
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            if self.partial.is_empty() {
                each(trim_return(&piece[..piece.len().min(self.limit)]))?;
            } else {
                self.partial.extend_from_slice(piece);
                let line = std::mem::take(&mut self.partial);
                each(trim_return(&line[..line.len().min(self.limit)]))?;
            }
        }
        if self.skipping {
            return Ok(());
        }
        self.partial.extend_from_slice(bytes);
        if self.partial.len() > self.limit {
            self.skipping = true;
            let line = std::mem::take(&mut self.partial);
            each(&line[..self.limit])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn lines_count_when_they_end_and_long_ones_are_cut() {
        let mut stream = Stream::new(Box::new(Cursor::new(Vec::new())), 4);
        let mut lines = Vec::new();
        let mut feed = |stream: &mut Stream, bytes: &[u8]| {
            let mut new = Vec::new();
            stream
                .take(bytes, &mut |line| {
                    new.push(String::from_utf8_lossy(line).into_owned());
                    Ok(())
                })
                .unwrap();
            lines.extend(new.clone());
            new
        };
        assert_eq!(feed(&mut stream, b"a\r\n\nb"), ["a", ""]);
        assert_eq!(feed(&mut stream, b"c"), [""; 0]);
        assert_eq!(feed(&mut stream, b"\n"), ["bc"]);
        assert_eq!(feed(&mut stream, b"123456"), ["1234"]);
        assert_eq!(feed(&mut stream, b"789"), [""; 0]);
        assert_eq!(feed(&mut stream, b"\nxy\n12345\nz\n"), ["xy", "1234", "z"]);
    }
}
