//! Reading numbers and text at places in untrusted bytes, and bytes out of untrusted sources.

use std::io::{self, Read, SeekFrom};

use jiff::Timestamp;

use crate::{Error, Result, Source};

/// Bytes with checked access: what lies outside is `None`.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    pub fn len(self) -> usize {
        self.0.len()
    }

    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// So many bytes from a place.
    pub fn get(self, at: usize, len: usize) -> Option<&'a [u8]> {
        self.0.get(at..at.checked_add(len)?)
    }

    /// All from a place on.
    pub fn from(self, at: usize) -> Option<Bytes<'a>> {
        self.0.get(at..).map(Bytes)
    }

    fn array<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.get(at, N)?.try_into().ok()
    }

    pub fn u8(self, at: usize) -> Option<u8> {
        self.0.get(at).copied()
    }

    pub fn u16(self, at: usize) -> Option<u16> {
        self.array(at).map(u16::from_le_bytes)
    }

    pub fn u32(self, at: usize) -> Option<u32> {
        self.array(at).map(u32::from_le_bytes)
    }

    pub fn i32(self, at: usize) -> Option<i32> {
        self.array(at).map(i32::from_le_bytes)
    }

    pub fn u64(self, at: usize) -> Option<u64> {
        self.array(at).map(u64::from_le_bytes)
    }

    /// A number of four bytes as a place or a length.
    pub fn size(self, at: usize) -> Option<usize> {
        usize::try_from(self.u32(at)?).ok()
    }

    /// A Windows time at a place.
    pub fn filetime(self, at: usize) -> Option<Timestamp> {
        filetime(self.u64(at)?)
    }
}

/// Text of little-endian UTF-16, up to the first NUL; what is no text is replaced.
pub fn utf16(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|c| u16::from_le_bytes([c[0], c[1]])).take_while(|u| *u != 0);
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// Text of one byte a character, up to the first NUL.
pub fn latin1(bytes: &[u8]) -> String {
    bytes.iter().take_while(|b| **b != 0).map(|b| char::from(*b)).collect()
}

/// A Windows time: units of 100 ns since 1601. Zero stands for none.
pub fn filetime(units: u64) -> Option<Timestamp> {
    /// From 1601 to 1970, in seconds.
    const EPOCH: i64 = 11_644_473_600;
    if units == 0 {
        return None;
    }
    let seconds = i64::try_from(units / 10_000_000).ok()? - EPOCH;
    Timestamp::new(seconds, (units % 10_000_000) as i32 * 100).ok()
}

/// A whole source, if it holds no more than `limit` bytes.
pub fn read_all(source: &mut dyn Source, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.seek(SeekFrom::Start(0))?;
    source.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(Error::TooMuch { what: "file", limit });
    }
    Ok(bytes)
}

/// Up to `len` bytes from a place; fewer at the end.
pub fn read_at(source: &mut dyn Source, at: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.seek(SeekFrom::Start(at))?;
    source.take(len as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn what_lies_outside_is_none() {
        let bytes = Bytes(&[1, 0, 0, 0, 2]);
        assert_eq!(bytes.u32(0), Some(1));
        assert_eq!(bytes.u32(2), None);
        assert_eq!(bytes.get(usize::MAX, 2), None);
        assert_eq!(bytes.from(5).map(Bytes::len), Some(0));
        assert!(bytes.from(6).is_none());
    }

    #[test]
    fn windows_times_are_read() {
        assert_eq!(filetime(132_223_104_000_000_001).unwrap().to_string(), "2020-01-01T00:00:00.0000001Z");
        assert_eq!(filetime(0), None);
        assert_eq!(filetime(u64::MAX), None);
    }

    #[test]
    fn text_ends_at_nul() {
        assert_eq!(utf16(b"a\0b\0\0\0c\0"), "ab");
        assert_eq!(utf16(b"\x00\xD8a\0"), "\u{FFFD}a");
        assert_eq!(latin1(b"a\xE9\0b"), "aé");
    }

    #[test]
    fn large_sources_are_refused() {
        assert_eq!(read_all(&mut Cursor::new(b"abc"), 3).unwrap(), b"abc");
        let error = read_all(&mut Cursor::new(b"abcd"), 3).unwrap_err();
        assert_eq!(error.to_string(), "file beyond the limit of 3");
        assert_eq!(read_at(&mut Cursor::new(b"abcd"), 2, 10).unwrap(), b"cd");
        assert_eq!(read_at(&mut Cursor::new(b"abcd"), 9, 10).unwrap(), b"");
    }
}
