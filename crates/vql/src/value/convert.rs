//! Conversions: the text form of a value (reference, section 7.10) and what arguments accept (section 11).

use std::sync::Arc;

use crate::path::{OsPath, PathKind};
use crate::text::Text;
use crate::time;
use crate::value::{Value, number};

/// Values nested deeper than this are cut off, in text and in JSON.
pub const MAX_DEPTH: usize = 1000;

/// The largest string the language makes, in bytes (reference, section 13).
pub const MAX_TEXT: usize = 100_000_000;

/// The text form of a value (`%v`).
pub fn to_text(value: &Value) -> Text {
    match value {
        Value::Text(t) | Value::Bytes(t) => t.clone(),
        Value::Path(p) => p.text(),
        v => {
            let mut out = Vec::new();
            write_text(v, &mut out);
            out.into()
        }
    }
}

/// Appends the text form of a value.
pub fn write_text(value: &Value, out: &mut Vec<u8>) {
    let limit = out.len().saturating_add(MAX_TEXT);
    write_nested(value, out, 0, limit);
}

fn write_nested(value: &Value, out: &mut Vec<u8>, depth: usize, limit: usize) {
    match value {
        Value::Text(t) | Value::Bytes(t) => out.extend_from_slice(t),
        Value::Int(i) => out.extend_from_slice(itoa::Buffer::new().format(*i).as_bytes()),
        Value::UInt(u) => out.extend_from_slice(itoa::Buffer::new().format(*u).as_bytes()),
        Value::Float(f) => number::write_text(*f, out),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Null | Value::Query(_) | Value::Expr(_) => out.extend_from_slice(b"Null"),
        Value::Time(t) => time::write_text(*t, out),
        Value::Path(p) => p.write(out),
        Value::List(items) => {
            if depth >= MAX_DEPTH || out.len() >= limit {
                return out.extend_from_slice(b"Null");
            }
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b' ');
                }
                write_nested(item, out, depth + 1, limit);
            }
            out.push(b']');
        }
        Value::Object(o) => match o.to_text() {
            Some(text) => out.extend_from_slice(text.as_bytes()),
            None => write_json(value, out),
        },
        Value::Dict(_) | Value::Rows(_) => write_json(value, out),
    }
}

fn write_json(value: &Value, out: &mut Vec<u8>) {
    crate::json::write_value(value, out, &crate::json::JsonOptions::default());
}

/// A value given to a string argument: NULL is empty, a list of exactly one element is the text of that element.
pub fn to_text_arg(value: &Value) -> Text {
    match value {
        Value::Null => Text::empty(),
        Value::List(items) => match &items[..] {
            [Value::Dict(d)] if d.len() == 1 => {
                d.with(|row| row.cells.first().map(to_text)).unwrap_or_default()
            }
            [one] => to_text(one),
            _ => to_text(value),
        },
        v => to_text(v),
    }
}

/// An element of a "list of string" argument: a dict of one column is the text of its value.
pub fn to_list_text(value: &Value) -> Text {
    match value {
        Value::Null => Text::empty(),
        Value::Dict(d) if d.len() == 1 => d.with(|row| row.cells.first().map(to_text)).unwrap_or_default(),
        v => to_text(v),
    }
}

/// A value given to an int argument: a number (truncated) or a bool.
pub fn to_int_arg(value: &Value) -> Option<i64> {
    match value {
        Value::Int(i) => Some(*i),
        Value::UInt(u) => Some(*u as i64),
        Value::Float(f) => Some(*f as i64),
        Value::Bool(b) => Some(i64::from(*b)),
        _ => None,
    }
}

/// A value given to a float argument: a number or a bool.
pub fn to_float_arg(value: &Value) -> Option<f64> {
    match value {
        Value::Int(i) => Some(*i as f64),
        Value::UInt(u) => Some(*u as f64),
        Value::Float(f) => Some(*f),
        Value::Bool(b) => Some(f64::from(u8::from(*b))),
        _ => None,
    }
}

/// A value given to a path argument: a path, text in the generic syntax, or a pathspec dict.
pub fn to_path_arg(value: &Value) -> Option<Arc<OsPath>> {
    match value {
        Value::Path(p) => Some(p.clone()),
        Value::Text(t) | Value::Bytes(t) => Some(Arc::new(OsPath::parse(PathKind::Generic, t))),
        Value::Dict(d) => OsPath::from_pathspec(&d.snapshot()).map(Arc::new),
        Value::List(items) if items.len() == 1 && !matches!(items[0], Value::List(_)) => {
            to_path_arg(&items[0])
        }
        Value::Object(o) => match o.member("OSPath")? {
            Value::Path(p) => Some(p),
            _ => None,
        },
        Value::Int(_) | Value::UInt(_) | Value::Float(_) => {
            Some(Arc::new(OsPath::parse(PathKind::Generic, &to_text(value))))
        }
        _ => None,
    }
}

