//! Segments: a queue's rows lie in files of consecutive rows, one after another.
//!
//! A file is named by the number of its first row and the day it was begun (UTC), so that listing a directory
//! shows what is where: `0000000000001234_2026-10-01.jsonl`. A sealed one has `.zst` behind that.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use jiff::civil::Date;

/// The most bytes one line may take in a file; rows are refused far below that.
pub const MAX_LINE: usize = 8 << 20;

/// What a file holds rows in.
#[derive(Clone, Debug)]
pub enum Form {
    /// JSON lines, `len` bytes of them valid.
    Plain { len: u64, marks: Vec<Mark> },
    /// Compressed blocks with an index (see `sealed`).
    Sealed { len: u64 },
}

/// A place in a plain segment where a line begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub number: u64,
    pub offset: u64,
}

/// One file of rows.
#[derive(Clone, Debug)]
pub struct Segment {
    pub day: Date,
    pub form: Form,
}

impl Segment {
    /// Its size on disk.
    pub fn bytes(&self) -> u64 {
        match &self.form {
            Form::Plain { len, .. } | Form::Sealed { len } => *len,
        }
    }

    pub fn is_sealed(&self) -> bool {
        matches!(self.form, Form::Sealed { .. })
    }

    /// The name of its file.
    pub fn file_name(&self, first: u64) -> String {
        if self.is_sealed() { sealed_name(first, self.day) } else { plain_name(first, self.day) }
    }
}

pub fn plain_name(first: u64, day: Date) -> String {
    format!("{first:016}_{day}.jsonl")
}

pub fn sealed_name(first: u64, day: Date) -> String {
    format!("{first:016}_{day}.jsonl.zst")
}

/// What a file name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    Plain {
        first: u64,
        day: Date,
    },
    Sealed {
        first: u64,
        day: Date,
    },
    /// As queues were kept before segments had numbers.
    Day(Date),
    /// Something that was being written.
    Unfinished,
    /// None of ours.
    Other,
}

/// Reads a file name.
pub fn parse_name(name: &str) -> Named {
    if name.ends_with(".tmp") {
        return Named::Unfinished;
    }
    if let Some(parsed) = name.strip_suffix(".jsonl.zst").and_then(numbered) {
        return Named::Sealed { first: parsed.0, day: parsed.1 };
    }
    let Some(stem) = name.strip_suffix(".jsonl") else { return Named::Other };
    match (numbered(stem), stem.parse()) {
        (Some((first, day)), _) => Named::Plain { first, day },
        (None, Ok(day)) => Named::Day(day),
        (None, Err(_)) => Named::Other,
    }
}

fn numbered(stem: &str) -> Option<(u64, Date)> {
    let (first, day) = stem.split_once('_')?;
    let digits = first.len() >= 16 && first.bytes().all(|byte| byte.is_ascii_digit());
    // Row 0 does not exist: it is what a cursor before the first row points to.
    let first = digits.then(|| first.parse().ok()).flatten().filter(|first| *first > 0)?;
    Some((first, day.parse().ok()?))
}

/// Bytes that can be read at any place: a file, or memory in tests.
pub trait ReadAt {
    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()>;
    fn size(&self) -> io::Result<u64>;
}

impl ReadAt for File {
    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, into, offset)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

impl ReadAt for &File {
    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(*self, into, offset)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

impl ReadAt for &[u8] {
    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        let part = usize::try_from(offset).ok().and_then(|start| self.get(start..)?.get(..into.len()));
        into.copy_from_slice(part.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_and_strangers_are_left_alone() {
        let day = "2026-10-01".parse().unwrap();
        assert_eq!(plain_name(7, day), "0000000000000007_2026-10-01.jsonl");
        assert_eq!(parse_name(&plain_name(7, day)), Named::Plain { first: 7, day });
        assert_eq!(parse_name(&sealed_name(u64::MAX, day)), Named::Sealed { first: u64::MAX, day });
        assert_eq!(parse_name("2026-10-01.jsonl"), Named::Day(day));
        assert_eq!(parse_name("0000000000000007_2026-10-01.jsonl.zst.tmp"), Named::Unfinished);
        for name in
            ["7_2026-10-01.jsonl", "0000000000000000_2026-10-01.jsonl", "x.jsonl", ".incarnation", "a"]
        {
            assert_eq!(parse_name(name), Named::Other, "{name}");
        }
    }
}
