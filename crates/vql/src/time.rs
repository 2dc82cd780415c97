//! Times: reading, printing and their members (builtins page, section 1.3; reference, sections 7.10 and 15).
//!
//! A time is an instant without a zone. [`Zones`] says which zone to print in and which one to assume when text
//! names none.

use std::any::Any;
use std::cmp::Ordering;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

use crate::schema::Name;
use crate::value::convert::{Number, parse_int, to_text};
use crate::value::{Object, Time, Value};

mod free;
pub(crate) mod layout;

pub use free::parse_text;
pub use layout::{format_layout, layout_named, parse_layout};

/// The "zero" time, `0001-01-01T00:00:00Z`.
pub const ZERO: Time = Timestamp::constant(-62_135_596_800, 0);

/// The zones a query set; UTC where it set none.
#[derive(Clone, Debug, Default)]
pub struct Zones {
    /// For printing (`TZ`).
    pub print: Option<TimeZone>,
    /// For reading text without a zone (`PARSE_TZ`).
    pub parse: Option<TimeZone>,
}

impl Zones {
    /// From the values of `TZ` and `PARSE_TZ`; unknown names count as absent.
    pub fn named(print: Option<&str>, parse: Option<&str>) -> Self {
        Zones { print: print.and_then(zone_named), parse: parse.and_then(zone_named) }
    }

    /// The zone of text that names none.
    pub fn assumed(&self) -> TimeZone {
        self.parse.clone().or_else(|| self.print.clone()).unwrap_or(TimeZone::UTC)
    }

    /// The instant of a civil time without a zone.
    fn resolve(&self, civil: DateTime) -> Option<Time> {
        self.assumed().to_ambiguous_timestamp(civil).compatible().ok()
    }
}

/// A zone by its IANA name; `local` is the zone of the host.
pub fn zone_named(name: &str) -> Option<TimeZone> {
    match name {
        "" => None,
        "local" | "Local" => TimeZone::try_system().ok(),
        name => TimeZone::get(name).ok(),
    }
}

/// Reads a value as `timestamp(epoch=)` does; `None` for NULL and what cannot be read.
pub fn from_value(value: &Value, zones: &Zones) -> Option<Time> {
    match value {
        Value::Time(t) => Some(*t),
        Value::Int(_) | Value::UInt(_) => from_int(Number::of(value)?.as_int()),
        Value::Float(f) => from_seconds(*f),
        Value::Text(t) | Value::Bytes(t) => from_text(t, zones),
        Value::List(items) if items.len() == 1 && !matches!(items[0], Value::List(_)) => {
            from_value(&items[0], zones)
        }
        _ => None,
    }
}

/// Text: empty is the zero time, digits are a number, all else is read freely.
pub fn from_text(text: &[u8], zones: &Zones) -> Option<Time> {
    if text.is_empty() {
        return Some(ZERO);
    }
    match parse_int(text.trim_ascii()) {
        Some(number) => from_int(number),
        None => parse_text(std::str::from_utf8(text).ok()?, zones),
    }
}

/// A number of unknown unit, guessed by its size; 0 is the zero time.
pub fn from_int(number: i64) -> Option<Time> {
    const NANOS: i64 = 20_000_000_000_000_000;
    const MICROS: i64 = 20_000_000_000_000;
    const MILLIS: i64 = 20_000_000_000;
    match number {
        0 => Some(ZERO),
        n if n > NANOS => Timestamp::from_nanosecond(n.into()).ok(),
        n if n > MICROS => Timestamp::from_microsecond(n).ok(),
        n if n > MILLIS => Timestamp::from_millisecond(n).ok(),
        n => Timestamp::from_second(n).ok(),
    }
}

/// Epoch seconds with a fraction.
pub fn from_seconds(seconds: f64) -> Option<Time> {
    if !seconds.is_finite() || seconds.abs() > 1e12 {
        return None;
    }
    let whole = seconds.floor();
    let nanos = ((seconds - whole) * 1e9).round() as i128;
    Timestamp::from_nanosecond(whole as i128 * 1_000_000_000 + nanos).ok()
}

/// Whole seconds since the epoch, rounded down.
pub fn unix(time: Time) -> i64 {
    time.as_second() - i64::from(time.subsec_nanosecond() < 0)
}

