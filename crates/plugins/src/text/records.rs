//! Records, one after the other: lines, or what a pattern separates.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;

use regex::bytes::Regex;

/// What stands between records.
pub enum Separator {
    Newline,
    Pattern(Arc<Regex>),
}

/// A file as records, none longer than the limit.
pub struct Records<R> {
    source: R,
    separator: Separator,
    buffer: Vec<u8>,
    /// What has been read and not handed out: `buffer[start..end]`.
    start: usize,
    end: usize,
    limit: usize,
    is_over: bool,
}

/// Why there are no further records.
#[derive(Debug)]
pub enum Failure {
    TooLong,
    Io(io::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The words that queries may look for in the log.
            Failure::TooLong => f.write_str("bufio.Scanner: token too long"),
            Failure::Io(e) => f.write_str(&crate::accessor::reason(e)),
        }
    }
}

/// How much is read at first.
const FIRST: usize = 32 << 10;

impl<R: Read> Records<R> {
    /// Records with what separates them must fit into `limit` bytes.
    pub fn new(source: R, separator: Separator, limit: usize) -> Self {
        let (buffer, is_over) = (Vec::new(), false);
        Records { source, separator, buffer, start: 0, end: 0, limit: limit.max(1), is_over }
    }

    /// The next record, without what separates it from the one after.
    pub fn next(&mut self) -> Result<Option<&[u8]>, Failure> {
        let mut searched = 0;
        loop {
            let unread = &self.buffer[self.start..self.end];
            if let Some((from, to)) = self.find(unread, searched) {
                let record = self.start..self.start + from;
                self.start += to;
                return Ok(Some(&self.buffer[record]));
            }
            if self.is_over {
                if unread.is_empty() {
                    return Ok(None);
                }
                let record = self.start..self.end;
                self.start = self.end;
                return Ok(Some(&self.buffer[record]));
            }
            // A pattern may match across what was searched before; a line end cannot.
            searched = if matches!(self.separator, Separator::Newline) { unread.len() } else { 0 };
            self.fill()?;
        }
    }

    /// The first separator: where it starts and ends.
    fn find(&self, unread: &[u8], searched: usize) -> Option<(usize, usize)> {
        match &self.separator {
            Separator::Newline => {
                memchr::memchr(b'\n', &unread[searched..]).map(|at| (searched + at, searched + at + 1))
            }
            Separator::Pattern(regex) => {
                let found = regex.find_iter(unread).find(|m| !m.is_empty())?;
                // A match up to the end of what was read might be longer.
                let is_whole = found.end() < unread.len() || self.is_over || unread.len() >= self.limit;
                is_whole.then(|| (found.start(), found.end()))
            }
        }
    }

    /// Reads more, making room for it.
    fn fill(&mut self) -> Result<(), Failure> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end >= self.limit {
            return Err(Failure::TooLong);
        }
        if self.end == self.buffer.len() {
            let size = (self.buffer.len() * 2).clamp(FIRST.min(self.limit), self.limit);
            self.buffer.resize(size, 0);
        }
        loop {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.is_over = true,
                Ok(count) => self.end += count,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(Failure::Io(e)),
            }
            return Ok(());
        }
    }
}

/// A line without its `\r`.
pub fn trim_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out one byte at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            buffer[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    fn records(text: &str, pattern: Option<&str>, limit: usize) -> Vec<String> {
        let separator = || match pattern {
            None => Separator::Newline,
            Some(p) => Separator::Pattern(Regex::new(p).unwrap().into()),
        };
        let read = |source: &mut dyn Read| {
            let mut records = Records::new(source, separator(), limit);
            let mut all = Vec::new();
            loop {
                match records.next() {
                    Ok(Some(r)) => all.push(String::from_utf8_lossy(r).into_owned()),
                    Ok(None) => return all,
                    Err(e) => {
                        all.push(format!("<{e}>"));
                        return all;
                    }
                }
            }
        };
        let fast = read(&mut text.as_bytes());
        assert_eq!(fast, read(&mut Slow(text.as_bytes())), "{text:?}");
        fast
    }

    #[test]
    fn truth_table() {
        for (text, pattern, limit, wanted) in [
            ("", None, 100, &[][..]),
            ("a\nb", None, 100, &["a", "b"]),
            ("a\n\nb\n", None, 100, &["a", "", "b"]),
            ("abc\nd", None, 4, &["abc", "d"]),
            ("abcd\ne", None, 4, &["<bufio.Scanner: token too long>"]),
            ("a--b---c", Some("-+"), 100, &["a", "b", "c"]),
            ("a--", Some("-+"), 100, &["a"]),
            ("ab", Some("x*"), 100, &["ab"]),
            ("--a", Some("-+"), 100, &["", "a"]),
        ] {
            assert_eq!(records(text, pattern, limit), wanted, "{text:?}");
        }
    }
}
