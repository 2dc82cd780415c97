//! Bodies of requests: of a known length, or in chunks (RFC 9112, section 7.1). The beginning is kept, the rest counted.

use crate::internet::event::{Blob, Body};

/// The longest line before a chunk, and after the last one.
const MAX_LINE: usize = 8 << 10;
const MAX_TRAILERS: usize = 100;

pub struct Reader {
    state: State,
    kept: Vec<u8>,
    length: u64,
}

enum State {
    /// So many bytes follow.
    Plain(u64),
    Chunk(u64),
    /// The line that says how long the next chunk is.
    Size,
    /// The line break behind a chunk.
    Break,
    Trailers(usize),
    Done,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    Wait,
    Done,
    Bad,
}

impl Reader {
    /// None when the headers contradict themselves.
    pub fn new(encoding: Option<&str>, length: Option<&str>) -> Option<Self> {
        let state = match (encoding, length) {
            (Some(encoding), _) if encoding.to_ascii_lowercase().ends_with("chunked") => State::Size,
            (_, Some(length)) if length.bytes().all(|byte| byte.is_ascii_digit()) => {
                State::Plain(length.parse().ok()?)
            }
            (_, Some(_)) => return None,
            (_, None) => State::Done,
        };
        Some(Self { state, kept: Vec::new(), length: 0 })
    }

    pub fn is_empty(&self) -> bool {
        matches!(self.state, State::Done | State::Plain(0))
    }

    /// Takes what belongs to the body from the beginning of `input`.
    pub fn take(&mut self, input: &mut Vec<u8>, most: usize) -> Next {
        loop {
            match self.state {
                State::Done | State::Plain(0) => return Next::Done,
                State::Chunk(0) => self.state = State::Break,
                State::Plain(left) | State::Chunk(left) => {
                    if input.is_empty() {
                        return Next::Wait;
                    }
                    let taken = input.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    let room = most - self.kept.len().min(most);
                    self.kept.extend(input.drain(..taken).take(room));
                    self.length += taken as u64;
                    let left = left - taken as u64;
                    self.state = match self.state {
                        State::Plain(_) => State::Plain(left),
                        _ => State::Chunk(left),
                    };
                }
                State::Size | State::Break | State::Trailers(_) => {
                    let Some(end) = input.iter().take(MAX_LINE).position(|byte| *byte == b'\n') else {
                        return if input.len() < MAX_LINE { Next::Wait } else { Next::Bad };
                    };
                    let line: Vec<u8> = input.drain(..=end).collect();
                    match self.line(line.trim_ascii()) {
                        Some(state) => self.state = state,
                        None => return Next::Bad,
                    }
                }
            }
        }
    }

    fn line(&self, line: &[u8]) -> Option<State> {
        match self.state {
            State::Size => {
                let digits = line.split(|byte| *byte == b';').next()?.trim_ascii();
                // Without a sign, which the parser of numbers would take.
                let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
                let size =
                    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok().filter(|_| is_number)?;
                Some(if size == 0 { State::Trailers(0) } else { State::Chunk(size) })
            }
            State::Break => line.is_empty().then_some(State::Size),
            State::Trailers(_) if line.is_empty() => Some(State::Done),
            State::Trailers(count) => (count < MAX_TRAILERS).then_some(State::Trailers(count + 1)),
            State::Plain(_) | State::Chunk(_) | State::Done => None,
        }
    }

    /// Nothing more will come.
    pub fn break_off(&mut self) {
        self.state = State::Done;
    }

    pub fn body(&mut self) -> Body {
        Body { data: Blob(std::mem::take(&mut self.kept)), length: self.length }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunked(text: &[u8], piece: usize) -> (Next, Body, usize) {
        let mut reader = Reader::new(Some("gzip, Chunked"), None).unwrap();
        let (mut input, mut next) = (Vec::new(), Next::Wait);
        let mut pieces = text.chunks(piece);
        while next == Next::Wait {
            let Some(piece) = pieces.next() else { break };
            input.extend_from_slice(piece);
            next = reader.take(&mut input, 8);
        }
        let left = input.len() + pieces.map(<[u8]>::len).sum::<usize>();
        (next, reader.body(), left)
    }

    #[test]
    fn chunks_are_put_together_wherever_they_break() {
        let text = b"4;name=x\r\nabcd\r\n00A\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nGET";
        for piece in 1..text.len() {
            let (next, body, left) = chunked(text, piece);
            assert_eq!((next, body.length, &body.data.0[..]), (Next::Done, 14, &b"abcd0123"[..]));
            assert_eq!(left, 3, "what follows is the next request");
        }
    }

    #[test]
    fn bodies_that_lie_are_refused() {
        for text in
            [&b"-1\r\n"[..], b"+1\r\n", b"\r\n", b"fffffffffffffffff\r\n", b"1\r\nab\r\n", &[b'1'; 9000]]
        {
            assert_eq!(chunked(text, 10_000).0, Next::Bad, "{:?}", String::from_utf8_lossy(text));
        }
        assert_eq!(chunked(b"ffffffffffffffff\r\nabc", 100).0, Next::Wait);
        for length in ["-1", "1, 2", "99999999999999999999"] {
            assert!(Reader::new(None, Some(length)).is_none(), "{length}");
        }
        assert!(Reader::new(None, None).unwrap().is_empty());
    }
}
