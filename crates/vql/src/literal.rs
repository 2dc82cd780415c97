//! What literals mean: numbers, strings with escapes, names in back-ticks.
//!
//! Source: language reference, sections 2.1 to 2.3. The lexer has settled where a literal ends; this module
//! turns its spelling into a value.

use std::borrow::Cow;

/// A number as read: integer where it fits, float otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    Int(i64),
    Float(f64),
}

/// Reads a number with C-like prefixes. `None` if not even a float can hold it (`1e999`).
pub fn number(text: &str) -> Option<Number> {
    if let Some(value) = integer(text) {
        return Some(Number::Int(value));
    }
    let (negative, digits) = split_sign(text);
    let size = match digits.strip_prefix("0x") {
        Some(hex) => hex.bytes().fold(0.0, |sum, b| sum * 16.0 + f64::from(hex_value(b).unwrap_or(0))),
        None => digits.parse().ok()?,
    };
    f64::is_finite(size).then_some(Number::Float(if negative { -size } else { size }))
}

fn integer(text: &str) -> Option<i64> {
    let (negative, digits) = split_sign(text);
    let (digits, radix) = match digits.as_bytes() {
        [b'0', b'x', ..] => (&digits[2..], 16),
        [b'0', _, ..] => (&digits[1..], 8),
        _ => (digits, 10),
    };
    // Read with the sign, or the smallest integer would not fit.
    if negative {
        i64::from_str_radix(&format!("-{digits}"), radix).ok()
    } else {
        i64::from_str_radix(digits, radix).ok()
    }
}

fn split_sign(text: &str) -> (bool, &str) {
    text.strip_prefix('-').map_or((false, text), |rest| (true, rest))
}

fn hex_value(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|d| d as u8)
}

/// The bytes of a quoted literal, given with its quotes. Raw strings take no escapes.
pub fn string(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    if let Some(raw) = text.strip_prefix("'''").and_then(|t| t.strip_suffix("'''")) {
        return raw.as_bytes().to_vec();
    }
    unescape(&bytes[1..bytes.len() - 1])
}

fn unescape(mut rest: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(rest.len());
    while let Some(slash) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..slash]);
        rest = &rest[slash + 1..];
        let Some((&code, after)) = rest.split_first() else { return out };
        rest = after;
        match code {
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'x' | b'X' => {
                // Too short to be an escape: the reference drops what is left.
                let [high, low, ..] = *rest else { return out };
                if let (Some(high), Some(low)) = (hex_value(high), hex_value(low)) {
                    out.push(high << 4 | low);
                    rest = &rest[2..];
                } else {
                    out.extend_from_slice(&[b'\\', code]);
                }
            }
            other => out.push(other),
        }
    }
    out.extend_from_slice(rest);
    out
}

/// What a name means: without back-ticks, Go-like escapes decoded. Takes the spelling without a leading minus.
pub fn name(text: &str) -> Cow<'_, str> {
    let Some(inner) = text.strip_prefix('`') else { return Cow::Borrowed(text) };
    let inner = inner.strip_suffix('`').unwrap_or(inner);
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    // `\x` escapes make bytes, so characters are only put together at the end.
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(slash) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..slash]);
        rest = &rest[slash..];
        let length = go_escape(rest, &mut out).unwrap_or_else(|| {
            // Not an escape Go knows: the text stays as it is.
            out.push(b'\\');
            1
        });
        rest = &rest[length..];
    }
    out.extend_from_slice(rest.as_bytes());
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// Decodes one Go escape at the start of `text`; returns its length.
fn go_escape(text: &str, out: &mut Vec<u8>) -> Option<usize> {
    let code = *text.as_bytes().get(1)?;
    let plain = match code {
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        b'\\' | b'\'' | b'"' => code,
        b'x' => return digits(text, 2, 2, 16).map(|(byte, length)| (out.push(byte as u8), length).1),
        b'u' => return character(digits(text, 2, 4, 16)?, out),
        b'U' => return character(digits(text, 2, 8, 16)?, out),
        b'0'..=b'3' => return digits(text, 1, 3, 8).map(|(byte, length)| (out.push(byte as u8), length).1),
        _ => return None,
    };
    out.push(plain);
    Some(2)
}

