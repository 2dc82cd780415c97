//! Reading a `Set-Cookie` line.

use jiff::fmt::rfc2822::DateTimeParser;
use vql::value::Time;

use super::Cookie;

/// The cookie of a line; `None` when it names none.
pub fn parse(line: &[u8]) -> Option<Cookie> {
    let line = String::from_utf8_lossy(line);
    let line = line.trim();
    let mut parts = line.split(';').map(str::trim);
    let (name, value) = parts.next()?.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() || !name.bytes().all(is_token) {
        return None;
    }
    let inner = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
    let value_text = inner.unwrap_or(value);
    // What would end a header, or begin another cookie, is not sent back.
    if !value_text.bytes().all(|b| matches!(b, 0x20..=0x7e) && !matches!(b, b'"' | b';' | b'\\')) {
        return None;
    }
    let mut cookie = Cookie {
        name: name.to_owned(),
        value: value_text.to_owned(),
        quoted: inner.is_some(),
        raw: line.to_owned(),
        ..Cookie::default()
    };
    parts.filter(|part| !part.is_empty()).for_each(|part| attribute(&mut cookie, part));
    Some(cookie)
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn attribute(cookie: &mut Cookie, part: &str) {
    let (name, value) = part.split_once('=').unwrap_or((part, ""));
    let value = value.trim();
    match name.trim().to_ascii_lowercase().as_str() {
        "samesite" => {
            cookie.same_site = match value.to_ascii_lowercase().as_str() {
                "lax" => 2,
                "strict" => 3,
                "none" => 4,
                _ => 1,
            }
        }
        "secure" => cookie.secure = true,
        "httponly" => cookie.http_only = true,
        "partitioned" => cookie.partitioned = true,
        "domain" => cookie.domain = value.to_owned(),
        "path" => cookie.path = value.to_owned(),
        "max-age" => match value.parse::<i64>() {
            Ok(0) => cookie.max_age = -1,
            Ok(seconds) => cookie.max_age = seconds.max(-1),
            Err(_) => cookie.unparsed.push(part.to_owned()),
        },
        "expires" => {
            cookie.raw_expires = value.to_owned();
            cookie.expires = date(value);
        }
        _ => cookie.unparsed.push(part.to_owned()),
    }
}

/// `Wed, 21 Oct 2015 07:28:00 GMT`, also with dashes in the date.
fn date(text: &str) -> Option<Time> {
    let text = text.replace('-', " ");
    DateTimeParser::new().parse_timestamp(&text).ok()
}
