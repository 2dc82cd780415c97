//! Turns any name into one that is safe as a file name, and back.
//!
//! ASCII letters, digits, `_`, `-` and inner dots stay; all other bytes become `%XX`. So a name can neither
//! hold a separator, nor be `..`, nor be hidden, nor collide with another.

use std::fmt::Write;
use std::io;

use crate::error::{Error, Result};

/// The longest file name that is made: leaves room for a suffix below the usual limit of 255 bytes.
const MAX_LEN: usize = 240;

/// The file name for `name`; `None` when `name` is empty or the result is too long for a file name.
pub fn file_name(name: &str) -> Option<String> {
    let mut out = String::with_capacity(name.len());
    for (i, byte) in name.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => out.push(char::from(byte)),
            b'.' if i > 0 => out.push('.'),
            _ => write!(out, "%{byte:02X}").ok()?,
        }
    }
    (!out.is_empty() && out.len() <= MAX_LEN).then_some(out)
}

/// The name that [`file_name`] made this from; `None` for files that it did not name.
pub fn decode(file_name: &str) -> Option<String> {
    let mut out = Vec::with_capacity(file_name.len());
    let mut rest = file_name.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        if byte == b'%' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            out.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &tail[2..];
        } else {
            out.push(byte);
            rest = tail;
        }
    }
    String::from_utf8(out).ok()
}

/// Fills with bytes that nobody can guess.
pub fn random(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|e| Error::io("read", "the random source".as_ref())(io::Error::other(e)))
}

/// A new id that sorts by the time it was made: 13 digits to base 32.
pub fn timed_id() -> Result<String> {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHIJKLMNOPQRSTUV";
    let mut bytes = [0; 8];
    let seconds = jiff::Timestamp::now().as_second() as u64;
    bytes[..5].copy_from_slice(&seconds.to_be_bytes()[3..]);
    random(&mut bytes[5..])?;
    let number = u64::from_be_bytes(bytes);
    Ok((0..13).rev().map(|i| char::from(DIGITS[(number >> (5 * i)) as usize & 31])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_comes_back() {
        for name in
            ["fred", "a.b", "..", ".x", "a/b\\c", "näme", "100%", "a\0b", "Server.Audit.Logs/Source 1"]
        {
            let file = file_name(name).unwrap();
            assert!(!file.contains('/') && !file.starts_with('.') && !file.contains('\0'), "{file}");
            assert_eq!(decode(&file).as_deref(), Some(name));
        }
    }

    #[test]
    fn empty_and_endless_names_are_refused() {
        assert_eq!(file_name(""), None);
        assert_eq!(file_name(&"ä".repeat(60)), None);
        assert_eq!(decode("%4"), None);
    }
}
