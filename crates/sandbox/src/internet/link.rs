//! Frames on QEMU's stream: each follows its length, four bytes, big-endian.

use std::collections::VecDeque;
use std::io::{self, Read, Write};

/// More than any Ethernet carries, offloading included. QEMU is broken or in foreign hands when it says more.
pub const MAX_FRAME: usize = 70_000;
const HEADER: usize = 4;
/// Bytes that are read at once, and that wait for QEMU to take them.
const PIECE: usize = 128 << 10;
const MAX_WAITING: usize = 512 << 10;

/// Puts frames together from pieces.
#[derive(Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    taken: usize,
}

impl Decoder {
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..std::mem::take(&mut self.taken));
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame; an error when the stream is none of frames.
    pub fn next(&mut self) -> Result<Option<&[u8]>, String> {
        let rest = &self.buffer[self.taken..];
        let Some((header, rest)) = rest.split_first_chunk::<HEADER>() else { return Ok(None) };
        let length = u32::from_be_bytes(*header) as usize;
        if length > MAX_FRAME {
            return Err(format!("the machine sent a frame of {length} bytes"));
        }
        if rest.len() < length {
            return Ok(None);
        }
        let start = self.taken + HEADER;
        self.taken = start + length;
        Ok(Some(&self.buffer[start..self.taken]))
    }
}

/// Both directions of a stream that does not block.
pub struct Link<S> {
    stream: S,
    decoder: Decoder,
    waiting: VecDeque<u8>,
    piece: Vec<u8>,
}

impl<S: Read + Write> Link<S> {
    pub fn new(stream: S) -> Self {
        Self { stream, decoder: Decoder::default(), waiting: VecDeque::new(), piece: vec![0; PIECE] }
    }

    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// Whether frames can be sent; nothing is read before.
    pub fn has_room(&self) -> bool {
        self.waiting.len() < MAX_WAITING
    }

    pub fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Reads what is there. False at the end of the stream.
    pub fn fill(&mut self) -> io::Result<bool> {
        match self.stream.read(&mut self.piece) {
            Ok(0) => Ok(false),
            Ok(length) => {
                self.decoder.push(&self.piece[..length]);
                Ok(true)
            }
            Err(error) if is_later(&error) => Ok(true),
            Err(error) => Err(error),
        }
    }

    pub fn next(&mut self) -> Result<Option<&[u8]>, String> {
        self.decoder.next()
    }

    pub fn send(&mut self, frame: &[u8]) {
        let length = u32::try_from(frame.len()).unwrap_or(0);
        self.waiting.extend(length.to_be_bytes());
        self.waiting.extend(frame);
    }

    /// Writes as much as is taken.
    pub fn flush(&mut self) -> io::Result<()> {
        while !self.waiting.is_empty() {
            match self.stream.write(self.waiting.as_slices().0) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(length) => drop(self.waiting.drain(..length)),
                Err(error) if is_later(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_wherever_pieces_break() {
        let mut stream = Vec::new();
        for frame in [&b""[..], b"a", &[7; 3000]] {
            stream.extend(u32::try_from(frame.len()).unwrap().to_be_bytes());
            stream.extend(frame);
        }
        for piece in [1, 2, 5, 1000, stream.len()] {
            let mut decoder = Decoder::default();
            let mut found = Vec::new();
            for bytes in stream.chunks(piece) {
                decoder.push(bytes);
                while let Some(frame) = decoder.next().unwrap() {
                    found.push(frame.len());
                }
            }
            assert_eq!(found, [0, 1, 3000], "pieces of {piece}");
        }
    }

    #[test]
    fn a_length_that_is_a_lie_ends_the_stream() {
        let mut decoder = Decoder::default();
        decoder.push(&[0xff, 0xff, 0xff, 0xff, 0]);
        assert_eq!(decoder.next().unwrap_err(), "the machine sent a frame of 4294967295 bytes");
    }
}