/// RFC 3339 with up to nanoseconds, trailing zeros dropped; in UTC (`Z`) or in a zone.
pub fn write_rfc3339(time: Time, zone: Option<&TimeZone>, out: &mut Vec<u8>) {
    let offset = zone.map_or(Offset::UTC, |z| z.to_offset(time));
    let civil = offset.to_datetime(time);
    write_date(civil, b'-', out);
    out.push(b'T');
    write_clock(civil, out);
    write_fraction(civil.subsec_nanosecond(), out);
    if offset.seconds() == 0 {
        out.push(b'Z');
    } else {
        write_offset(offset, true, out);
    }
}

/// RFC 3339 in UTC.
pub fn to_rfc3339(time: Time) -> String {
    let mut out = Vec::with_capacity(32);
    write_rfc3339(time, None, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// The `%v` text: `2024-05-01 10:00:00 +0000 UTC`.
pub fn write_text(time: Time, out: &mut Vec<u8>) {
    let civil = Offset::UTC.to_datetime(time);
    write_date(civil, b'-', out);
    out.push(b' ');
    write_clock(civil, out);
    write_fraction(civil.subsec_nanosecond(), out);
    out.extend_from_slice(b" +0000 UTC");
}

fn write_date(civil: DateTime, separator: u8, out: &mut Vec<u8>) {
    let year = civil.year();
    if year < 0 {
        out.push(b'-');
    }
    let year = year.unsigned_abs();
    out.extend_from_slice(&pair((year / 100) as u8));
    out.extend_from_slice(&pair((year % 100) as u8));
    let ([m, n], [d, e]) = (pair(civil.month() as u8), pair(civil.day() as u8));
    out.extend_from_slice(&[separator, m, n, separator, d, e]);
}

fn write_clock(civil: DateTime, out: &mut Vec<u8>) {
    let ([h, i], [m, n], [s, t]) =
        (pair(civil.hour() as u8), pair(civil.minute() as u8), pair(civil.second() as u8));
    out.extend_from_slice(&[h, i, b':', m, n, b':', s, t]);
}

/// Nanoseconds as a fraction without trailing zeros; nothing if there are none.
fn write_fraction(nanos: i32, out: &mut Vec<u8>) {
    if nanos == 0 {
        return;
    }
    let mut digits = [b'.'; 10];
    let mut rest = nanos.unsigned_abs();
    for digit in digits[1..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let len = digits.iter().rposition(|d| *d != b'0').map_or(0, |last| last + 1);
    out.extend_from_slice(&digits[..len]);
}

fn write_offset(offset: Offset, colon: bool, out: &mut Vec<u8>) {
    let seconds = offset.seconds();
    out.push(if seconds < 0 { b'-' } else { b'+' });
    let minutes = seconds.unsigned_abs() / 60;
    out.extend_from_slice(&pair((minutes / 60) as u8));
    if colon {
        out.push(b':');
    }
    out.extend_from_slice(&pair((minutes % 60) as u8));
}

/// A number below 100 as two digits.
fn pair(n: u8) -> [u8; 2] {
    [b'0' + n / 10 % 10, b'0' + n % 10]
}

/// Reads strict RFC 3339, as JSON holds it; cheap to reject other text.
pub fn parse_rfc3339(text: &[u8]) -> Option<Time> {
    if text.len() < 20
        || text[4] != b'-'
        || text[7] != b'-'
        || text[10] != b'T'
        || text[13] != b':'
        || text[16] != b':'
    {
        return None;
    }
    let number = |from: usize, to: usize| digits(&text[from..to]);
    let civil = civil(number(0, 4)?, number(5, 7)?, number(8, 10)?)?;
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let (nanos, zone) = match text[19] {
        b'.' | b',' => {
            let len = text[20..].iter().take_while(|c| c.is_ascii_digit()).count();
            (fraction(&text[20..20 + len])?, &text[20 + len..])
        }
        _ => (0, &text[19..]),
    };
    let offset = match zone {
        b"Z" => Offset::UTC,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let seconds = digits(&[*h1, *h2])? * 3600 + digits(&[*m1, *m2]).filter(|m| *m < 60)? * 60;
            Offset::from_seconds(if *sign == b'-' { -seconds } else { seconds }).ok()?
        }
        _ => return None,
    };
    let clock = clock(hour, minute, second, nanos)?;
    offset.to_timestamp(civil.to_datetime(clock)).ok()
}

/// A run of one to nine ASCII digits.
fn digits(text: &[u8]) -> Option<i32> {
    if text.is_empty() || text.len() > 9 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0, |n, d| n * 10 + i32::from(d - b'0')))
}

