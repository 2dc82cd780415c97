//! Values of PostgreSQL, in the binary form in which servers send them (chapter 55.7 of its manual).

use std::error::Error as StdError;
use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{Format, FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};
use vql::json;
use vql::value::{Time, Value, convert};

use crate::accessor::hex;

/// From 1970 to 2000, where times of PostgreSQL begin.
const EPOCH_MICROS: i64 = 946_684_800_000_000;
const DAY_MICROS: i64 = 86_400_000_000;

/// How deep arrays are nested; servers allow no more.
const MAX_DIMENSIONS: usize = 6;

/// What a row has in a column.
pub struct Cell(pub Value);

impl<'a> FromSql<'a> for Cell {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Cell(value(kind, raw).ok_or_else(|| format!("a broken value of type {kind}"))?))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Cell(Value::Null))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn array<const N: usize>(raw: &[u8]) -> Option<[u8; N]> {
    raw.try_into().ok()
}

/// A value; what we know no better form of is text as PostgreSQL writes bytes.
fn value(kind: &Type, raw: &[u8]) -> Option<Value> {
    Some(match *kind {
        Type::BOOL => Value::Bool(*raw.first()? != 0),
        Type::INT2 => Value::Int(i16::from_be_bytes(array(raw)?).into()),
        Type::INT4 => Value::Int(i32::from_be_bytes(array(raw)?).into()),
        Type::INT8 => Value::Int(i64::from_be_bytes(array(raw)?)),
        Type::OID => Value::Int(u32::from_be_bytes(array(raw)?).into()),
        Type::FLOAT4 => Value::Float(f32::from_be_bytes(array(raw)?).into()),
        Type::FLOAT8 => Value::Float(f64::from_be_bytes(array(raw)?)),
        Type::NUMERIC => numeric(raw)?,
        Type::JSON => json::parse(raw).unwrap_or_else(|_| Value::text(raw)),
        Type::JSONB => {
            // A version stands before the text.
            let text = raw.strip_prefix(&[1])?;
            json::parse(text).unwrap_or_else(|_| Value::text(text))
        }
        Type::TIMESTAMP | Type::TIMESTAMPTZ => time(i64::from_be_bytes(array(raw)?)),
        Type::DATE => match i32::from_be_bytes(array(raw)?) {
            i32::MAX => time(i64::MAX),
            i32::MIN => time(i64::MIN),
            days => i64::from(days).checked_mul(DAY_MICROS).map_or(Value::Null, time),
        },
        Type::TIME => Value::from(clock(i64::from_be_bytes(array(raw)?))),
        Type::INTERVAL => interval(raw)?,
        Type::UUID => uuid(raw)?,
        Type::INET | Type::CIDR => address(kind, raw)?,
        Type::BYTEA => Value::text(raw),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::CHAR | Type::XML | Type::UNKNOWN => {
            Value::text(raw)
        }
        _ => match kind.kind() {
            Kind::Enum(_) => Value::text(raw),
            Kind::Domain(inner) => value(inner, raw)?,
            Kind::Array(inner) => list(inner, raw)?,
            _ => Value::from(format!("\\x{}", hex(raw))),
        },
    })
}

fn time(micros: i64) -> Value {
    match micros {
        i64::MAX => return Value::from("infinity"),
        i64::MIN => return Value::from("-infinity"),
        _ => {}
    }
    let time = micros.checked_add(EPOCH_MICROS).and_then(|t| Time::from_microsecond(t).ok());
    time.map_or(Value::Null, Value::Time)
}

/// `10:00:00.5`
fn clock(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let (seconds, rest) = (micros.unsigned_abs() / 1_000_000, micros.unsigned_abs() % 1_000_000);
    let mut text = format!("{sign}{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if rest > 0 {
        let _ = write!(text, ".{}", format!("{rest:06}").trim_end_matches('0'));
    }
    text
}

/// `14 mons 3 days 04:05:06`: months and days have no length of their own.
fn interval(raw: &[u8]) -> Option<Value> {
    let (micros, rest) = raw.split_first_chunk()?;
    let (days, months) = rest.split_first_chunk()?;
    let (days, months) = (i32::from_be_bytes(*days), i32::from_be_bytes(array(months)?));
    let mut parts = Vec::new();
    if months != 0 {
        parts.push(format!("{months} mons"));
    }
    if days != 0 {
        parts.push(format!("{days} days"));
    }
    let micros = i64::from_be_bytes(*micros);
    if micros != 0 || parts.is_empty() {
        parts.push(clock(micros));
    }
    Some(Value::from(parts.join(" ")))
}

