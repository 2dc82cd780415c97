//! Times by layout: the reference instant `Mon Jan 2 15:04:05 MST 2006` written the way a time shall look
//! (builtins page, section 1.3).

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

use super::{MONTHS, WEEKDAYS, Zones, civil, clock, digits, fraction, pair};
use crate::value::Time;

/// The layouts that have names.
const NAMED: &[(&str, &str)] = &[
    ("ANSIC", "Mon Jan _2 15:04:05 2006"),
    ("DateOnly", "2006-01-02"),
    ("DateTime", "2006-01-02 15:04:05"),
    ("Kitchen", "3:04PM"),
    ("Layout", "01/02 03:04:05PM '06 -0700"),
    ("RFC1123", "Mon, 02 Jan 2006 15:04:05 MST"),
    ("RFC1123Z", "Mon, 02 Jan 2006 15:04:05 -0700"),
    ("RFC3339", "2006-01-02T15:04:05Z07:00"),
    ("RFC3339Nano", "2006-01-02T15:04:05.999999999Z07:00"),
    ("RFC822", "02 Jan 06 15:04 MST"),
    ("RFC822Z", "02 Jan 06 15:04 -0700"),
    ("RFC850", "Monday, 02-Jan-06 15:04:05 MST"),
    ("RubyDate", "Mon Jan 02 15:04:05 -0700 2006"),
    ("Stamp", "Jan _2 15:04:05"),
    ("StampMicro", "Jan _2 15:04:05.000000"),
    ("StampMilli", "Jan _2 15:04:05.000"),
    ("StampNano", "Jan _2 15:04:05.000000000"),
    ("TimeOnly", "15:04:05"),
    ("UnixDate", "Mon Jan _2 15:04:05 MST 2006"),
];

/// The layout of a name; any other text is a layout itself.
pub fn layout_named(name: &str) -> &str {
    NAMED.iter().find(|(n, _)| *n == name).map_or(name, |(_, layout)| layout)
}

/// How a field that may be padded is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pad {
    None,
    Zero,
    Space,
}

/// How the zone offset is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Zone {
    /// UTC is written `Z`.
    z: bool,
    colon: bool,
    minutes: bool,
    seconds: bool,
}

/// A piece of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece<'a> {
    Literal(&'a str),
    Year {
        long: bool,
    },
    MonthName {
        long: bool,
    },
    Month(Pad),
    Weekday {
        long: bool,
    },
    Day(Pad),
    YearDay(Pad),
    Hour24,
    Hour12(Pad),
    Minute(Pad),
    Second(Pad),
    /// `.000` or `.999`: how many digits, and whether trailing zeros are dropped.
    Fraction {
        separator: char,
        count: usize,
        trim: bool,
    },
    Meridiem {
        upper: bool,
    },
    ZoneName,
    Offset(Zone),
}

/// The fields, longest first where one begins like another.
const FIELDS: &[(&str, Piece<'static>)] = &[
    ("January", Piece::MonthName { long: true }),
    ("Jan", Piece::MonthName { long: false }),
    ("Monday", Piece::Weekday { long: true }),
    ("Mon", Piece::Weekday { long: false }),
    ("MST", Piece::ZoneName),
    ("002", Piece::YearDay(Pad::Zero)),
    ("01", Piece::Month(Pad::Zero)),
    ("02", Piece::Day(Pad::Zero)),
    ("03", Piece::Hour12(Pad::Zero)),
    ("04", Piece::Minute(Pad::Zero)),
    ("05", Piece::Second(Pad::Zero)),
    ("06", Piece::Year { long: false }),
    ("15", Piece::Hour24),
    ("1", Piece::Month(Pad::None)),
    ("2006", Piece::Year { long: true }),
    ("2", Piece::Day(Pad::None)),
    ("__2", Piece::YearDay(Pad::Space)),
    ("_2", Piece::Day(Pad::Space)),
    ("3", Piece::Hour12(Pad::None)),
    ("4", Piece::Minute(Pad::None)),
    ("5", Piece::Second(Pad::None)),
    ("PM", Piece::Meridiem { upper: true }),
    ("pm", Piece::Meridiem { upper: false }),
];

/// The pieces of a layout, in order.
fn pieces(layout: &str) -> Vec<Piece<'_>> {
    let mut all = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while at < layout.len() {
        match layout.is_char_boundary(at).then(|| field(&layout[at..])).flatten() {
            Some((len, piece)) => {
                if start < at {
                    all.push(Piece::Literal(&layout[start..at]));
                }
                all.push(piece);
                at += len;
                start = at;
            }
            None => at += 1,
        }
    }
    if start < layout.len() {
        all.push(Piece::Literal(&layout[start..]));
    }
    all
}

