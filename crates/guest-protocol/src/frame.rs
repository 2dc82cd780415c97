//! Frames: where a message begins and ends in a stream that may hold anything.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The longest payload. A longer length in a header is noise, never a reason to wait or to allocate.
pub const MAX_PAYLOAD: usize = 64 * 1024;
/// Bytes before the payload.
pub const HEADER: usize = 16;
/// The session of notices that an agent sends before it was greeted.
pub const NO_SESSION: u32 = 0;

const MAGIC: [u8; 4] = *b"HgA1";

/// Why a message cannot be framed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("a message is {0} bytes long, more than the {MAX_PAYLOAD} of a frame")]
    TooLong(usize),
    #[error("a message cannot be written: {0}")]
    Codec(#[from] postcard::Error),
}

/// The frame of a message.
pub fn encode(session: u32, message: &impl Serialize) -> Result<Vec<u8>, Error> {
    let mut frame = postcard::to_extend(message, vec![0; HEADER])?;
    let length = frame.len() - HEADER;
    if length > MAX_PAYLOAD {
        return Err(Error::TooLong(length));
    }
    frame[..4].copy_from_slice(&MAGIC);
    frame[4..8].copy_from_slice(&session.to_le_bytes());
    frame[8..12].copy_from_slice(&(length as u32).to_le_bytes());
    let sum = checksum(&frame[4..12], &frame[HEADER..]);
    frame[12..HEADER].copy_from_slice(&sum.to_le_bytes());
    Ok(frame)
}

/// The message in a payload. Bytes left over make it invalid: a message is all of its frame.
pub fn decode<T: DeserializeOwned>(payload: &[u8]) -> Option<T> {
    match postcard::take_from_bytes(payload) {
        Ok((message, [])) => Some(message),
        _ => None,
    }
}

/// Zeros longer than any frame: they end a frame of which a snapshot kept only the beginning.
pub fn padding() -> Vec<u8> {
    vec![0; HEADER + MAX_PAYLOAD]
}

fn checksum(head: &[u8], payload: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(head);
    sum.update(payload);
    sum.finalize()
}

/// A frame that was found.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    pub session: u32,
    pub payload: &'a [u8],
}

/// Finds frames in a stream and steps over everything else. Holds at most one frame and what was pushed last.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    start: usize,
    skipped: u64,
}

impl Decoder {
    /// Adds bytes that were read. Call [`Decoder::next`] until it gives nothing before adding more.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame.
    #[allow(clippy::should_implement_trait)] // what it gives borrows from the decoder
    pub fn next(&mut self) -> Option<Frame<'_>> {
        loop {
            self.seek_magic();
            let rest = &self.buffer[self.start..];
            let header = rest.first_chunk::<HEADER>()?;
            let word = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|i| header[at + i]));
            let (session, length, sum) = (word(4), word(8) as usize, word(12));
            if length > MAX_PAYLOAD {
                self.skip(1);
                continue;
            }
            let payload = rest.get(HEADER..HEADER + length)?;
            if checksum(&header[4..12], payload) != sum {
                self.skip(1);
                continue;
            }
            let from = self.start + HEADER;
            self.start = from + length;
            return Some(Frame { session, payload: &self.buffer[from..from + length] });
        }
    }

    /// How many bytes belonged to no frame.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Forgets a frame that has only begun: the other side is a new one.
    pub fn reset(&mut self) {
        self.buffer.clear();
        self.start = 0;
    }

    /// Moves to the first place where a frame may begin.
    fn seek_magic(&mut self) {
        let rest = &self.buffer[self.start..];
        let may_begin = |at: usize| rest[at..].iter().zip(MAGIC).all(|(found, wanted)| *found == wanted);
        let noise = (0..rest.len()).find(|at| may_begin(*at)).unwrap_or(rest.len());
        self.skip(noise);
    }

    fn skip(&mut self, bytes: usize) {
        self.start += bytes;
        self.skipped += bytes as u64;
    }
}

#[cfg(test)]
mod tests;
