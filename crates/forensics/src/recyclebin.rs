//! What Windows notes of a file in the recycle bin: the `$I…` files of Vista and later.

use jiff::Timestamp;

use crate::bytes::{Bytes, read_at, utf16};
use crate::{Error, Result, Source};

/// The longest path, in bytes: 32767 characters.
const MAX_PATH: usize = 2 * 32767;
const WHAT: &str = "recycle bin entry";

/// A deleted file.
#[derive(Debug, PartialEq)]
pub struct Deleted {
    pub version: u64,
    pub size: u64,
    pub time: Option<Timestamp>,
    /// Where the file was.
    pub path: String,
}

pub fn parse(source: &mut dyn Source) -> Result<Deleted> {
    let bytes = read_at(source, 0, 28 + MAX_PATH)?;
    let bytes = Bytes(&bytes);
    let short = || Error::broken(WHAT, "too short");
    let version = bytes.u64(0).ok_or_else(short)?;
    let path = match version {
        // Windows 10 tells the length, earlier versions have a field of 260 characters.
        1 => bytes.from(24).map(|b| &b.0[..b.len().min(520)]),
        2 => {
            let length = bytes.size(24).ok_or_else(short)?.saturating_mul(2).min(MAX_PATH);
            bytes.from(28).map(|b| &b.0[..b.len().min(length)])
        }
        _ => return Err(Error::NotA("a recycle bin entry")),
    };
    Ok(Deleted {
        version,
        size: bytes.u64(8).ok_or_else(short)?,
        time: bytes.filetime(16),
        path: utf16(path.ok_or_else(short)?),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn entry(version: u64, path: &str) -> Vec<u8> {
        let mut out = version.to_le_bytes().to_vec();
        out.extend(1234_u64.to_le_bytes());
        out.extend(132_223_104_000_000_000_u64.to_le_bytes());
        let units: Vec<u8> = path.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        if version == 2 {
            out.extend(((units.len() / 2) as u32).to_le_bytes());
        }
        out.extend(units);
        if version == 1 {
            out.resize(544, 0);
        }
        out
    }

    #[test]
    fn both_versions_are_read() {
        for version in [1, 2] {
            let path = r"C:\Users\ä\Desktop\x.txt";
            let deleted = parse(&mut Cursor::new(entry(version, path))).unwrap();
            assert_eq!((deleted.version, deleted.size, &*deleted.path), (version, 1234, path));
            assert_eq!(deleted.time.unwrap().to_string(), "2020-01-01T00:00:00Z");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let good = entry(2, "C:\\x");
        for length in 0..28 {
            assert!(parse(&mut Cursor::new(&good[..length])).is_err(), "{length}");
        }
        let mut long = good.clone();
        long[24..28].fill(0xff);
        assert_eq!(parse(&mut Cursor::new(long)).unwrap().path, "C:\\x");
        assert!(parse(&mut Cursor::new(entry(3, "x"))).is_err());
    }
}
