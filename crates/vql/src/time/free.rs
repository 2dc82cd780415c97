//! Dates in whatever form people and programs write them (builtins page, section 1.3).
//!
//! The clock time is found first (`15:04`, `15:04:05.5`, `T150405`); the text before and after it then holds the
//! date and the zone. Text with a word that means nothing is refused.

use jiff::civil::Time as Clock;
use jiff::tz::Offset;

use super::layout::century;
use super::{MONTHS, WEEKDAYS, Zones, civil, clock, digits, fraction, parse_rfc3339};
use crate::value::Time;

/// Longer text is not a date.
const MAX_LEN: usize = 100;

/// Reads a date; `None` when the text is not one.
pub fn parse_text(text: &str, zones: &Zones) -> Option<Time> {
    let text = text.trim();
    if text.len() > MAX_LEN || !text.is_ascii() {
        return None;
    }
    if let Some(time) = parse_rfc3339(text.as_bytes()) {
        return Some(time);
    }
    let text = text.as_bytes();
    let mut found = Found::default();
    match find_clock(text) {
        Some(at) => {
            let rest = found.read_clock(&text[at..])?;
            found.read_date(&text[..at], false)?;
            found.read_date(rest, true)?;
        }
        None => found.read_date(text, false)?,
    }
    found.resolve(zones)
}

/// Where one or two digits, a colon and a digit start.
fn find_clock(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at < text.len() {
        let run = text[at..].iter().take_while(|c| c.is_ascii_digit()).count();
        let colon =
            text.get(at + run) == Some(&b':') && text.get(at + run + 1).is_some_and(u8::is_ascii_digit);
        if (1..=2).contains(&run) && colon {
            return Some(at);
        }
        at += run.max(1);
    }
    None
}

/// A number with the count of its digits.
type Number = (i32, usize);

/// What the text said.
#[derive(Default)]
struct Found {
    clock: Option<Clock>,
    month: Option<i32>,
    numbers: Vec<Number>,
    /// Seconds east of UTC.
    offset: Option<i32>,
}

