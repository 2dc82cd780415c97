//! CSV cells: text to typed values and back (builtins page, section 2.1).

use crate::base64;
use crate::json::{self, JsonOptions};
use crate::text::Text;
use crate::value::{Value, convert};

/// The value a cell stands for. Leading white space outside quotes has been trimmed before.
pub fn read_cell(cell: &[u8]) -> Value {
    match cell {
        b"true" => return Value::Bool(true),
        b"false" => return Value::Bool(false),
        [b' ', rest @ ..] => return Value::Text(Text::from(rest)),
        [b'{' | b'[', ..] => {
            if let Ok(value) = json::parse(cell) {
                return value;
            }
        }
        _ => {}
    }
    if let Some(encoded) = cell.strip_prefix(b"base64:")
        && let Ok(bytes) = base64::decode(encoded)
    {
        return Value::Bytes(bytes.into());
    }
    read_number(cell).unwrap_or_else(|| Value::Text(Text::from(cell)))
}

fn read_number(cell: &[u8]) -> Option<Value> {
    if !cell.first().is_some_and(|c| c.is_ascii_digit() || matches!(c, b'-' | b'+' | b'.')) {
        return None;
    }
    if let Some(int) = convert::parse_int(cell) {
        return Some(Value::Int(int));
    }
    let text = std::str::from_utf8(cell).ok()?;
    let looks_like = |c: u8| c.is_ascii_digit() || matches!(c, b'.' | b'-' | b'+' | b'e' | b'E');
    let float = text.parse::<f64>().ok().filter(|f| f.is_finite() && cell.iter().all(|c| looks_like(*c)))?;
    Some(Value::Float(float))
}

/// Appends a cell, quoted where needed, so that reading it gives the same value.
pub fn write_cell(value: &Value, out: &mut Vec<u8>) {
    let cell = match value {
        Value::Null => return,
        Value::Text(t) => escaped(t),
        Value::Bytes(t) => {
            let mut cell = b"base64:".to_vec();
            base64::encode(t, true, &mut cell);
            cell
        }
        Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_) => {
            return convert::write_text(value, out);
        }
        Value::Path(p) => escaped(&p.text()),
        v => {
            let mut cell = Vec::new();
            json::write_value(v, &mut cell, &JsonOptions::default());
            cell
        }
    };
    write_field(&cell, out);
}

/// Text that would be read as something else gets a leading space.
fn escaped(text: &[u8]) -> Vec<u8> {
    let is_plain = matches!(read_cell(text), Value::Text(read) if *read == *text);
    if is_plain { text.to_vec() } else { [b" ", text].concat() }
}

/// Appends a field; quotes it when it holds a separator, a quote, a line end or starts with white space.
pub fn write_field(field: &[u8], out: &mut Vec<u8>) {
    let needs_quotes = field.iter().any(|c| matches!(c, b',' | b'"' | b'\n' | b'\r'))
        || field.first().is_some_and(u8::is_ascii_whitespace)
        || field == b"\\.";
    if !needs_quotes {
        return out.extend_from_slice(field);
    }
    out.push(b'"');
    for c in field {
        if *c == b'"' {
            out.push(b'"');
        }
        out.push(*c);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_typed() {
        for (cell, wanted) in [
            ("true", "Bool(true)"),
            ("True", "Text(\"True\")"),
            ("12", "Int(12)"),
            ("-0x10", "Int(-16)"),
            ("1.5", "Float(1.5)"),
            ("1e3", "Float(1000.0)"),
            ("1.2.3", "Text(\"1.2.3\")"),
            ("-inf", "Text(\"-inf\")"),
            ("nan", "Text(\"nan\")"),
            ("", "Text(\"\")"),
            (" 12", "Text(\"12\")"),
            ("base64:YWI=", "Bytes(\"ab\")"),
            ("base64:!", "Text(\"base64:!\")"),
            ("[1,2]", "List([Int(1), Int(2)])"),
            ("[1,2", "Text(\"[1,2\")"),
            ("{\"a\":1}", "Dict({\"a\": Int(1)})"),
        ] {
            assert_eq!(format!("{:?}", read_cell(cell.as_bytes())), wanted, "{cell}");
        }
    }

    #[test]
    fn cells_come_back() {
        for (value, wanted) in [
            (Value::Null, ""),
            (Value::text("plain"), "plain"),
            (Value::text("12"), "\" 12\""),
            (Value::text("a,b"), "\"a,b\""),
            (Value::text("a\"b"), "\"a\"\"b\""),
            (Value::text(" a"), "\"  a\""),
            (Value::Int(5), "5"),
            (Value::Float(0.5), "0.5"),
            (Value::Bool(true), "true"),
            (Value::list(vec![Value::Int(1), Value::text("x")]), "\"[1,\"\"x\"\"]\""),
            (Value::Time(crate::time::ZERO), "\"\"\"0001-01-01T00:00:00Z\"\"\""),
        ] {
            let mut out = Vec::new();
            write_cell(&value, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), wanted);
        }
    }
}
