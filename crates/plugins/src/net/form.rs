//! Parameters as text: `a=1&b=x+y`.

use std::collections::BTreeMap;
use std::fmt::Write;

use vql::text::Text;
use vql::value::{Row, Value, convert};

/// The texts of one parameter: of a list its elements that are text, of NULL none.
pub fn values(value: &Value) -> Vec<Text> {
    match value {
        Value::Null => Vec::new(),
        Value::List(items) => {
            let text = |v: &Value| matches!(v, Value::Text(_) | Value::Bytes(_)).then(|| convert::to_text(v));
            items.iter().filter_map(text).collect()
        }
        value => vec![convert::to_text(value)],
    }
}

/// Parameters by name, form-encoded.
pub fn encode(params: &Row) -> String {
    let sorted: BTreeMap<&str, Vec<Text>> =
        params.iter().map(|(name, value)| (name.as_str(), values(value))).collect();
    let mut out = String::new();
    for (name, values) in sorted {
        for value in values {
            if !out.is_empty() {
                out.push('&');
            }
            escape(name.as_bytes(), &mut out);
            out.push('=');
            escape(&value, &mut out);
        }
    }
    out
}

/// Form escaping: a blank becomes `+`, and all but letters, digits and `-_.~` becomes `%XX`.
pub fn escape(text: &[u8], out: &mut String) {
    for &byte in text {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_lists_repeat_them() {
        let list = Value::list(vec!["x".into(), Value::Int(5), "y z".into()]);
        let params = Value::dict([
            ("b", list),
            ("a", Value::Int(1)),
            ("n", Value::Null),
            ("ü~*", Value::from("a&b=c/+ü")),
            ("t", Value::Bool(true)),
        ]);
        let Value::Dict(params) = params else { unreachable!() };
        assert_eq!(encode(&params.snapshot()), "a=1&b=x&b=y+z&t=true&%C3%BC~%2A=a%26b%3Dc%2F%2B%C3%BC");
    }
}