/// The number written by `count` digits from `start`, and where they end.
fn digits(text: &str, start: usize, count: usize, radix: u32) -> Option<(u32, usize)> {
    let digits = text.get(start..start + count)?;
    let all_digits = digits.bytes().all(|b| char::from(b).is_digit(radix));
    all_digits.then(|| u32::from_str_radix(digits, radix).ok()).flatten().map(|n| (n, start + count))
}

fn character((code, length): (u32, usize), out: &mut Vec<u8>) -> Option<usize> {
    let c = char::from_u32(code)?;
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_c_prefixes_then_fall_back_to_floats() {
        use Number::{Float, Int};
        let cases = [
            ("0", Int(0)),
            ("00", Int(0)),
            ("-0", Int(0)),
            ("7", Int(7)),
            ("-1", Int(-1)),
            ("0x1F", Int(31)),
            ("-0x10", Int(-16)),
            ("010", Int(8)),
            ("-010", Int(-8)),
            ("089", Float(89.0)),
            ("09", Float(9.0)),
            ("1e3", Float(1000.0)),
            ("1E+3", Float(1000.0)),
            ("25e-1", Float(2.5)),
            (".5", Float(0.5)),
            ("-.5", Float(-0.5)),
            ("010.5", Float(10.5)),
            ("9223372036854775807", Int(i64::MAX)),
            ("-9223372036854775808", Int(i64::MIN)),
            ("9223372036854775808", Float(9_223_372_036_854_775_808.0)),
            ("0x7fffffffffffffff", Int(i64::MAX)),
            ("0x10000000000000000", Float(18_446_744_073_709_551_616.0)),
        ];
        for (text, want) in cases {
            assert_eq!(number(text), Some(want), "{text}");
        }
        assert_eq!(number("1e999"), None);
    }

    #[test]
    fn string_escapes_follow_the_table() {
        let cases: &[(&str, &[u8])] = &[
            (r#""""#, b""),
            (r#"'a"b'"#, b"a\"b"),
            (r#""\n\r\t\\\'\"""#, b"\n\r\t\\'\""),
            (r#""\x41\X4a\xff""#, b"AJ\xff"),
            (r#""\xZZ!""#, br"\xZZ!"),
            (r#""\X4Z""#, br"\X4Z"),
            (r#""ab\x""#, b"ab"),
            (r#""ab\x4""#, b"ab"),
            (r#""\d\u0041\.""#, b"du0041."),
            ("\"\\é\"", "é".as_bytes()),
            ("'two\nlines'", b"two\nlines"),
            (r"'''no \n escapes'''", br"no \n escapes"),
            ("''''''", b""),
            ("'''it's'''", b"it's"),
        ];
        for (text, want) in cases {
            assert_eq!(string(text), *want, "{text}");
        }
        assert_eq!(unescape(b"end\\"), b"end", "a backslash at the very end is dropped");
    }

    #[test]
    fn back_ticked_names_decode_go_escapes() {
        let cases = [
            ("plain", "plain"),
            ("`a b.c`", "a b.c"),
            (r"`\n\x41\u00e9`", "\nAé"),
            (r"`\U0001F600\101`", "😀A"),
            (r"`\xc3\xa9`", "é"),
            (r#"`\a\b\f\r\t\v\\\'\"`"#, "\u{7}\u{8}\u{c}\r\t\u{b}\\'\""),
            (r"`\d\u12`", r"\d\u12"),
            (r"`\uD800`", r"\uD800"),
            (r"`C:\x`", r"C:\x"),
        ];
        for (text, want) in cases {
            assert_eq!(name(text), want, "{text}");
        }
    }
}