/// Digits after a decimal point as nanoseconds; more than nine are cut off.
fn fraction(text: &[u8]) -> Option<i32> {
    let kept = &text[..text.len().min(9)];
    Some(digits(kept)? * 10i32.pow(9 - kept.len() as u32))
}

fn civil(year: i32, month: i32, day: i32) -> Option<jiff::civil::Date> {
    jiff::civil::Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn clock(hour: i32, minute: i32, second: i32, nanos: i32) -> Option<jiff::civil::Time> {
    let small = |n: i32| i8::try_from(n).ok();
    jiff::civil::Time::new(small(hour)?, small(minute)?, small(second)?, nanos).ok()
}

/// The members that a time has as a row.
pub const MEMBERS: &[&str] = &[
    "Unix",
    "UnixMilli",
    "UnixMicro",
    "UnixNano",
    "Year",
    "Month",
    "Day",
    "Hour",
    "Minute",
    "Second",
    "Nanosecond",
    "Weekday",
    "YearDay",
    "IsZero",
    "IsDST",
    "UTC",
    "String",
];

/// A member of a time (builtins page, section 1.3).
pub fn member(time: Time, name: &str) -> Option<Value> {
    let civil = Offset::UTC.to_datetime(time);
    let int = |n: i64| Some(Value::Int(n));
    match name {
        "Unix" => int(unix(time)),
        "UnixMilli" => int(time.as_nanosecond().div_euclid(1_000_000) as i64),
        "UnixMicro" => int(time.as_nanosecond().div_euclid(1000) as i64),
        "UnixNano" => int(time.as_nanosecond() as i64),
        "Year" => int(civil.year().into()),
        "Month" => Some(named(MONTHS, civil.month() as usize - 1, civil.month().into(), "time.Month")),
        "Day" => int(civil.day().into()),
        "Hour" => int(civil.hour().into()),
        "Minute" => int(civil.minute().into()),
        "Second" => int(civil.second().into()),
        "Nanosecond" => int(civil.subsec_nanosecond().into()),
        "Weekday" => {
            let day = civil.weekday().to_sunday_zero_offset();
            Some(named(WEEKDAYS, day as usize, day.into(), "time.Weekday"))
        }
        "YearDay" => int(civil.day_of_year().into()),
        "IsZero" => Some(Value::Bool(time == ZERO)),
        "IsDST" => Some(Value::Bool(false)),
        "UTC" | "Local" => Some(Value::Time(time)),
        "String" => Some(Value::from(to_rfc3339(time))),
        _ => None,
    }
}

const MONTHS: &[&str] = &[
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const WEEKDAYS: &[&str] = &["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A month or a weekday: a number that has a name as text.
#[derive(Debug)]
struct Named {
    name: &'static str,
    number: i64,
    type_name: &'static str,
}

fn named(names: &[&'static str], at: usize, number: i64, type_name: &'static str) -> Value {
    Value::Object(Arc::new(Named { name: names.get(at).copied().unwrap_or(""), number, type_name }))
}

impl Object for Named {
    fn type_name(&self) -> &'static str {
        self.type_name
    }

    fn member(&self, name: &str) -> Option<Value> {
        (name == "String").then(|| Value::from(self.name))
    }

    fn members(&self) -> Vec<Name> {
        Vec::new()
    }

    fn to_json(&self) -> Value {
        Value::Int(self.number)
    }

    fn to_text(&self) -> Option<String> {
        Some(self.name.to_owned())
    }

    fn compare(&self, other: &Value) -> Option<Ordering> {
        match other {
            Value::Object(o) => Some(self.number.cmp(&o.as_any().downcast_ref::<Named>()?.number)),
            Value::Text(t) => {
                (*to_text(&Value::Text(t.clone())) == *self.name.as_bytes()).then_some(Ordering::Equal)
            }
            v => Some(Number::Int(self.number).compare(Number::of(v)?)),
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        text.parse().unwrap()
    }

    #[test]
    fn values_become_times() {
        let zones = Zones::default();
        for (value, wanted) in [
            (Value::Int(0), Some("0001-01-01T00:00:00Z")),
            (Value::text(""), Some("0001-01-01T00:00:00Z")),
            (Value::Int(1_700_000_000), Some("2023-11-14T22:13:20Z")),
            (Value::Int(1_700_000_000_123), Some("2023-11-14T22:13:20.123Z")),
            (Value::Int(1_700_000_000_123_456), Some("2023-11-14T22:13:20.123456Z")),
            (Value::Int(1_700_000_000_123_456_789), Some("2023-11-14T22:13:20.123456789Z")),
            (Value::Int(-1), Some("1969-12-31T23:59:59Z")),
            (Value::Float(1_700_000_000.5), Some("2023-11-14T22:13:20.5Z")),
            (Value::Float(-0.5), Some("1969-12-31T23:59:59.5Z")),
            (Value::Float(f64::NAN), None),
            (Value::Float(1e300), None),
            (Value::text("1700000000"), Some("2023-11-14T22:13:20Z")),
            (Value::text("0x6553f100"), Some("2023-11-14T22:13:20Z")),
            (Value::text("2024-05-01 10:00"), Some("2024-05-01T10:00:00Z")),
            (Value::text("nonsense"), None),
            (Value::Null, None),
            (Value::Bool(true), None),
            (Value::UInt(u64::MAX), Some("1969-12-31T23:59:59Z")),
        ] {
            assert_eq!(from_value(&value, &zones).map(to_rfc3339).as_deref(), wanted, "{value:?}");
        }
    }

    #[test]
    fn rfc3339_round_trips() {
        for text in [
            "2024-05-01T10:00:00Z",
            "0001-01-01T00:00:00Z",
            "1969-12-31T23:59:59.5Z",
            "2024-05-01T10:00:00.000000001Z",
            "9999-12-30T00:00:00Z",
        ] {
            assert_eq!(to_rfc3339(at(text)), text);
            assert_eq!(parse_rfc3339(text.as_bytes()), Some(at(text)));
        }
        for (text, utc) in [
            ("2024-05-01T10:00:00+02:00", Some("2024-05-01T08:00:00Z")),
            ("2024-05-01T10:00:00.25-05:30", Some("2024-05-01T15:30:00.25Z")),
            ("2024-05-01 10:00:00Z", None),
            ("2024-05-01T10:00:00", None),
            ("2024-05-01T10:00:00.Z", None),
            ("2024-13-01T10:00:00Z", None),
            ("2024-05-01T25:00:00Z", None),
            ("2024-05-01T10:00:00Zx", None),
        ] {
            assert_eq!(parse_rfc3339(text.as_bytes()).map(to_rfc3339).as_deref(), utc, "{text}");
        }
    }

    #[test]
    fn printing_in_a_zone() {
        let zone = zone_named("Europe/Berlin").unwrap();
        let mut out = Vec::new();
        write_rfc3339(at("2024-05-01T10:00:00.5Z"), Some(&zone), &mut out);
        assert_eq!(String::from_utf8_lossy(&out), "2024-05-01T12:00:00.5+02:00");
        assert!(zone_named("No/Where").is_none());
    }

    #[test]
    fn members() {
        let time = at("2024-05-01T10:20:30.123456789Z");
        for (name, wanted) in [
            ("Unix", "1714558830"),
            ("UnixMilli", "1714558830123"),
            ("UnixNano", "1714558830123456789"),
            ("Year", "2024"),
            ("Month", "May"),
            ("Weekday", "Wednesday"),
            ("YearDay", "122"),
            ("Nanosecond", "123456789"),
            ("IsZero", "false"),
            ("String", "2024-05-01T10:20:30.123456789Z"),
        ] {
            let value = member(time, name).unwrap();
            assert_eq!(to_text(&value).to_str_lossy(), wanted, "{name}");
        }
        assert!(member(time, "Nothing").is_none());
        assert_eq!(unix(at("1969-12-31T23:59:59.5Z")), -1);
        assert!(crate::value::equal::equal(&member(time, "Month").unwrap(), &Value::Int(5)));
    }
}
