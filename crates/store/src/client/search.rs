//! Searching clients: `label:web`, `host:db*`, `ip:192.0.2.*`, or the start of a host name or an id.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use super::Client;

/// What can be asked for by name.
const FIELDS: &[&str] = &["client", "host", "label", "mac", "ip"];

/// What to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Search {
    All,
    /// All, those seen last first.
    Recent,
    /// `field:pattern` in lower case; `*` stands for any text.
    Field(String),
    /// The start of a host name or an id, in lower case.
    Start(String),
}

/// What an index entry has to look like.
#[derive(Clone, Debug)]
pub enum Term<'a> {
    /// `field:pattern`.
    Field(&'a str),
    /// A pattern for hosts and ids.
    Start(&'a str),
}

impl Search {
    /// Reads a search as people write it. Nothing at all means all.
    pub fn parse(text: &str) -> Self {
        let text = text.trim().to_lowercase();
        if matches!(text.as_str(), "" | "all" | "*") {
            return Search::All;
        }
        match text.split_once(':') {
            Some(("recent", _)) => Search::Recent,
            Some((field, pattern)) if FIELDS.contains(&field) => {
                Search::Field(format!("{field}:{}", pattern.trim()))
            }
            _ => Search::Start(text),
        }
    }

    pub(super) fn term(&self) -> Option<Term<'_>> {
        match self {
            Search::All | Search::Recent => None,
            Search::Field(text) => Some(Term::Field(text)),
            Search::Start(text) => Some(Term::Start(text)),
        }
    }
}

/// The terms that a client is found by.
pub fn terms(client: &Client) -> BTreeSet<Box<str>> {
    let uname = &client.os_info;
    let mut terms = BTreeSet::new();
    let mut add = |field: &str, text: &str| {
        if !text.is_empty() {
            terms.insert(format!("{field}:{}", text.to_lowercase()).into_boxed_str());
        }
    };
    add("client", &client.client_id);
    add("host", &uname.hostname);
    add("host", &uname.fqdn);
    add("ip", without_port(&client.last_ip));
    client.labels.iter().for_each(|label| add("label", label));
    uname.mac_addresses.iter().for_each(|mac| add("mac", mac));
    terms
}

/// `192.0.2.7` of `192.0.2.7:51234`, `2001:db8::1` of `[2001:db8::1]:51234`.
fn without_port(address: &str) -> &str {
    if let Some(rest) = address.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    match address.split_once(':') {
        Some((host, port)) if !port.contains(':') => host,
        _ => address,
    }
}

/// The ids of clients that a term finds, in order.
pub fn matching<'a>(index: &'a BTreeSet<(Box<str>, Arc<str>)>, term: Term<'_>) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    match term {
        Term::Field(pattern) => scan(index, pattern, &mut found),
        Term::Start(start) => {
            for field in ["client", "host"] {
                scan(index, &format!("{field}:{start}*"), &mut found);
            }
        }
    }
    found
}

/// Looks at the entries that start as the pattern does before its first `*`.
fn scan<'a>(index: &'a BTreeSet<(Box<str>, Arc<str>)>, pattern: &str, found: &mut BTreeSet<&'a str>) {
    let literal = pattern.split('*').next().unwrap_or_default();
    let from: (Box<str>, Arc<str>) = (literal.into(), "".into());
    for (term, id) in index.range((Bound::Included(from), Bound::Unbounded)) {
        if !term.starts_with(literal) {
            break;
        }
        if fits(term, pattern) {
            found.insert(id);
        }
    }
}

/// Whether the text is what the pattern says. Pieces between `*` are found one after another, the first at the
/// start and the last at the end, in time linear in both.
fn fits(text: &str, pattern: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return text == pattern };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in middle.split('*').filter(|piece| !piece.is_empty()) {
        match text.find(piece) {
            None => return false,
            Some(at) => text = &text[at + piece.len()..],
        }
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_text() {
        for (text, pattern, wanted) in [
            ("host:web", "host:web", true),
            ("host:web1", "host:web", false),
            ("host:web1", "host:web*", true),
            ("host:web1.example.com", "host:*.com", true),
            ("host:web1.example.com", "host:w*ex*m", true),
            ("host:web1.example.com", "host:w*org", false),
            ("host:aba", "host:aba*aba", false),
            ("host:x", "host:**", true),
        ] {
            assert_eq!(fits(text, pattern), wanted, "{text} {pattern}");
        }
    }

    #[test]
    fn ports_are_not_part_of_an_address() {
        for (text, wanted) in [
            ("192.0.2.7:5", "192.0.2.7"),
            ("192.0.2.7", "192.0.2.7"),
            ("[2001:db8::1]:5", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("", ""),
        ] {
            assert_eq!(without_port(text), wanted);
        }
    }
}
