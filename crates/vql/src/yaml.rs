//! YAML out, for `serialize(format="yaml")` (builtins page, section 1.4).

use crate::time::to_rfc3339;
use crate::value::Value;
use crate::value::convert::{MAX_DEPTH, to_text};

/// The text that one value may grow to.
const MAX_BYTES: usize = 1 << 28;

/// Appends a value as a YAML document.
pub fn write(value: &Value, out: &mut Vec<u8>) {
    write_nested(value, 0, Place::Top, out);
}

/// What stands before a value on its line.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Top,
    AfterKey,
    AfterDash,
}

fn write_nested(value: &Value, depth: usize, place: Place, out: &mut Vec<u8>) {
    let is_open = depth < MAX_DEPTH && out.len() < MAX_BYTES;
    match value {
        Value::List(items) if !items.is_empty() && is_open => write_list(items, depth, place, out),
        Value::Dict(dict) if !dict.is_empty() && is_open => {
            let row = dict.snapshot();
            for (i, (name, value)) in row.iter().enumerate() {
                let is_first = i == 0;
                match place {
                    Place::AfterKey if is_first => new_line(depth, out),
                    _ if !is_first => indent(depth, out),
                    _ => {}
                }
                write_text(name.as_str(), out);
                out.push(b':');
                write_nested(value, depth + 1, Place::AfterKey, out);
            }
        }
        Value::Object(object) if is_open => write_nested(&object.to_json(), depth + 1, place, out),
        Value::List(_) => scalar("[]", place, out),
        Value::Dict(_) => scalar("{}", place, out),
        v => {
            if place == Place::AfterKey {
                out.push(b' ');
            }
            write_scalar(v, out);
            out.push(b'\n');
        }
    }
}

/// Lists are not indented below their key.
fn write_list(items: &[Value], depth: usize, place: Place, out: &mut Vec<u8>) {
    let depth = if place == Place::AfterKey { depth - 1 } else { depth };
    for (i, item) in items.iter().enumerate() {
        match place {
            Place::AfterKey if i == 0 => new_line(depth, out),
            _ if i > 0 => indent(depth, out),
            _ => {}
        }
        out.extend_from_slice(b"- ");
        write_nested(item, depth + 1, Place::AfterDash, out);
    }
}

fn new_line(depth: usize, out: &mut Vec<u8>) {
    out.push(b'\n');
    indent(depth, out);
}

fn indent(depth: usize, out: &mut Vec<u8>) {
    out.resize(out.len() + depth * 2, b' ');
}

fn scalar(text: &str, place: Place, out: &mut Vec<u8>) {
    if place == Place::AfterKey {
        out.push(b' ');
    }
    out.extend_from_slice(text.as_bytes());
    out.push(b'\n');
}

fn write_scalar(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null | Value::Query(_) | Value::Expr(_) => out.extend_from_slice(b"null"),
        Value::Bool(_) | Value::Int(_) | Value::UInt(_) => out.extend_from_slice(&to_text(value)),
        Value::Float(f) if f.is_nan() => out.extend_from_slice(b".nan"),
        Value::Float(f) if f.is_infinite() => {
            out.extend_from_slice(if *f > 0.0 { b".inf" } else { b"-.inf" })
        }
        Value::Float(_) => out.extend_from_slice(&to_text(value)),
        Value::Time(t) => out.extend_from_slice(to_rfc3339(*t).as_bytes()),
        v => write_text(&to_text(v).to_str_lossy(), out),
    }
}

/// Text, in quotes when it would read as something else without.
fn write_text(text: &str, out: &mut Vec<u8>) {
    if is_plain(text) {
        out.extend_from_slice(text.as_bytes());
    } else {
        // A JSON string is a YAML string.
        crate::json::write_string(text.as_bytes(), out);
    }
}

fn is_plain(text: &str) -> bool {
    const WORDS: &[&str] = &["null", "true", "false", "yes", "no", "on", "off", "y", "n", "~"];
    let Some(first) = text.chars().next() else { return false };
    let starts_well = first.is_alphabetic() || matches!(first, '_' | '/');
    let is_text =
        text.chars().all(|c| !c.is_control() && c != '\u{feff}' && !matches!(c, '\u{2028}' | '\u{2029}'));
    starts_well
        && is_text
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !WORDS.iter().any(|w| w.eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value::{Int, Null};

    #[test]
    fn documents() {
        let text = |s: &str| Value::text(s);
        let list = |items: &[Value]| Value::list(items.to_vec());
        for (value, wanted) in [
            (Int(5), "5\n"),
            (Null, "null\n"),
            (text("plain text"), "plain text\n"),
            (text("yes"), "\"yes\"\n"),
            (text("5"), "\"5\"\n"),
            (text("a: b"), "\"a: b\"\n"),
            (text(""), "\"\"\n"),
            (list(&[]), "[]\n"),
            (list(&[Int(1), list(&[Int(2), Int(3)])]), "- 1\n- - 2\n  - 3\n"),
            (
                Value::dict([
                    ("a", Int(1)),
                    ("b", list(&[text("x"), Value::dict([("c", Int(2)), ("d", list(&[Int(3)]))])])),
                    ("e", Value::dict([("f", Value::dict([]))])),
                ]),
                "a: 1\nb:\n- x\n- c: 2\n  d:\n  - 3\ne:\n  f: {}\n",
            ),
        ] {
            let mut out = Vec::new();
            write(&value, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), wanted);
        }
    }
}
