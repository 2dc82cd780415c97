//! What stands before the parts of a multipart form, made harmless before the parser sees it.
//!
//! The parser keeps all of a part's head, and all that stands before the first part, and looks through it anew with each piece that
//! comes; so both have a limit here. And it takes no control characters, which names of samples may have: they become `%01`, as
//! browsers and curl write line breaks in names. What the parts hold passes untouched.

use bytes::Bytes;
use memchr::memmem::Finder;

/// The most bytes of the head of a part, and before the first part.
const MAX_HEAD: usize = 64 << 10;

/// The head of a part is too long; or what should be a form is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the head of a part is larger than {MAX_HEAD} bytes")]
    LongHead,
    #[error("there is no part within the first {MAX_HEAD} bytes")]
    NoPart,
}

/// Follows a form to know which of its bytes are heads.
pub struct Heads {
    /// What ends the content of a part: a line break, and the boundary.
    end: Finder<'static>,
    place: Place,
    /// Content that may be the beginning of its end.
    tail: Vec<u8>,
    /// Bytes of this head, or before the first part.
    size: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first boundary, which needs no line break before it.
    Before,
    /// Behind a boundary, with this many hyphens: two end the form.
    Boundary(u8),
    /// On the line of a boundary.
    Line,
    /// Among header fields, with this much of the two line breaks that end them.
    Fields(u8),
    Content,
    End,
}

impl Heads {
    pub fn new(boundary: &str) -> Self {
        let end = format!("\r\n--{boundary}").into_bytes();
        // The form begins as if a line had ended.
        Self { end: Finder::new(&end).into_owned(), place: Place::Before, tail: b"\r\n".to_vec(), size: 0 }
    }

    /// The next piece of the form, as the parser is to see it.
    pub fn pass(&mut self, piece: Bytes) -> Result<Bytes, Refused> {
        if self.place == Place::Content {
            let Some(end) = self.content_end(&piece) else { return Ok(piece) };
            let mut out = piece[..end].to_vec();
            self.enter_boundary();
            self.rest(&piece[end..], &mut out)?;
            return Ok(out.into());
        }
        let mut out = Vec::with_capacity(piece.len());
        self.rest(&piece, &mut out)?;
        Ok(out.into())
    }

    fn rest(&mut self, mut left: &[u8], out: &mut Vec<u8>) -> Result<(), Refused> {
        while let Some(byte) = left.first() {
            match self.place {
                Place::End => return Ok(()),
                Place::Before | Place::Content => {
                    let end = self.content_end(left);
                    let passed = end.unwrap_or(left.len());
                    if self.place == Place::Before {
                        self.size += passed;
                        if self.size > MAX_HEAD {
                            return Err(Refused::NoPart);
                        }
                    }
                    out.extend_from_slice(&left[..passed]);
                    left = &left[passed..];
                    if end.is_some() {
                        self.enter_boundary();
                    }
                }
                _ => {
                    self.head(*byte, out)?;
                    left = &left[1..];
                }
            }
        }
        Ok(())
    }

    /// Where the boundary ends with which this content does; what may be its beginning is remembered.
    fn content_end(&mut self, content: &[u8]) -> Option<usize> {
        let needle = self.end.needle();
        // Before the first boundary no line needs to have ended.
        let skipped = if self.place == Place::Before { 2 } else { 0 };
        let length = needle.len() - skipped;
        let find = |text: &[u8]| match skipped {
            0 => self.end.find(text),
            _ => memchr::memmem::find(text, &needle[skipped..]),
        };
        let mut joint = self.tail.clone();
        joint.extend_from_slice(&content[..content.len().min(length - 1)]);
        let across = find(&joint).map(|at| at + length).and_then(|end| end.checked_sub(self.tail.len()));
        let end = across.filter(|end| *end > 0).or_else(|| find(content).map(|at| at + length));
        if end.is_none() {
            let known = content.len().min(needle.len() - 1);
            self.tail.extend_from_slice(&content[content.len() - known..]);
            let too_many = self.tail.len().saturating_sub(needle.len() - 1);
            self.tail.drain(..too_many);
        }
        end
    }

    fn enter_boundary(&mut self) {
        self.place = Place::Boundary(0);
        self.size = 0;
        self.tail.clear();
    }

    /// One byte of a head.
    fn head(&mut self, byte: u8, out: &mut Vec<u8>) -> Result<(), Refused> {
        self.size += 1;
        if self.size > MAX_HEAD {
            return Err(Refused::LongHead);
        }
        self.place = match (self.place, byte) {
            (Place::Boundary(0), b'-') => Place::Boundary(1),
            (Place::Boundary(1), b'-') => Place::End,
            (Place::Boundary(_) | Place::Line, b'\n') => Place::Fields(0),
            (Place::Boundary(_) | Place::Line, _) => Place::Line,
            (Place::Fields(3), b'\n') => Place::Content,
            (Place::Fields(2), b'\r') => Place::Fields(3),
            (Place::Fields(_), b'\r') => Place::Fields(1),
            (Place::Fields(1), b'\n') => Place::Fields(2),
            (Place::Fields(_), _) => Place::Fields(0),
            (place, _) => place,
        };
        if byte.is_ascii_control() && !matches!(byte, b'\r' | b'\n' | b'\t') {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        } else {
            out.push(byte);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In pieces of every size the same comes out.
    fn pass(form: &[u8]) -> Result<Vec<u8>, Refused> {
        let in_pieces = |size: usize| -> Result<Vec<u8>, Refused> {
            let mut heads = Heads::new("X");
            let pieces = form.chunks(size).map(|piece| heads.pass(Bytes::copy_from_slice(piece)));
            Ok(pieces.collect::<Result<Vec<_>, _>>()?.concat())
        };
        let whole = in_pieces(form.len());
        for size in 1..form.len().min(80) {
            assert_eq!(in_pieces(size), whole, "pieces of {size}");
        }
        whole
    }

    #[test]
    fn control_characters_are_spelled_in_heads_and_stay_in_contents() {
        let form = |name: &str| {
            format!(
                "--X\r\nA: {name}\r\n\r\n\0\x01\r\n--\r\n\r\n--Y\r\n-\r\n--X \r\nB:\tc\r\nD: {name}\r\n\r\n\r\n--X\r\n\r\nno\x03\r\n\r\n\x04\r\n--X--\r\n"
            )
        };
        let passed = String::from_utf8(pass(form("\0é\x7f").as_bytes()).unwrap()).unwrap();
        // The parser looks for two line breaks behind that of the boundary: what a part without a head begins with is its head.
        assert_eq!(passed, form("%00é%7F").replace("no\x03", "no%03").strip_suffix("\r\n").unwrap());
        assert_eq!(pass(b"before--X\r\nA: \x01\r\n\r\n\x01").unwrap(), b"before--X\r\nA: %01\r\n\r\n\x01");
    }

    #[test]
    fn heads_have_an_end() {
        let long = "a".repeat(MAX_HEAD);
        assert_eq!(pass(long.as_bytes()).unwrap().len(), MAX_HEAD);
        let mut heads = Heads::new("X");
        let mut begin = |text: &str| heads.pass(Bytes::from(text.to_owned()));
        begin(&format!("--X\r\nA: {}\r\n\r\n{long}{long}\r\n--X\r\n", &long[10..])).unwrap();
        assert_eq!(begin(&long), Err(Refused::LongHead));
        let mut heads = Heads::new("X");
        assert_eq!(heads.pass(Bytes::from(format!("{long}a"))), Err(Refused::NoPart));
    }
}