fn uuid(raw: &[u8]) -> Option<Value> {
    let digits = hex(&array::<16>(raw)?);
    let part = |from: usize, to: usize| &digits[from..to];
    let text = [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-");
    Some(Value::from(text))
}

fn address(kind: &Type, raw: &[u8]) -> Option<Value> {
    let (head, bytes) = raw.split_first_chunk::<4>()?;
    let (text, most) = match bytes.len() {
        4 => (Ipv4Addr::from(array::<4>(bytes)?).to_string(), 32),
        _ => (Ipv6Addr::from(array::<16>(bytes)?).to_string(), 128),
    };
    let is_plain = *kind == Type::INET && head[1] == most;
    Some(Value::from(if is_plain { text } else { format!("{text}/{}", head[1]) }))
}

/// A number of any length: an integer or float where that is exact, else text.
fn numeric(raw: &[u8]) -> Option<Value> {
    let (head, digits) = raw.split_first_chunk::<8>()?;
    let word = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    let (weight, scale) = (i32::from(word(2) as i16), usize::from(word(6)));
    let is_negative = match word(4) {
        0 => false,
        0x4000 => true,
        0xC000 => return Some(Value::Float(f64::NAN)),
        0xD000 => return Some(Value::Float(f64::INFINITY)),
        0xF000 => return Some(Value::Float(f64::NEG_INFINITY)),
        _ => return None,
    };
    // Digits to the base of 10,000; those at the ends that are zero are left out.
    let digit = |place: i32| -> u16 {
        let at = usize::try_from(weight - place).ok().map(|i| i * 2);
        at.and_then(|at| digits.get(at..at + 2)).map_or(0, |d| u16::from_be_bytes([d[0], d[1]]))
    };
    let mut text = String::from(if is_negative { "-" } else { "" });
    let _ = write!(text, "{}", digit(weight.max(0)));
    for place in (0..weight.max(0)).rev() {
        let _ = write!(text, "{:04}", digit(place));
    }
    if scale == 0 {
        return Some(text.parse().map_or_else(|_| Value::from(text), Value::Int));
    }
    let mut fraction = String::new();
    for place in 1..=scale.div_ceil(4) {
        let _ = write!(fraction, "{:04}", digit(-(place as i32)));
    }
    text.push('.');
    text.push_str(fraction.get(..scale)?);
    let float: f64 = text.parse().ok()?;
    let is_exact = format!("{float}") == text.trim_end_matches('0').trim_end_matches('.');
    Some(if is_exact { Value::Float(float) } else { Value::from(text) })
}

/// An array, as lists in lists when it has several dimensions.
fn list(kind: &Type, raw: &[u8]) -> Option<Value> {
    let (head, mut rest) = raw.split_first_chunk::<12>()?;
    let count = usize::try_from(i32::from_be_bytes(array(&head[..4])?)).ok()?;
    if count > MAX_DIMENSIONS {
        return None;
    }
    let mut sizes = Vec::new();
    for _ in 0..count {
        let (dimension, after) = rest.split_first_chunk::<8>()?;
        sizes.push(usize::try_from(i32::from_be_bytes(array(&dimension[..4])?)).ok()?);
        rest = after;
    }
    if sizes.is_empty() {
        return Some(Value::list(Vec::new()));
    }
    elements(kind, &sizes, &mut rest)
}

fn elements(kind: &Type, sizes: &[usize], rest: &mut &[u8]) -> Option<Value> {
    let (size, inner) = sizes.split_first()?;
    let mut items = Vec::new();
    for _ in 0..*size {
        if !inner.is_empty() {
            items.push(elements(kind, inner, rest)?);
            continue;
        }
        let (length, after) = rest.split_first_chunk()?;
        *rest = after;
        items.push(match i32::from_be_bytes(*length) {
            -1 => Value::Null,
            length => {
                let (element, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                *rest = after;
                value(kind, element)?
            }
        });
    }
    Some(Value::list(items))
}

/// What stands for `$1`: sent as text, which the server reads as whatever type it needs.
#[derive(Debug)]
pub struct Parameter(pub Value);

impl ToSql for Parameter {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match &self.0 {
            Value::Null => return Ok(IsNull::Yes),
            Value::Bytes(bytes) => out.extend_from_slice(format!("\\x{}", hex(bytes)).as_bytes()),
            Value::Text(text) if *kind == Type::BYTEA => {
                out.extend_from_slice(format!("\\x{}", hex(text)).as_bytes());
            }
            Value::List(items) if matches!(kind.kind(), Kind::Array(_)) => {
                out.extend_from_slice(literal(items).as_bytes());
            }
            Value::Time(time) => out.extend_from_slice(time.to_string().as_bytes()),
            other => out.extend_from_slice(&convert::to_text(other)),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// `{"a","b",NULL}`
fn literal(items: &[Value]) -> String {
    let quoted = |item: &Value| match item {
        Value::Null => "NULL".to_owned(),
        item => {
            let text = convert::to_text(item).to_str_lossy().replace('\\', "\\\\").replace('"', "\\\"");
            format!("\"{text}\"")
        }
    };
    format!("{{{}}}", items.iter().map(quoted).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_values_are_refused() {
        let types = [
            Type::BOOL,
            Type::INT2,
            Type::INT8,
            Type::NUMERIC,
            Type::JSONB,
            Type::DATE,
            Type::INTERVAL,
            Type::UUID,
            Type::INET,
            Type::INT4_ARRAY,
        ];
        for kind in types {
            assert!(value(&kind, &[]).is_none(), "{kind}");
            for length in 1..40 {
                for byte in [0, 1, 0x7f, 0xff] {
                    let _ = value(&kind, &vec![byte; length]);
                }
            }
        }
        // Seven dimensions, and one of two thousand million elements that are not there.
        assert!(list(&Type::INT4, &[0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 23]).is_none());
        let claim =
            [&[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23][..], &[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 1]].concat();
        assert!(list(&Type::INT4, &claim).is_none());
    }
}