/// The field that text starts with, and its length.
fn field(text: &str) -> Option<(usize, Piece<'_>)> {
    let after = |len: usize| text.as_bytes().get(len).copied().unwrap_or(0);
    if text.starts_with("_2006") {
        return None;
    }
    if text.starts_with('-') || text.starts_with('Z') {
        return offset(text);
    }
    if text.starts_with(['.', ',']) {
        return fraction_field(text);
    }
    let (name, piece) = FIELDS.iter().find(|(name, _)| text.starts_with(name))?;
    // `Jan` and `Mon` inside longer words are literal text.
    if *name == "Mon" && after(3).is_ascii_lowercase() {
        return None;
    }
    Some((name.len(), *piece))
}

fn offset(text: &str) -> Option<(usize, Piece<'_>)> {
    let z = text.starts_with('Z');
    let zone = |colon, minutes, seconds| Zone { z, colon, minutes, seconds };
    let forms = [
        ("07:00:00", zone(true, true, true)),
        ("070000", zone(false, true, true)),
        ("07:00", zone(true, true, false)),
        ("0700", zone(false, true, false)),
        ("07", zone(false, false, false)),
    ];
    let (form, zone) = forms.into_iter().find(|(form, _)| text[1..].starts_with(form))?;
    Some((form.len() + 1, Piece::Offset(zone)))
}

fn fraction_field(text: &str) -> Option<(usize, Piece<'_>)> {
    let separator = text.chars().next()?;
    let rest = &text.as_bytes()[1..];
    let digit = *rest.first().filter(|c| matches!(c, b'0' | b'9'))?;
    let count = rest.iter().take_while(|c| **c == digit).count();
    if rest.get(count).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    Some((count + 1, Piece::Fraction { separator, count, trim: digit == b'9' }))
}

/// A time written by a layout or the name of one, in a zone (UTC if none).
pub fn format_layout(time: Time, layout: &str, zone: Option<&TimeZone>) -> String {
    let zone = zone.cloned().unwrap_or(TimeZone::UTC);
    let info = zone.to_offset_info(time);
    let civil = info.offset().to_datetime(time);
    let mut out = String::with_capacity(layout.len() + 10);
    for piece in pieces(layout_named(layout)) {
        match piece {
            Piece::ZoneName => out.push_str(info.abbreviation()),
            Piece::Offset(form) => write_offset(info.offset(), form, &mut out),
            piece => write_piece(piece, civil, &mut out),
        }
    }
    out
}

fn write_piece(piece: Piece<'_>, civil: DateTime, out: &mut String) {
    let number = |n: i8, pad: Pad, out: &mut String| write_padded(n.unsigned_abs().into(), pad, 2, out);
    let hour12 = match civil.hour() % 12 {
        0 => 12,
        h => h,
    };
    match piece {
        Piece::Literal(text) => out.push_str(text),
        Piece::Year { long: true } => {
            if civil.year() < 0 {
                out.push('-');
            }
            write_padded(civil.year().unsigned_abs().into(), Pad::Zero, 4, out);
        }
        Piece::Year { long: false } => write_padded(civil.year().rem_euclid(100) as u32, Pad::Zero, 2, out),
        Piece::MonthName { long } => out.push_str(shortened(MONTHS[civil.month() as usize - 1], long)),
        Piece::Weekday { long } => {
            out.push_str(shortened(WEEKDAYS[civil.weekday().to_sunday_zero_offset() as usize], long));
        }
        Piece::Month(pad) => number(civil.month(), pad, out),
        Piece::Day(pad) => number(civil.day(), pad, out),
        Piece::YearDay(pad) => write_padded(civil.day_of_year().unsigned_abs().into(), pad, 3, out),
        Piece::Hour24 => number(civil.hour(), Pad::Zero, out),
        Piece::Hour12(pad) => number(hour12, pad, out),
        Piece::Minute(pad) => number(civil.minute(), pad, out),
        Piece::Second(pad) => number(civil.second(), pad, out),
        Piece::Fraction { separator, count, trim } => {
            write_fraction(civil.subsec_nanosecond(), separator, count, trim, out);
        }
        Piece::Meridiem { upper } => out.push_str(match (civil.hour() >= 12, upper) {
            (true, true) => "PM",
            (true, false) => "pm",
            (false, true) => "AM",
            (false, false) => "am",
        }),
        Piece::ZoneName | Piece::Offset(_) => {}
    }
}

