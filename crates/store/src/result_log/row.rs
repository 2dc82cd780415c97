//! A logged line as it is stored.

use std::borrow::Cow;
use std::io::Write as _;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::name::bare;
use crate::event::{MAX_ROW, Row};

/// A stored row.
#[derive(Debug, Deserialize)]
pub struct Stored<'a> {
    /// When it was received, in seconds since 1970.
    #[serde(rename = "_ts")]
    seconds: f64,
    /// The host whose agent sent it.
    pub host_id: u32,
    /// The name of the query, as the line has it.
    #[serde(borrow, default)]
    pub name: Option<Cow<'a, str>>,
    /// The line, unchanged.
    #[serde(borrow)]
    pub line: &'a RawValue,
}

impl<'a> Stored<'a> {
    /// Reads a row.
    pub fn parse(row: &'a [u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(row)
    }

    /// When it was received, in microseconds since 1970.
    pub fn received(&self) -> i64 {
        (self.seconds * 1e6).round() as i64
    }
}

/// Makes a row of a line, which is the text of a JSON object without line breaks. None when it is too long to be stored.
pub fn encode(host_id: u32, received: i64, line: &str) -> Option<Row> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        name: Option<&'a RawValue>,
    }
    // Only a text is a name; a line with two names has none.
    let named = serde_json::from_str::<Named<'_>>(line).ok();
    let name = named.and_then(|named| named.name).map(RawValue::get).filter(|name| name.starts_with('"'));
    let mut row = Vec::with_capacity(line.len() + name.map_or(0, str::len) + 80);
    let (seconds, rest) = (received.div_euclid(1_000_000), received.rem_euclid(1_000_000));
    // Writing to memory does not fail.
    let _ = write!(row, "{{\"_ts\":{seconds}.{rest:06},\"host_id\":{host_id},");
    if let Some(name) = name {
        let _ = write!(row, "\"name\":{name},");
    }
    let _ = write!(row, "\"line\":{line}}}");
    (row.len() <= MAX_ROW).then(|| row.into())
}

/// The key of rows of a host, of a query, or of both.
pub fn key(host: Option<u32>, query: Option<&str>) -> Vec<u8> {
    let mut key = Vec::with_capacity(6 + query.map_or(0, str::len));
    key.push(u8::from(host.is_some()) + 2 * u8::from(query.is_some()));
    if let Some(host) = host {
        key.extend(host.to_le_bytes());
    }
    key.extend(query.unwrap_or_default().as_bytes());
    key
}

/// The keys of a stored row.
pub fn keys(row: &[u8], add: &mut dyn FnMut(&[u8])) {
    let Ok(stored) = Stored::parse(row) else { return };
    add(&key(Some(stored.host_id), None));
    if let Some(name) = &stored.name {
        add(&key(None, Some(bare(name))));
        add(&key(Some(stored.host_id), Some(bare(name))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_back_as_it_was_and_its_name_counts_when_it_is_a_text() {
        for (line, name) in [
            (r#"{"b" : 1.0, "name":"pack/x/\u00fc","hostIdentifier":"of another"}"#, Some("pack/x/ü")),
            (r#"{"name":7,"a":{"name":"x"}}"#, None),
            (r#"{"name":null}"#, None),
            (r#"{"name":"a","name":"b"}"#, None),
            ("{}", None),
        ] {
            let row = encode(12, 1_790_000_000_123_456, line).unwrap();
            let stored = Stored::parse(&row).unwrap();
            assert_eq!((stored.host_id, stored.received()), (12, 1_790_000_000_123_456));
            assert_eq!((stored.line.get(), stored.name.as_deref()), (line, name));
        }
        assert!(encode(1, 0, &format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_ROW))).is_none());
    }

    #[test]
    fn keys_of_hosts_and_queries_differ() {
        let mut found = Vec::new();
        keys(&encode(1, 0, r#"{"name":"pack/p/q"}"#).unwrap(), &mut |key| found.push(key.to_vec()));
        assert_eq!(found, [key(Some(1), None), key(None, Some("q")), key(Some(1), Some("q"))]);
        found.dedup();
        assert_eq!(found.len(), 3);
    }
}
