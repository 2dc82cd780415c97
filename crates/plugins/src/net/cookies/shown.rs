//! Cookies as values of the language.

use vql::value::{Time, Value, convert};

use super::Cookie;

/// What a time that was not given looks like: the beginning of the year 1.
const ZERO: i64 = -62_135_596_800;

/// A cookie as a dict.
pub fn value(cookie: &Cookie) -> Value {
    let expires = cookie.expires.or_else(|| Time::from_second(ZERO).ok());
    let unparsed = cookie.unparsed.iter().map(|part| Value::from(part.as_str())).collect();
    Value::dict([
        ("Name", cookie.name.as_str().into()),
        ("Value", cookie.value.as_str().into()),
        ("Quoted", cookie.quoted.into()),
        ("Path", cookie.path.as_str().into()),
        ("Domain", cookie.domain.as_str().into()),
        ("Expires", expires.map_or(Value::Null, Value::Time)),
        ("RawExpires", cookie.raw_expires.as_str().into()),
        ("MaxAge", cookie.max_age.into()),
        ("Secure", cookie.secure.into()),
        ("HttpOnly", cookie.http_only.into()),
        ("SameSite", cookie.same_site.into()),
        ("Partitioned", cookie.partitioned.into()),
        ("Raw", cookie.raw.as_str().into()),
        ("Unparsed", if cookie.unparsed.is_empty() { Value::Null } else { Value::list(unparsed) }),
    ])
}

/// The cookies of a list of such dicts; what is none is left out.
pub fn list(value: &Value) -> Vec<Cookie> {
    match value {
        Value::List(items) => items.iter().filter_map(cookie).collect(),
        one => cookie(one).into_iter().collect(),
    }
}

fn cookie(value: &Value) -> Option<Cookie> {
    let Value::Dict(dict) = value else { return None };
    let text = |name: &str| match dict.get_str(name) {
        Some(Value::Text(text)) => text.to_str_lossy().into_owned(),
        _ => String::new(),
    };
    let truth = |name: &str| matches!(dict.get_str(name), Some(Value::Bool(true)));
    let number = |name: &str| dict.get_str(name).and_then(|v| convert::to_int_arg(&v)).unwrap_or(0);
    let expires = match dict.get_str("Expires") {
        Some(Value::Time(time)) => Some(time),
        Some(Value::Text(text)) => text.to_str_lossy().parse().ok(),
        _ => None,
    };
    let name = text("Name");
    // Such a name or value would change the header it is sent in.
    let is_clean = |s: &str| s.bytes().all(|b| matches!(b, 0x20..=0x7e) && b != b';');
    (!name.is_empty() && is_clean(&name) && is_clean(&text("Value"))).then(|| Cookie {
        name,
        value: text("Value"),
        quoted: truth("Quoted"),
        path: text("Path"),
        domain: text("Domain"),
        expires: expires.filter(|time: &Time| time.as_second() > ZERO),
        raw_expires: text("RawExpires"),
        max_age: number("MaxAge"),
        secure: truth("Secure"),
        http_only: truth("HttpOnly"),
        same_site: number("SameSite"),
        partitioned: truth("Partitioned"),
        raw: text("Raw"),
        unparsed: match dict.get_str("Unparsed") {
            Some(Value::List(items)) => {
                items.iter().map(|v| convert::to_text(v).to_str_lossy().into_owned()).collect()
            }
            _ => Vec::new(),
        },
    })
}