fn shortened(name: &'static str, long: bool) -> &'static str {
    if long { name } else { &name[..3] }
}

fn write_padded(n: u32, pad: Pad, width: usize, out: &mut String) {
    let mut buffer = itoa::Buffer::new();
    let text = buffer.format(n);
    let fill = match pad {
        Pad::None => "",
        Pad::Zero => "0",
        Pad::Space => " ",
    };
    (text.len()..width).for_each(|_| out.push_str(fill));
    out.push_str(text);
}

fn write_fraction(nanos: i32, separator: char, count: usize, trim: bool, out: &mut String) {
    let text = format!("{nanos:09}");
    let mut kept = text.get(..count).unwrap_or(&text);
    if trim {
        kept = kept.trim_end_matches('0');
    }
    if !kept.is_empty() {
        out.push(separator);
        out.push_str(kept);
        (kept.len()..count).filter(|_| !trim).for_each(|_| out.push('0'));
    }
}

fn write_offset(offset: Offset, form: Zone, out: &mut String) {
    let seconds = offset.seconds();
    if form.z && seconds == 0 {
        return out.push('Z');
    }
    out.push(if seconds < 0 { '-' } else { '+' });
    let size = seconds.unsigned_abs();
    let mut part = |n: u32, colon: bool| {
        if colon {
            out.push(':');
        }
        pair(n as u8).iter().for_each(|c| out.push(char::from(*c)));
    };
    part(size / 3600, false);
    if form.minutes {
        part(size / 60 % 60, form.colon);
    }
    if form.seconds {
        part(size % 60, form.colon);
    }
}

/// What text said about a time so far.
struct Parsed {
    year: i32,
    month: i32,
    day: i32,
    year_day: Option<i32>,
    hour: i32,
    hour12: bool,
    minute: i32,
    second: i32,
    nanos: i32,
    pm: Option<bool>,
    offset: Option<i32>,
}

/// Reads text by a layout or the name of one; text without a zone is in the assumed zone.
pub fn parse_layout(layout: &str, text: &str, zones: &Zones) -> Option<Time> {
    let mut parsed = Parsed {
        year: 0,
        month: 1,
        day: 1,
        year_day: None,
        hour: 0,
        hour12: false,
        minute: 0,
        second: 0,
        nanos: 0,
        pm: None,
        offset: None,
    };
    let mut rest = text;
    let pieces = pieces(layout_named(layout));
    for (i, piece) in pieces.iter().enumerate() {
        rest = read_piece(*piece, rest, &mut parsed)?;
        // A fraction may follow the seconds even if the layout has none.
        let is_second = matches!(piece, Piece::Second(_));
        if is_second && !matches!(pieces.get(i + 1), Some(Piece::Fraction { .. })) {
            rest = read_fraction(rest, &mut parsed).unwrap_or(rest);
        }
    }
    if rest.is_empty() { parsed.resolve(zones) } else { None }
}

impl Parsed {
    fn resolve(self, zones: &Zones) -> Option<Time> {
        let hour = match self.pm {
            Some(_) if self.hour > 12 => return None,
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ if self.hour12 && self.hour > 12 => return None,
            _ => self.hour,
        };
        let date = match self.year_day {
            None => civil(self.year, self.month, self.day)?,
            Some(day) => {
                let first = civil(self.year, 1, 1)?;
                let last = i32::from(first.days_in_year());
                let day = Some(day).filter(|d| (1..=last).contains(d))?;
                first.checked_add(jiff::Span::new().days(day - 1)).ok()?
            }
        };
        let civil = date.to_datetime(clock(hour, self.minute, self.second, self.nanos)?);
        match self.offset {
            Some(seconds) => Offset::from_seconds(seconds).ok()?.to_timestamp(civil).ok(),
            None => zones.resolve(civil),
        }
    }
}

fn read_piece<'t>(piece: Piece<'_>, text: &'t str, parsed: &mut Parsed) -> Option<&'t str> {
    let mut rest = text;
    let mut number = |min: usize, max: usize| {
        let (n, after) = read_number(rest, min, max)?;
        rest = after;
        Some(n)
    };
    match piece {
        Piece::Literal(literal) => return read_literal(literal, text),
        Piece::Year { long: true } => parsed.year = number(4, 4)?,
        Piece::Year { long: false } => parsed.year = century(number(2, 2)?),
        Piece::MonthName { long } => {
            let (at, after) = read_name(MONTHS, long, text)?;
            parsed.month = at as i32 + 1;
            rest = after;
        }
        Piece::Weekday { long } => rest = read_name(WEEKDAYS, long, text)?.1,
        Piece::Month(pad) => parsed.month = number(min_digits(pad), 2)?,
        Piece::Day(Pad::Zero) => parsed.day = number(2, 2)?,
        Piece::Day(pad) => {
            let text = if pad == Pad::Space { text.strip_prefix(' ').unwrap_or(text) } else { text };
            let (n, after) = read_number(text, 1, 2)?;
            parsed.day = n;
            rest = after;
        }
        Piece::YearDay(_) => {
            let (n, after) = read_number(text.trim_start_matches(' '), 1, 3)?;
            parsed.year_day = Some(n);
            rest = after;
        }
        Piece::Hour24 => parsed.hour = number(2, 2)?,
        Piece::Hour12(pad) => {
            parsed.hour = number(min_digits(pad), 2)?;
            parsed.hour12 = true;
        }
        Piece::Minute(pad) => parsed.minute = number(min_digits(pad), 2)?,
        Piece::Second(pad) => parsed.second = number(min_digits(pad), 2)?,
        Piece::Fraction { count, trim, .. } => return read_sized_fraction(count, trim, text, parsed),
        Piece::Meridiem { .. } => {
            parsed.pm = Some(match text.get(..2)?.to_ascii_uppercase().as_str() {
                "PM" => true,
                "AM" => false,
                _ => return None,
            });
            rest = &text[2..];
        }
        Piece::ZoneName => {
            let len = text.bytes().take_while(u8::is_ascii_uppercase).count();
            if !(3..=5).contains(&len) {
                return None;
            }
            parsed.offset = Some(super::free::zone_offset(&text[..len]).unwrap_or(0));
            rest = &text[len..];
        }
        Piece::Offset(form) => {
            let (seconds, after) = read_offset(form, text)?;
            parsed.offset = Some(seconds);
            rest = after;
        }
    }
    Some(rest)
}

fn min_digits(pad: Pad) -> usize {
    if pad == Pad::Zero { 2 } else { 1 }
}

/// Two digits of a year: 69 and later are of the last century.
pub(super) fn century(year: i32) -> i32 {
    if year >= 69 { 1900 + year } else { 2000 + year }
}

/// A space in the layout stands for any number of spaces, also none.
fn read_literal<'t>(literal: &str, mut text: &'t str) -> Option<&'t str> {
    for c in literal.chars() {
        text = if c == ' ' { text.trim_start_matches(' ') } else { text.strip_prefix(c)? };
    }
    Some(text)
}

