//! Places in a queue: a row's number, or a cursor that a client keeps between connections.
//!
//! A cursor is `<incarnation>-<number of the last row seen>`. The incarnation is random and made with the queue, so
//! a cursor of another queue, or of one that was since deleted and made anew, is told from a right one.

use std::fmt;
use std::io;
use std::path::Path;
use std::str::FromStr;

use jiff::Timestamp;

use crate::durable;
use crate::error::{Error, Result};

/// The file that holds a queue's incarnation.
const FILE: &str = ".incarnation";

/// Where to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Position {
    /// With the oldest row that is kept.
    Oldest,
    /// With rows that are yet to come.
    Newest,
    /// With the row of this number.
    Row(u64),
    /// Behind the row that this cursor came with.
    After(String),
}

/// Rows with a time from `start` up to, and without, `end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Period {
    pub start: Option<Timestamp>,
    pub end: Option<Timestamp>,
}

impl Period {
    /// Every row, also those without a time.
    pub const ALWAYS: Self = Self { start: None, end: None };

    pub(crate) fn is_always(&self) -> bool {
        *self == Self::ALWAYS
    }

    /// Whether it holds a time, given in microseconds.
    pub(super) fn holds(&self, time: i64) -> bool {
        self.start.is_none_or(|start| start.as_microsecond() <= time)
            && self.end.is_none_or(|end| time < end.as_microsecond())
    }

    /// Whether it holds any time between two.
    pub(super) fn touches(&self, earliest: i64, latest: i64) -> bool {
        self.start.is_none_or(|start| start.as_microsecond() <= latest)
            && self.end.is_none_or(|end| earliest < end.as_microsecond())
    }
}

/// Tells one life of a queue from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incarnation(u64);

impl Incarnation {
    /// The one kept in a queue's directory.
    pub fn load(dir: &Path) -> Result<Option<Self>> {
        let text = durable::read(&dir.join(FILE))?;
        let text = text.and_then(|(_, text)| String::from_utf8(text).ok());
        Ok(text.and_then(|text| u64::from_str_radix(text.trim(), 16).ok()).map(Self))
    }

    /// Makes one and writes it down.
    pub fn create(dir: &Path) -> Result<Self> {
        let random = getrandom::u64()
            .map_err(|e| Error::io("make", &dir.join(FILE))(io::Error::other(e.to_string())))?;
        let made = Self(random);
        durable::write(&dir.join(FILE), format!("{made}\n").as_bytes())?;
        Ok(made)
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A place behind a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub incarnation: Incarnation,
    pub number: u64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.incarnation, self.number)
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        let (incarnation, number) = text.split_once('-').ok_or(())?;
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if incarnation.len() != 16 || !is_plain(incarnation) || !is_plain(number) {
            return Err(());
        }
        let incarnation = Incarnation(u64::from_str_radix(incarnation, 16).map_err(drop)?);
        Ok(Self { incarnation, number: number.parse().map_err(drop)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_and_other_text_is_refused() {
        let cursor = Cursor { incarnation: Incarnation(0xab), number: 12 };
        assert_eq!(cursor.to_string(), "00000000000000ab-12");
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in [
            "",
            "12",
            "00000000000000ab",
            "00000000000000ab-",
            "ab-1",
            "00000000000000ab-+1",
            "+0000000000000ab-1",
        ] {
            assert_eq!(text.parse::<Cursor>(), Err(()), "{text}");
        }
    }

    #[test]
    fn periods_are_half_open() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let period = Period { start: Some(at(10)), end: Some(at(20)) };
        let holds = |second: i64| period.holds(second * 1_000_000);
        assert_eq!([9, 10, 19, 20].map(holds), [false, true, true, false]);
        assert!(period.touches(0, 10_000_000) && !period.touches(0, 9_999_999));
        assert!(!period.touches(20_000_000, 30_000_000) && Period::ALWAYS.holds(i64::MIN));
    }
}
