//! Plain segments: JSON lines, read in chunks of whole lines.

use std::io;

use super::segment::{MAX_LINE, Mark, ReadAt};

/// Lines are marked about this many bytes apart, so that a row is found without reading all before it.
pub const MARK_BYTES: u64 = 1 << 20;

/// Whole lines of a plain segment, a chunk at a time.
#[derive(Debug)]
pub struct Chunks<F> {
    file: F,
    at: Mark,
    end: u64,
    size: usize,
}

impl<F: ReadAt> Chunks<F> {
    /// Reads from `start` to the offset `end` in chunks of about `size` bytes.
    pub fn new(file: F, start: Mark, end: u64, size: usize) -> Self {
        Self { file, at: start, end, size: size.max(1) }
    }

    /// Where the next chunk begins.
    pub fn place(&self) -> Mark {
        self.at
    }

    /// Fills `lines` and gives the number of the first; `None` at the end. What follows the last line feed is no
    /// row. After an error the next call goes on behind what could not be read.
    pub fn next(&mut self, lines: &mut Vec<u8>) -> io::Result<Option<u64>> {
        lines.clear();
        let room = self.end.saturating_sub(self.at.offset);
        let mut wanted = self.size;
        loop {
            let len = (wanted as u64).min(room) as usize;
            self.fill(lines, len)?;
            if let Some(last) = memchr::memrchr(b'\n', lines) {
                lines.truncate(last + 1);
                return Ok(Some(self.advance(lines)));
            }
            if len as u64 == room {
                self.at.offset = self.end;
                return Ok(None);
            }
            if len > MAX_LINE {
                return self.skip_line(lines);
            }
            wanted = len * 2;
        }
    }

    /// Reads on until `lines` holds `len` bytes.
    fn fill(&mut self, lines: &mut Vec<u8>, len: usize) -> io::Result<()> {
        let known = lines.len();
        lines.resize(len, 0);
        let read = self.file.read_exact_at(&mut lines[known..], self.at.offset + known as u64);
        if read.is_err() {
            lines.clear();
            self.at.offset = self.end;
        }
        read
    }

    fn advance(&mut self, lines: &[u8]) -> u64 {
        let first = self.at.number;
        self.at.offset += lines.len() as u64;
        self.at.number += count_lines(lines);
        first
    }

    /// Goes behind a line that is too long to be held.
    fn skip_line(&mut self, lines: &mut Vec<u8>) -> io::Result<Option<u64>> {
        loop {
            self.at.offset += lines.len() as u64;
            let room = self.end - self.at.offset;
            lines.clear();
            if room == 0 {
                return Ok(None);
            }
            self.fill(lines, room.min(MAX_LINE as u64) as usize)?;
            if let Some(end) = memchr::memchr(b'\n', lines) {
                self.at.offset += end as u64 + 1;
                self.at.number += 1;
                lines.clear();
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is too long"));
            }
        }
    }
}

pub fn count_lines(lines: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', lines).count() as u64
}

/// What a plain segment holds.
#[derive(Debug, PartialEq, Eq)]
pub struct Scan {
    pub rows: u64,
    /// Where the last whole line ends.
    pub len: u64,
    pub marks: Vec<Mark>,
}

/// Counts and marks the lines of a segment whose first row is `first`, at most `most` of them.
pub fn scan<F: ReadAt>(file: F, first: u64, most: u64) -> io::Result<Scan> {
    let size = file.size()?;
    let mut chunks = Chunks::new(file, Mark { number: first, offset: 0 }, size, MARK_BYTES as usize);
    let (mut marks, mut lines) = (Vec::new(), Vec::new());
    let mut end = chunks.place();
    loop {
        let start = chunks.place();
        match chunks.next(&mut lines) {
            Ok(None) => break,
            Ok(Some(_)) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {}
            Err(error) => return Err(error),
        }
        marks.push(start);
        end = chunks.place();
        if end.number - first > most {
            end = cut(&lines, start, first.saturating_add(most));
            break;
        }
    }
    Ok(Scan { rows: end.number - first, len: end.offset, marks })
}

/// The place of row `number` in a chunk that begins at `start`.
fn cut(lines: &[u8], start: Mark, number: u64) -> Mark {
    let before = (number - start.number) as usize;
    let offset = before.checked_sub(1).and_then(|last| memchr::memchr_iter(b'\n', lines).nth(last));
    Mark { number, offset: start.offset + offset.map_or(0, |at| at as u64 + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Mark = Mark { number: 1, offset: 0 };

    fn all(text: &[u8], size: usize) -> Vec<(u64, String)> {
        let mut chunks = Chunks::new(text, START, text.len() as u64, size);
        let (mut lines, mut found) = (Vec::new(), Vec::new());
        while let Some(first) = chunks.next(&mut lines).unwrap() {
            found.push((first, String::from_utf8(lines.clone()).unwrap()));
        }
        found
    }

    #[test]
    fn chunks_hold_whole_lines_with_their_numbers() {
        let text = b"a\nbcdefgh\n\nij\nunfinished";
        assert_eq!(all(text, 100), [(1, "a\nbcdefgh\n\nij\n".to_owned())]);
        for size in 1..30 {
            let found = all(text, size);
            let joined: String = found.iter().map(|(_, lines)| lines.as_str()).collect();
            assert_eq!(joined, "a\nbcdefgh\n\nij\n", "{size}");
            let mut number = 1;
            for (first, lines) in found {
                assert_eq!(first, number);
                number += count_lines(lines.as_bytes());
            }
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_left_out_and_counted() {
        let mut text = b"a\n".to_vec();
        text.resize(text.len() + 3 * MAX_LINE, b'x');
        text.extend(b"\nb\n");
        let mut chunks = Chunks::new(&text[..], START, text.len() as u64, 16);
        let mut lines = Vec::new();
        assert_eq!(chunks.next(&mut lines).unwrap(), Some(1));
        assert!(chunks.next(&mut lines).is_err());
        assert_eq!((chunks.next(&mut lines).unwrap(), &lines[..]), (Some(3), &b"b\n"[..]));
        assert_eq!(chunks.next(&mut lines).unwrap(), None);
        assert_eq!(scan(&text[..], 1, 100).unwrap().rows, 3);
    }

    #[test]
    fn a_scan_stops_where_the_next_segment_begins() {
        let text = b"1\n2\n3\n4";
        assert_eq!(scan(&text[..], 1, 100).unwrap(), Scan { rows: 3, len: 6, marks: vec![START] });
        assert_eq!(scan(&text[..], 1, 2).unwrap().len, 4);
        assert_eq!(scan(&text[..], 1, 0).unwrap(), Scan { rows: 0, len: 0, marks: vec![START] });
    }
}