fn read_number(text: &str, min: usize, max: usize) -> Option<(i32, &str)> {
    let len = text.bytes().take(max).take_while(u8::is_ascii_digit).count();
    (len >= min).then(|| digits(&text.as_bytes()[..len]).map(|n| (n, &text[len..])))?
}

fn read_name<'t>(names: &[&'static str], long: bool, text: &'t str) -> Option<(usize, &'t str)> {
    let matches = |name: &str| text.get(..name.len()).is_some_and(|t| t.eq_ignore_ascii_case(name));
    let at = names.iter().position(|name| matches(shortened(name, long)))?;
    Some((at, &text[shortened(names[at], long).len()..]))
}

fn read_fraction<'t>(text: &'t str, parsed: &mut Parsed) -> Option<&'t str> {
    let rest = text.strip_prefix(['.', ','])?;
    let len = rest.bytes().take_while(u8::is_ascii_digit).count();
    parsed.nanos = fraction(&rest.as_bytes()[..len])?;
    Some(&rest[len..])
}

/// `.000` needs exactly as many digits; `.999` takes any number, also none.
fn read_sized_fraction<'t>(count: usize, trim: bool, text: &'t str, parsed: &mut Parsed) -> Option<&'t str> {
    if trim {
        return Some(read_fraction(text, parsed).unwrap_or(text));
    }
    let rest = text.strip_prefix(['.', ','])?;
    parsed.nanos = fraction(rest.as_bytes().get(..count)?)?;
    rest.get(count..)
}