impl Found {
    /// `15:04[:05[.5]] [AM]`; gives the rest.
    fn read_clock<'t>(&mut self, text: &'t [u8]) -> Option<&'t [u8]> {
        let (mut hour, rest) = number(text)?;
        let (minute, mut rest) = number(rest.strip_prefix(b":")?)?;
        let (mut second, mut nanos) = (0, 0);
        if let Some(after) = rest.strip_prefix(b":") {
            (second, rest) = number(after)?;
            if let [b'.' | b',', after @ ..] = rest
                && after.first().is_some_and(u8::is_ascii_digit)
            {
                let len = after.iter().take_while(|c| c.is_ascii_digit()).count();
                nanos = fraction(&after[..len])?;
                rest = &after[len..];
            }
        }
        let trimmed = rest.trim_ascii_start();
        let word = trimmed.get(..2).unwrap_or_default().to_ascii_uppercase();
        let ends = !trimmed.get(2).is_some_and(u8::is_ascii_alphabetic);
        if ends && matches!(&*word, b"AM" | b"PM") {
            hour = match (word[0], hour) {
                (_, 13..) => return None,
                (b'A', 12) => 0,
                (b'P', 0..=11) => hour + 12,
                _ => hour,
            };
            rest = &trimmed[2..];
        }
        self.clock = Some(clock(hour, minute, second, nanos)?);
        Some(rest)
    }

    /// Everything but the clock: numbers, names, and an offset (after the clock only).
    fn read_date(&mut self, mut text: &[u8], after_clock: bool) -> Option<()> {
        while let Some(c) = text.first().copied() {
            text = match c {
                b'+' | b'-' if after_clock && self.offset.is_none() && is_offset(text) => {
                    self.read_offset(text)?
                }
                b'+' if !after_clock => return None,
                b'0'..=b'9' => self.read_number(text)?,
                b'a'..=b'z' | b'A'..=b'Z' => self.read_word(text)?,
                b'(' => &text[text.iter().position(|c| *c == b')')? + 1..],
                b' ' | b',' | b'-' | b'/' | b'.' | b':' | b'\'' | b'\t' => &text[1..],
                _ => return None,
            };
        }
        Some(())
    }

    fn read_number<'t>(&mut self, text: &'t [u8]) -> Option<&'t [u8]> {
        let len = text.iter().take_while(|c| c.is_ascii_digit()).count();
        let (run, mut rest) = text.split_at(len);
        match len {
            14 | 12 if self.clock.is_none() => {
                self.push_compact_date(&run[..8])?;
                self.read_compact_clock(&run[8..])?;
                rest = self.read_compact_fraction(rest)?;
            }
            8 => self.push_compact_date(run)?,
            1..=4 => self.numbers.push((digits(run)?, len)),
            _ => return None,
        }
        // `1st`, `2nd`, `3rd`, `4th`
        for suffix in [b"st", b"nd", b"rd", b"th"] {
            if let Some(after) = rest.strip_prefix(suffix)
                && !after.first().is_some_and(u8::is_ascii_alphabetic)
            {
                rest = after;
            }
        }
        Some(rest)
    }

    fn push_compact_date(&mut self, run: &[u8]) -> Option<()> {
        self.numbers.push((digits(&run[..4])?, 4));
        self.numbers.push((digits(&run[4..6])?, 2));
        self.numbers.push((digits(&run[6..8])?, 2));
        Some(())
    }

    /// `1504` or `150405`
    fn read_compact_clock(&mut self, run: &[u8]) -> Option<()> {
        let second = if run.len() == 6 { digits(&run[4..])? } else { 0 };
        self.clock = Some(clock(digits(&run[..2])?, digits(&run[2..4])?, second, 0)?);
        Some(())
    }

    fn read_compact_fraction<'t>(&mut self, rest: &'t [u8]) -> Option<&'t [u8]> {
        let [b'.' | b',', after @ ..] = rest else { return Some(rest) };
        let len = after.iter().take_while(|c| c.is_ascii_digit()).count();
        let nanos = fraction(&after[..len])?;
        self.clock = Some(self.clock?.with().subsec_nanosecond(nanos).build().ok()?);
        Some(&after[len..])
    }

    fn read_word<'t>(&mut self, text: &'t [u8]) -> Option<&'t [u8]> {
        let len = text.iter().take_while(|c| c.is_ascii_alphabetic()).count();
        let (word, rest) = text.split_at(len);
        let word = std::str::from_utf8(word).ok()?;
        if word.eq_ignore_ascii_case("t") {
            return self.read_after_t(rest);
        }
        if let Some(month) = named(MONTHS, word) {
            self.month.replace(month as i32 + 1).is_none().then_some(rest)
        } else if named(WEEKDAYS, word).is_some() || matches!(word, "at" | "of" | "on" | "the") {
            Some(rest)
        } else if let Some(seconds) = zone_offset(word) {
            self.offset.get_or_insert(seconds);
            // `GMT+0200`
            let has_offset = seconds == 0 && is_offset(rest) && rest.first() != Some(&b' ');
            if has_offset { self.read_offset(rest) } else { Some(rest) }
        } else if self.clock.is_some()
            && (3..=5).contains(&len)
            && word.bytes().all(|c| c.is_ascii_uppercase())
        {
            // An unknown abbreviation counts as UTC.
            self.offset.get_or_insert(0);
            Some(rest)
        } else {
            None
        }
    }

    /// After the `T` of `20240501T150405Z`: a compact clock, unless the clock was found already.
    fn read_after_t<'t>(&mut self, text: &'t [u8]) -> Option<&'t [u8]> {
        let len = text.iter().take_while(|c| c.is_ascii_digit()).count();
        if self.clock.is_some() {
            return Some(text);
        }
        if len != 4 && len != 6 {
            return None;
        }
        self.read_compact_clock(&text[..len])?;
        let rest = self.read_compact_fraction(&text[len..])?;
        if is_offset(rest) { self.read_offset(rest) } else { Some(rest) }
    }

    /// `+02`, `+0200`, `+02:00`
    fn read_offset<'t>(&mut self, text: &'t [u8]) -> Option<&'t [u8]> {
        let sign = if text[0] == b'-' { -1 } else { 1 };
        let text = &text[1..];
        let run = text.iter().take_while(|c| c.is_ascii_digit()).count();
        let (hours, mut minutes) = match run {
            1 | 2 => (digits(&text[..run])?, 0),
            4 => (digits(&text[..2])?, digits(&text[2..4])?),
            _ => return None,
        };
        let mut rest = &text[run..];
        if let [b':', m1, m2, after @ ..] = rest
            && let Some(n) = digits(&[*m1, *m2])
        {
            minutes = n;
            rest = after;
        }
        if hours > 23 || minutes > 59 {
            return None;
        }
        self.offset = Some(sign * (hours * 3600 + minutes * 60));
        Some(rest)
    }

    fn resolve(self, zones: &Zones) -> Option<Time> {
        let (year, month, day) = self.date()?;
        let civil = civil(year, month, day)?.to_datetime(self.clock.unwrap_or_default());
        match self.offset {
            Some(seconds) => Offset::from_seconds(seconds).ok()?.to_timestamp(civil).ok(),
            None => zones.resolve(civil),
        }
    }

    /// Year, month and day out of what was found.
    fn date(&self) -> Option<(i32, i32, i32)> {
        let year = |(n, len): Number| if len <= 2 { century(n) } else { n };
        match (self.month, &self.numbers[..]) {
            (Some(month), &[(n, 4)]) => Some((n, month, 1)),
            (Some(month), &[(day, 1..=2)]) if self.clock.is_some() => Some((0, month, day)),
            (Some(month), &[(n, 4), (day, 1..=2)]) => Some((n, month, day)),
            (Some(month), &[(day, 1..=2), y @ (_, 2 | 4)]) => Some((year(y), month, day)),
            (None, &[(n, 4)]) => Some((n, 1, 1)),
            (None, &[(n, 4), (month, 1..=2)]) => Some((n, month, 1)),
            (None, &[(n, 4), (month, 1..=2), (day, 1..=2)]) => Some((n, month, day)),
            (None, &[(first, 1..=2), (second, 1..=2), y @ (_, 2 | 4)]) => {
                let (month, day) = if first > 12 { (second, first) } else { (first, second) };
                Some((year(y), month, day))
            }
            _ => None,
        }
    }
}

