//! Records of a CSV file. Quotes are handled leniently: one where none should be is a plain character.

use std::io::{self, BufRead};

use super::MAX_PIECE;

/// A CSV file, record by record.
pub struct CsvReader<R> {
    source: R,
    separator: u8,
    comment: Option<u8>,
    /// The bytes of all fields, and where each ends.
    text: Vec<u8>,
    ends: Vec<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the start of a record.
    Record,
    /// At the start of a field, white space not counted.
    Field,
    Plain,
    Quoted,
    /// After a quote within quotes.
    Quote,
    /// In a line that is a comment.
    Comment,
}

impl<R: BufRead> CsvReader<R> {
    pub fn new(source: R, separator: u8, comment: Option<u8>) -> Self {
        CsvReader { source, separator, comment, text: Vec::new(), ends: Vec::new() }
    }

    /// Reads the next record; false at the end of the file.
    pub fn next(&mut self) -> io::Result<bool> {
        self.text.clear();
        self.ends.clear();
        let mut state = State::Record;
        loop {
            let chunk = match self.source.fill_buf() {
                Ok(chunk) => chunk,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            };
            if chunk.is_empty() {
                if matches!(state, State::Record | State::Comment) {
                    return Ok(false);
                }
                self.end_field(state == State::Plain);
                return Ok(true);
            }
            let (count, is_over) =
                take(chunk, self.separator, self.comment, &mut state, &mut self.text, &mut self.ends);
            self.source.consume(count);
            if is_over {
                return Ok(true);
            }
            if self.text.len() > MAX_PIECE || self.ends.len() > MAX_PIECE / 8 {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a record is too large"));
            }
        }
    }

    fn end_field(&mut self, is_plain: bool) {
        end_field(&mut self.text, &mut self.ends, is_plain, true);
    }

    /// The fields of the record read last.
    pub fn fields(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.text[start..*end])
    }
}

/// Takes bytes up to the end of the record or of the chunk: how many, and whether the record is over.
fn take(
    chunk: &[u8],
    separator: u8,
    comment: Option<u8>,
    state: &mut State,
    text: &mut Vec<u8>,
    ends: &mut Vec<usize>,
) -> (usize, bool) {
    let mut at = 0;
    while at < chunk.len() {
        let c = chunk[at];
        match *state {
            State::Record if Some(c) == comment => *state = State::Comment,
            State::Record => match c {
                b'\n' => at += 1,
                b'\r' if chunk.get(at + 1).is_none_or(|c| *c == b'\n') => at += 1,
                _ => *state = State::Field,
            },
            State::Comment => match memchr::memchr(b'\n', &chunk[at..]) {
                Some(length) => {
                    at += length + 1;
                    *state = State::Record;
                }
                None => at = chunk.len(),
            },
            State::Field => match c {
                b'"' => {
                    *state = State::Quoted;
                    at += 1;
                }
                b' ' | b'\t' if c != separator => at += 1,
                _ => *state = State::Plain,
            },
            State::Plain => {
                let length = memchr::memchr2(separator, b'\n', &chunk[at..]);
                let end = length.map_or(chunk.len(), |length| at + length);
                text.extend_from_slice(&chunk[at..end]);
                at = end;
                if length.is_some() {
                    at += 1;
                    let is_over = chunk[end] == b'\n' && separator != b'\n';
                    end_field(text, ends, true, is_over);
                    if is_over {
                        return (at, true);
                    }
                    *state = State::Field;
                }
            }
            State::Quoted => {
                let length = memchr::memchr(b'"', &chunk[at..]);
                let end = length.map_or(chunk.len(), |length| at + length);
                text.extend_from_slice(&chunk[at..end]);
                at = end;
                if length.is_some() {
                    *state = State::Quote;
                    at += 1;
                }
            }
            State::Quote => {
                at += 1;
                match c {
                    b'"' => {
                        text.push(b'"');
                        *state = State::Quoted;
                    }
                    c if c == separator => {
                        end_field(text, ends, false, false);
                        *state = State::Field;
                    }
                    b'\n' => {
                        end_field(text, ends, false, true);
                        return (at, true);
                    }
                    // Of a line end.
                    b'\r' => {}
                    c => {
                        text.extend_from_slice(&[b'"', c]);
                        *state = State::Quoted;
                    }
                }
            }
        }
    }
    (at, false)
}

fn end_field(text: &mut Vec<u8>, ends: &mut Vec<usize>, is_plain: bool, is_last: bool) {
    let start = ends.last().copied().unwrap_or(0);
    if is_plain && is_last && text.len() > start && text.ends_with(b"\r") {
        text.pop();
    }
    ends.push(text.len());
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn read(text: &str) -> Vec<Vec<String>> {
        let read = |size: usize| {
            let source = BufReader::with_capacity(size, text.as_bytes());
            let mut csv = CsvReader::new(source, b',', Some(b'#'));
            let mut all = Vec::new();
            while csv.next().unwrap() {
                all.push(csv.fields().map(|f| String::from_utf8_lossy(f).into_owned()).collect());
            }
            all
        };
        let fast: Vec<Vec<String>> = read(1 << 10);
        assert_eq!(fast, read(1), "{text:?}");
        fast
    }

    #[test]
    fn truth_table() {
        for (text, wanted) in [
            ("", &[][..]),
            ("a,b\n1,2\n", &[&["a", "b"][..], &["1", "2"]]),
            ("a,b\r\n1,2", &[&["a", "b"], &["1", "2"]]),
            ("\n\r\na\n\n", &[&["a"]]),
            ("a,\n,b\n,", &[&["a", ""], &["", "b"], &["", ""]]),
            ("\"a,b\",\"c\"\"d\"\r\n", &[&["a,b", "c\"d"]]),
            ("\"two\nlines\",x", &[&["two\nlines", "x"]]),
            ("  a, \" b\" ,c ", &[&["a", " b\" ,c "]]),
            ("  a, \" b\",c ", &[&["a", " b", "c "]]),
            ("a\"b,\"c\"d\",e", &[&["a\"b", "c\"d", "e"]]),
            ("\"open,\n", &[&["open,\n"]]),
            ("# no\na,#b\n#\n", &[&["a", "#b"]]),
            ("\"\"", &[&[""]]),
        ] {
            assert_eq!(read(text), wanted, "{text:?}");
        }
    }
}