fn read_offset(form: Zone, text: &str) -> Option<(i32, &str)> {
    if form.z && text.starts_with('Z') {
        return Some((0, &text[1..]));
    }
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['+', '-'])?;
    let mut part = |colon: bool| {
        let (n, after) = read_number(if colon { rest.strip_prefix(':')? } else { rest }, 2, 2)?;
        rest = after;
        Some(n)
    };
    let mut seconds = part(false)? * 3600;
    if form.minutes {
        seconds += part(form.colon)? * 60;
    }
    if form.seconds {
        seconds += part(form.colon)?;
    }
    Some((if negative { -seconds } else { seconds }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::to_rfc3339;

    fn at(text: &str) -> Time {
        text.parse().unwrap()
    }

    #[test]
    fn formats() {
        let time = at("2024-05-01T15:04:05.120Z");
        for (layout, wanted) in [
            ("Layout", "05/01 03:04:05PM '24 +0000"),
            ("ANSIC", "Wed May  1 15:04:05 2024"),
            ("UnixDate", "Wed May  1 15:04:05 UTC 2024"),
            ("RFC822", "01 May 24 15:04 UTC"),
            ("RFC850", "Wednesday, 01-May-24 15:04:05 UTC"),
            ("RFC1123Z", "Wed, 01 May 2024 15:04:05 +0000"),
            ("RFC3339", "2024-05-01T15:04:05Z"),
            ("RFC3339Nano", "2024-05-01T15:04:05.12Z"),
            ("Kitchen", "3:04PM"),
            ("StampMilli", "May  1 15:04:05.120"),
            ("DateTime", "2024-05-01 15:04:05"),
            ("TimeOnly", "15:04:05"),
            ("2006/1/2 3pm .000 002 __2", "2024/5/1 3pm .120 122 122"),
            ("Monday January 06 _2 __2 4 5", "Wednesday May 24  1 122 4 5"),
            ("15:04:05,999", "15:04:05,12"),
            ("Z0700 Z07:00 -07 -07:00:00", "Z Z +00 +00:00:00"),
            ("week é at", "week é at"),
            ("", ""),
        ] {
            assert_eq!(format_layout(time, layout, None), wanted, "{layout}");
        }
        let zone = TimeZone::get("Asia/Kolkata").unwrap();
        assert_eq!(format_layout(time, "15:04 MST -0700 Z07:00", Some(&zone)), "20:34 IST +0530 +05:30");
    }

    #[test]
    fn parses() {
        let utc = Zones::default();
        for (layout, text, wanted) in [
            ("2006-01-02 15:04:05", "2024-05-01 10:20:30", Some("2024-05-01T10:20:30Z")),
            ("2006-01-02 15:04:05", "2024-05-01 10:20:30.5", Some("2024-05-01T10:20:30.5Z")),
            ("2006-01-02", "2024-05-01x", None),
            ("2006-01-02", "2024-5-01", None),
            ("2006-1-2", "2024-5-1", Some("2024-05-01T00:00:00Z")),
            ("RFC1123", "Wed, 01 May 2024 10:20:30 GMT", Some("2024-05-01T10:20:30Z")),
            ("RFC3339", "2024-05-01T10:20:30+02:00", Some("2024-05-01T08:20:30Z")),
            ("UnixDate", "Wed May  1 15:04:05 UTC 2024", Some("2024-05-01T15:04:05Z")),
            ("01/02/06 3:04 PM", "05/01/24 12:30 AM", Some("2024-05-01T00:30:00Z")),
            ("01/02/06 3:04 PM", "05/01/99 11:30 PM", Some("1999-05-01T23:30:00Z")),
            ("01/02/06 3:04 PM", "05/01/99 13:30 PM", None),
            ("2006 002", "2024 122", Some("2024-05-01T00:00:00Z")),
            ("2006 002", "2023 366", None),
            ("2006-01-02T15:04:05.000Z", "2024-05-01T10:20:30.123Z", Some("2024-05-01T10:20:30.123Z")),
            ("2006-01-02", "2024-02-30", None),
            ("15:04", "é", None),
        ] {
            assert_eq!(
                parse_layout(layout, text, &utc).map(to_rfc3339).as_deref(),
                wanted,
                "{layout} {text}"
            );
        }
        let zones = Zones::named(Some("Europe/Berlin"), None);
        let got = parse_layout("DateTime", "2024-05-01 12:00:00", &zones);
        assert_eq!(got.map(to_rfc3339).as_deref(), Some("2024-05-01T10:00:00Z"));
    }
}