/// A number as arithmetic sees it: unsigned ones as signed, a bool as 0 or 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    pub(crate) fn of(value: &Value) -> Option<Number> {
        match value {
            Value::Int(i) => Some(Number::Int(*i)),
            Value::UInt(u) => Some(Number::Int(*u as i64)),
            Value::Float(f) => Some(Number::Float(*f)),
            _ => None,
        }
    }

    /// As [`Number::of`], a bool counting as 0 or 1.
    pub(crate) fn or_bool(value: &Value) -> Option<Number> {
        match value {
            Value::Bool(b) => Some(Number::Int(i64::from(*b))),
            v => Number::of(v),
        }
    }

    pub(crate) fn as_float(self) -> f64 {
        match self {
            Number::Int(i) => i as f64,
            Number::Float(f) => f,
        }
    }

    /// Toward zero.
    pub(crate) fn as_int(self) -> i64 {
        match self {
            Number::Int(i) => i,
            Number::Float(f) => f as i64,
        }
    }

    /// Exact, total order.
    pub(crate) fn compare(self, other: Number) -> std::cmp::Ordering {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => a.cmp(&b),
            (Number::Int(a), Number::Float(b)) => number::compare_int_float(a, b),
            (Number::Float(a), Number::Int(b)) => number::compare_int_float(b, a).reverse(),
            (Number::Float(a), Number::Float(b)) => number::compare_floats(a, b),
        }
    }
}

/// The text of a string-like value, without copying.
pub(crate) fn as_text(value: &Value) -> Option<&Text> {
    match value {
        Value::Text(t) | Value::Bytes(t) => Some(t),
        _ => None,
    }
}

/// Reads an integer with C prefixes: `0x1F`, `0b11`, `0o17`, `017`, decimal.
pub(crate) fn parse_int(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let prefixed = |prefix: &str| {
        let head = digits.get(..2)?;
        head.eq_ignore_ascii_case(prefix).then(|| &digits[2..])
    };
    let (radix, digits) = match (prefixed("0x"), prefixed("0b"), prefixed("0o")) {
        (Some(d), _, _) => (16, d),
        (_, Some(d), _) => (2, d),
        (_, _, Some(d)) => (8, d),
        _ if digits.len() > 1 && digits.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    };
    if digits.is_empty() || digits.starts_with(['+', '-']) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    if negative { 0i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Time;

    fn shown(value: Value) -> String {
        to_text(&value).to_str_lossy().into_owned()
    }

    #[test]
    fn text_forms() {
        let list = |items: &[Value]| Value::list(items.to_vec());
        for (value, wanted) in [
            (Value::Null, "Null"),
            (Value::Bool(true), "true"),
            (Value::Int(-5), "-5"),
            (Value::UInt(u64::MAX), "18446744073709551615"),
            (Value::Float(2.0), "2"),
            (Value::Float(0.00005), "5e-05"),
            (Value::text("a b"), "a b"),
            (Value::Time(Time::from_second(1_714_557_600).unwrap()), "2024-05-01 10:00:00 +0000 UTC"),
            (list(&[Value::text("x"), Value::Int(1), Value::Null]), "[x 1 Null]"),
            (list(&[]), "[]"),
            (Value::dict([("a", Value::Int(1)), ("b", Value::text("x"))]), r#"{"a":1,"b":"x"}"#),
        ] {
            assert_eq!(shown(value), wanted);
        }
    }

    #[test]
    fn string_arguments() {
        let one = Value::list(vec![Value::Int(7)]);
        assert_eq!(&*to_text_arg(&one), b"7");
        assert_eq!(&*to_text_arg(&Value::Null), b"");
        let two = Value::list(vec![Value::Int(7), Value::text("x")]);
        assert_eq!(&*to_text_arg(&two), b"[7 x]");
        assert_eq!(&*to_list_text(&Value::dict([("k", Value::text("v"))])), b"v");
    }

    #[test]
    fn ints_with_prefixes() {
        for (text, wanted) in [
            ("12", Some(12)),
            ("-12", Some(-12)),
            ("0x10", Some(16)),
            ("-0x10", Some(-16)),
            ("010", Some(8)),
            ("0", Some(0)),
            ("09", None),
            ("", None),
            ("-", None),
            ("0x", None),
            ("0x+1", None),
            ("1.5", None),
            ("12x", None),
            ("é1", None),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("-9223372036854775808", Some(i64::MIN)),
        ] {
            assert_eq!(parse_int(text.as_bytes()), wanted, "{text}");
        }
    }

    #[test]
    fn cycles_and_deep_nesting_end() {
        let mut deep = Value::Null;
        for _ in 0..5000 {
            deep = Value::list(vec![deep]);
        }
        assert!(to_text(&deep).len() < 5000);
        let d = crate::dict::Dict::new();
        d.set("self", Value::Dict(d.clone()));
        assert!(to_text(&Value::Dict(d)).len() > 10);
    }
}