fn number(text: &[u8]) -> Option<(i32, &[u8])> {
    let len = text.iter().take_while(|c| c.is_ascii_digit()).count();
    (1..=2).contains(&len).then(|| digits(&text[..len]).map(|n| (n, &text[len..])))?
}

/// A sign and two or four digits; `-2006` after a clock could be a year, and is not taken for one.
fn is_offset(text: &[u8]) -> bool {
    matches!(text, [b'+' | b'-', c, ..] if c.is_ascii_digit())
}

/// Full names, and abbreviations of three letters or more.
fn named(names: &[&str], word: &str) -> Option<usize> {
    let word = if word.eq_ignore_ascii_case("tues") { "Tue" } else { word };
    let matches = |name: &&str| {
        let full = name.eq_ignore_ascii_case(word);
        let short = matches!(word.len(), 3 | 4)
            && name.get(..word.len()).is_some_and(|n| n.eq_ignore_ascii_case(word));
        full || short
    };
    names.iter().position(matches)
}

/// Seconds east of UTC of the zone abbreviations that mean one thing.
pub(super) fn zone_offset(name: &str) -> Option<i32> {
    Some(match name.to_ascii_uppercase().as_str() {
        "Z" | "UTC" | "GMT" | "UT" | "WET" => 0,
        "CET" | "WEST" => 3600,
        "CEST" | "EET" => 2 * 3600,
        "EEST" | "MSK" => 3 * 3600,
        "JST" | "KST" => 9 * 3600,
        "AEST" => 10 * 3600,
        "AEDT" => 11 * 3600,
        "EDT" => -4 * 3600,
        "EST" | "CDT" => -5 * 3600,
        "CST" | "MDT" => -6 * 3600,
        "MST" | "PDT" => -7 * 3600,
        "PST" => -8 * 3600,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::to_rfc3339;

    #[test]
    fn forms() {
        for (text, wanted) in [
            ("2024-05-01T10:20:30Z", "2024-05-01T10:20:30Z"),
            ("2024-05-01T10:20:30.123456789+02:00", "2024-05-01T08:20:30.123456789Z"),
            ("2024-05-01T10:20:30", "2024-05-01T10:20:30Z"),
            ("2024-05-01T10:20Z", "2024-05-01T10:20:00Z"),
            ("2024-05-01 10:20:30", "2024-05-01T10:20:30Z"),
            ("2024-05-01 10:20:30,5", "2024-05-01T10:20:30.5Z"),
            ("2024-05-01 10:20:30 -0700", "2024-05-01T17:20:30Z"),
            ("2024-05-01 10:20:30 +0000 UTC", "2024-05-01T10:20:30Z"),
            ("2024-05-01 10:20", "2024-05-01T10:20:00Z"),
            ("2024-05-01", "2024-05-01T00:00:00Z"),
            ("2024-05", "2024-05-01T00:00:00Z"),
            ("2024/05/01 10:20:30", "2024-05-01T10:20:30Z"),
            ("2024.05.01", "2024-05-01T00:00:00Z"),
            ("2024-May-01", "2024-05-01T00:00:00Z"),
            ("05/01/2024", "2024-05-01T00:00:00Z"),
            ("5/1/2024 3:04:05 PM", "2024-05-01T15:04:05Z"),
            ("5/1/24 12:04 am", "2024-05-01T00:04:00Z"),
            ("31/05/2024", "2024-05-31T00:00:00Z"),
            ("1 May 2024", "2024-05-01T00:00:00Z"),
            ("01 May 2024 10:20:30", "2024-05-01T10:20:30Z"),
            ("May 1, 2024", "2024-05-01T00:00:00Z"),
            ("May 1st, 2024", "2024-05-01T00:00:00Z"),
            ("May 1, 2024 10:20:30 PM", "2024-05-01T22:20:30Z"),
            ("Sept 17, 2012 at 5:00pm UTC", "2012-09-17T17:00:00Z"),
            ("Wed, 01 May 2024 10:20:30 GMT", "2024-05-01T10:20:30Z"),
            ("Wed, 01 May 2024 10:20:30 +0200", "2024-05-01T08:20:30Z"),
            ("Wednesday, 01-May-24 10:20:30 UTC", "2024-05-01T10:20:30Z"),
            ("01 May 24 10:20 EST", "2024-05-01T15:20:00Z"),
            ("Wed May  1 10:20:30 UTC 2024", "2024-05-01T10:20:30Z"),
            ("Wed May  1 10:20:30 -0700 2024", "2024-05-01T17:20:30Z"),
            ("Wed May  1 10:20:30 2024", "2024-05-01T10:20:30Z"),
            ("Wed May 01 2024 10:20:30 GMT+0200 (CEST)", "2024-05-01T08:20:30Z"),
            ("01/May/2024:10:20:30 -0700", "2024-05-01T17:20:30Z"),
            ("20240501T102030Z", "2024-05-01T10:20:30Z"),
            ("20240501T102030.25+0200", "2024-05-01T08:20:30.25Z"),
            ("20240501102030", "2024-05-01T10:20:30Z"),
            ("20240501102030.5Z", "2024-05-01T10:20:30.5Z"),
            ("20240501", "2024-05-01T00:00:00Z"),
            ("May  1 10:20:30", "0000-05-01T10:20:30Z"),
            ("  2024-05-01  ", "2024-05-01T00:00:00Z"),
        ] {
            let got = parse_text(text, &Zones::default()).map(to_rfc3339);
            assert_eq!(got.as_deref(), Some(wanted), "{text}");
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            "x",
            "hello world",
            "10:20:30",
            "2024-13-01",
            "2024-02-30",
            "2024-05-01T25:00:00",
            "1.2.3.4",
            "May",
            "12",
            "2024-05-01 foo",
            "99/99/2024",
            "2024-05-01 10:60",
            "May 1",
            "é",
            "1:2:3:4",
            "((",
            "+5",
            "2024-05-01 10:20:30 +99:00",
            "5/1/2024 13:04 PM",
            "May June 1 2024 10:00",
            "T",
            "T10",
            "20240501T1",
        ] {
            assert_eq!(parse_text(text, &Zones::default()), None, "{text}");
        }
    }

    #[test]
    fn zones_apply_to_text_without_one() {
        let zones = Zones::named(Some("America/New_York"), Some("Europe/Berlin"));
        let got = parse_text("2024-05-01 12:00", &zones).map(to_rfc3339);
        assert_eq!(got.as_deref(), Some("2024-05-01T10:00:00Z"));
        let got = parse_text("2024-05-01 12:00Z", &zones).map(to_rfc3339);
        assert_eq!(got.as_deref(), Some("2024-05-01T12:00:00Z"));
    }
}
