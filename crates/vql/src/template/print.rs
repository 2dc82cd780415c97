//! Values as text, as Go prints them.

use std::cmp::Ordering;
use std::sync::LazyLock;

use super::MAX_OUTPUT;
use crate::printf::{self, Format};
use crate::schema::Name;
use crate::text::Text;
use crate::value::{Value, convert};

/// How deep lists and dicts are printed.
const MAX_DEPTH: usize = 100;

/// How many values one printed value may hold: they may hold each other many times over.
const MAX_ITEMS: usize = 2_000_000;

static FLOAT: LazyLock<Format> = LazyLock::new(|| Format::compile(&Text::from("%g")));

/// The text of a value; `None` when there would be too much of it.
pub fn text(value: &Value) -> Option<Text> {
    match value {
        Value::Text(text) | Value::Bytes(text) => Some(text.clone()),
        value => {
            let mut out = Vec::new();
            write(value, &mut out, 0, &mut { MAX_ITEMS }).then(|| out.into())
        }
    }
}

fn write(value: &Value, out: &mut Vec<u8>, depth: usize, left: &mut usize) -> bool {
    *left = left.saturating_sub(1);
    match value {
        Value::Null => out.extend_from_slice(b"<nil>"),
        Value::List(_) | Value::Dict(_) if depth >= MAX_DEPTH => return false,
        Value::List(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                out.extend_from_slice(if i == 0 { b"" } else { b" " });
                if !write(item, out, depth + 1, left) {
                    return false;
                }
            }
            out.push(b']');
        }
        Value::Dict(dict) => {
            out.extend_from_slice(b"map[");
            let row = dict.snapshot();
            let mut pairs: Vec<_> = row.iter().collect();
            pairs.sort_by(by_name);
            for (i, (name, value)) in pairs.into_iter().enumerate() {
                out.extend_from_slice(if i == 0 { b"" } else { b" " });
                out.extend_from_slice(name.as_str().as_bytes());
                out.push(b':');
                if !write(value, out, depth + 1, left) {
                    return false;
                }
            }
            out.push(b']');
        }
        Value::Float(_) => out.extend_from_slice(&printf::format(&FLOAT, std::slice::from_ref(value))),
        other => convert::write_text(other, out),
    }
    out.len() <= MAX_OUTPUT && *left > 0
}

/// Go's maps have no order: they are gone through by their keys.
pub fn by_name(a: &(&Name, &Value), b: &(&Name, &Value)) -> Ordering {
    a.0.as_str().cmp(b.0.as_str())
}

/// Text for use in the text and the quoted attributes of HTML, as `html` escapes it.
pub fn escape_html(text: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        match byte {
            b'"' => out.extend_from_slice(b"&#34;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            0 => out.extend_from_slice("\u{fffd}".as_bytes()),
            byte => out.push(*byte),
        }
    }
}

/// Whether a value counts as true: not the empty one of its type.
pub fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(b) => *b,
        Value::Int(i) => *i != 0,
        Value::UInt(u) => *u != 0,
        Value::Float(f) => *f != 0.0,
        Value::Text(text) | Value::Bytes(text) => !text.is_empty(),
        Value::List(items) => !items.is_empty(),
        Value::Dict(dict) => !dict.is_empty(),
        _ => true,
    }
}
