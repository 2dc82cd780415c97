//! Printing and escaping.

use super::{Call, Function, MANY, Made, function};
use crate::printf::{self, Format};
use crate::template::{MAX_OUTPUT, print};
use crate::text::Text;
use crate::value::Value;
use crate::value::convert::as_text;

pub const FUNCTIONS: &[Function] = &[
    function("print", 0, MANY, |call| {
        let text = spaced(call)?;
        call.made(text)
    }),
    function("println", 0, MANY, |call| {
        let mut text = joined(call, |_, _| true)?;
        text.push(b'\n');
        call.made(text)
    }),
    function("printf", 1, MANY, formatted),
    function("html", 0, MANY, |call| {
        let (text, mut out) = (spaced(call)?, Vec::new());
        print::escape_html(&text, &mut out);
        call.made(out)
    }),
    function("js", 0, MANY, |call| {
        let text = spaced(call)?;
        call.made(escaped_js(&String::from_utf8_lossy(&text)))
    }),
    function("urlquery", 0, MANY, |call| {
        let text = spaced(call)?;
        call.made(escaped_query(&text))
    }),
];

/// The arguments as text, with a space between two that are no text.
fn spaced(call: &mut Call<'_, '_>) -> Result<Vec<u8>, String> {
    joined(call, |a, b| as_text(a).is_none() && as_text(b).is_none())
}

fn joined(call: &mut Call<'_, '_>, is_apart: fn(&Value, &Value) -> bool) -> Result<Vec<u8>, String> {
    let args = std::mem::take(&mut call.args);
    let mut out = Vec::new();
    for (i, value) in args.iter().enumerate() {
        if i > 0 && is_apart(&args[i - 1], value) {
            out.push(b' ');
        }
        out.extend_from_slice(&call.show(value)?);
        if out.len() > MAX_OUTPUT {
            break;
        }
    }
    Ok(out)
}

fn formatted(call: &mut Call<'_, '_>) -> Made {
    let format = Format::compile(&Text::from(&*call.text(0)?));
    let args = std::mem::take(&mut call.args);
    let mut values = Vec::with_capacity(args.len());
    for value in &args[1..] {
        values.push(match value {
            Value::Null | Value::Dict(_) | Value::Object(_) => Value::Text(call.show(value)?),
            Value::List(_) => {
                call.show(value)?;
                value.clone()
            }
            other => other.clone(),
        });
    }
    call.made(printf::format(&format, &values))
}

fn escaped_js(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' | '\0'..='\x1f' => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

fn escaped_query(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(*byte))
            }
            b' ' => out.push('+'),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
