//! Writes configuration files: keys in the order of the type, PEM texts as block scalars, unset values left
//! out. Readers of the published API expect this look; general YAML writers quote PEM.

use serde::Serialize;
use serde_json::{Map, Value};

/// The text of a configuration.
pub fn to_string(config: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut out = String::new();
    if let Value::Object(map) = serde_json::to_value(config)? {
        write_map(&mut out, &map, 0);
    }
    Ok(out)
}

fn write_map(out: &mut String, map: &Map<String, Value>, depth: usize) {
    for (key, value) in map.iter().filter(|(_, value)| is_set(value)) {
        indent(out, depth);
        out.push_str(key);
        out.push(':');
        write_value(out, value, depth);
    }
}

/// Whether a value differs from what readers assume anyway.
fn is_set(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Bool(true) | Value::Object(_) => true,
    }
}

fn write_value(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(map) if map.values().any(is_set) => {
            out.push('\n');
            write_map(out, map, depth + 1);
        }
        Value::Object(_) => out.push_str(" {}\n"),
        Value::Array(list) => {
            out.push('\n');
            for item in list {
                indent(out, depth);
                // JSON is YAML, so whatever is deeper keeps its meaning.
                out.push_str(&format!("- {}\n", item.as_str().map_or_else(|| item.to_string(), scalar)));
            }
        }
        Value::String(text) if is_block(text) => {
            out.push_str(if text.ends_with('\n') { " |\n" } else { " |-\n" });
            for line in text.lines() {
                indent(out, depth + 1);
                out.push_str(line);
                out.push('\n');
            }
        }
        Value::String(text) => out.push_str(&format!(" {}\n", scalar(text))),
        other => out.push_str(&format!(" {other}\n")),
    }
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n("  ", depth));
}

/// Only plain lines can go into a block scalar as they are.
fn is_block(text: &str) -> bool {
    let is_plain = |c: char| c == '\n' || c == ' ' || c.is_ascii_graphic();
    text.trim_end().contains('\n')
        && text.chars().all(is_plain)
        && !text.starts_with([' ', '\n'])
        && !text.ends_with("\n\n")
}

/// A string on one line: bare when nothing in it could mean anything else, otherwise quoted.
fn scalar(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@:=".contains(c);
    let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(is_plain)
        && !text.ends_with(':');
    let is_reserved = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"]
        .iter()
        .any(|w| w.eq_ignore_ascii_case(text));
    // `127.0.0.1` and `127.0.0.1:8001` are neither numbers nor times to any reader.
    let is_address =
        text.matches('.').count() == 3 && text.chars().all(|c| c.is_ascii_digit() || ".:".contains(c));
    if (is_word && !is_reserved) || (is_address && !text.ends_with(':')) {
        return text.to_owned();
    }
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_look_is_the_published_one() {
        let config = json!({
            "A": {"key": "-----BEGIN X-----\nabc\n-----END X-----\n", "port": 8001, "none": "", "zero": 0},
            "empty": {}, "missing": null, "list": ["https://localhost:8000/", "12"],
            "address": "127.0.0.1:8001", "name": "Fred", "odd": "yes", "number": "017", "text": "a: #b\n",
        });
        let want = "A:\n  key: |\n    -----BEGIN X-----\n    abc\n    -----END X-----\n  port: 8001\nempty: {}\n\
            list:\n- https://localhost:8000/\n- \"12\"\naddress: 127.0.0.1:8001\nname: Fred\nodd: \"yes\"\n\
            number: \"017\"\ntext: \"a: #b\\n\"\n";
        assert_eq!(to_string(&config).unwrap(), want);
    }

    #[test]
    fn every_string_is_read_back_as_it_was() {
        for text in [
            "a",
            "",
            "1e3",
            "0x1",
            "~",
            "null",
            "a b",
            "é",
            "a\nb",
            "a\n\n",
            " a\nb",
            "\"",
            "- a",
            "2026-01-01",
        ] {
            let written = to_string(&json!({"k": [text], "j": {"x": text}})).unwrap();
            let read: Value = serde_saphyr::from_str(&written).unwrap();
            assert_eq!(read["k"][0], text, "{written}");
            assert_eq!(read["j"]["x"].as_str().unwrap_or_default(), text, "{written}");
        }
    }
}
