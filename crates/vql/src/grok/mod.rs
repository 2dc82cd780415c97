//! Grok: regular expressions put together from named patterns, `%{IP:client} %{NUMBER:bytes:int}`.
//!
//! [`library`] holds the patterns that everybody knows by name, written for a matcher without look-around.

mod library;

use std::collections::HashMap;

use regex::bytes::Regex;

use crate::call::Error;
use crate::schema::Name;
use crate::text::Text;
use crate::value::regex::{Haystack, compile};
use crate::value::{Row, Value};

/// How deep patterns may refer to one another, and how long the expression they come to may be.
const MAX_DEPTH: usize = 30;
const MAX_LENGTH: usize = 256 << 10;

/// A grok expression, compiled.
pub struct Grok {
    regex: Regex,
    /// In the order of their groups.
    captures: Vec<Capture>,
}

struct Capture {
    group: usize,
    name: Name,
    kind: Kind,
}

/// What the text of a capture becomes.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Int,
    Float,
}

impl Grok {
    /// Compiles an expression; `own` patterns come before those of the library.
    pub fn compile(source: &str, own: &HashMap<String, String>, all_captures: bool) -> Result<Self, Error> {
        let mut expansion =
            Expansion { own, all_captures, text: String::new(), captures: Vec::new(), depth: 0 };
        expansion.expand(source)?;
        let regex = compile(expansion.text.as_bytes(), false).map_err(|e| Error::new(e.to_string()))?;
        let mut captures = Vec::new();
        for (group, name) in regex.capture_names().enumerate() {
            let Some(name) = name else { continue };
            let ours = name.strip_prefix(OWN_GROUP).and_then(|n| n.parse::<usize>().ok());
            let (name, kind) = match ours.and_then(|n| expansion.captures.get(n)) {
                Some((name, kind)) => (name.as_str(), *kind),
                None => (name, Kind::Text),
            };
            captures.push(Capture { group, name: Name::new(name), kind });
        }
        captures.sort_by(|a, b| a.name.as_str().cmp(b.name.as_str()));
        Ok(Grok { regex, captures })
    }

    /// What the captures of the first match hold, by name; nothing when nothing matches.
    pub fn parse(&self, text: &[u8]) -> Row {
        let haystack = Haystack::new(text);
        let mut row = Row::default();
        let Some(found) = self.regex.captures(&haystack.text) else { return row };
        for capture in &self.captures {
            let text = found.get(capture.group).map(|m| haystack.original(m.range()));
            // Of several captures of one name, the one that took part counts.
            if text.is_none_or(<[u8]>::is_empty) && row.get(&capture.name).is_some() {
                continue;
            }
            row.replace(&capture.name, capture.kind.value(text.unwrap_or_default()));
        }
        row
    }
}

impl Kind {
    fn value(self, text: &[u8]) -> Value {
        let number = str::from_utf8(text).unwrap_or_default().trim();
        let converted = match self {
            Kind::Text => None,
            Kind::Int => number.parse().ok().map(Value::Int),
            Kind::Float => number.parse().ok().map(Value::Float),
        };
        converted.unwrap_or_else(|| Value::Text(Text::from(text)))
    }
}

/// The groups made for `%{PATTERN:name}`: names may hold characters that those of groups may not.
const OWN_GROUP: &str = "grok_capture_";

struct Expansion<'a> {
    own: &'a HashMap<String, String>,
    all_captures: bool,
    text: String,
    captures: Vec<(String, Kind)>,
    depth: usize,
}

impl Expansion<'_> {
    fn expand(&mut self, source: &str) -> Result<(), Error> {
        if self.depth > MAX_DEPTH {
            return Err("the patterns refer to one another without end".into());
        }
        let mut rest = source;
        while let Some(start) = rest.find("%{") {
            let Some(length) = rest[start..].find('}') else { break };
            self.push(&rest[..start])?;
            self.reference(&rest[start + 2..start + length])?;
            rest = &rest[start + length + 1..];
        }
        self.push(rest)
    }

    fn push(&mut self, text: &str) -> Result<(), Error> {
        if self.text.len() + text.len() > MAX_LENGTH {
            return Err("the expression is too long".into());
        }
        self.text.push_str(text);
        Ok(())
    }

    /// `PATTERN`, `PATTERN:name` or `PATTERN:name:type`.
    fn reference(&mut self, reference: &str) -> Result<(), Error> {
        let mut parts = reference.splitn(3, ':');
        let pattern = parts.next().unwrap_or_default();
        let name = parts.next().filter(|name| !name.is_empty());
        let kind = match parts.next() {
            Some("int" | "long") => Kind::Int,
            Some("float" | "double") => Kind::Float,
            _ => Kind::Text,
        };
        let body = match self.own.get(pattern) {
            Some(body) => body.as_str(),
            None => {
                library::find(pattern).ok_or_else(|| Error::new(format!("no pattern is named {pattern}")))?
            }
        };
        match name.or_else(|| self.all_captures.then_some(pattern)) {
            Some(name) => {
                self.push(&format!("(?P<{OWN_GROUP}{}>", self.captures.len()))?;
                self.captures.push((name.to_owned(), kind));
            }
            None => self.push("(?:")?,
        }
        self.depth += 1;
        self.expand(body)?;
        self.depth -= 1;
        self.push(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::convert::to_text;

    fn shown(source: &str, text: &str, all: bool) -> String {
        let grok = Grok::compile(source, &HashMap::new(), all).unwrap();
        to_text(&grok.parse(text.as_bytes()).into()).to_str_lossy().into_owned()
    }

    #[test]
    fn every_pattern_of_the_library_compiles() {
        for (name, _) in library::PATTERNS {
            Grok::compile(&format!("%{{{name}:x}}"), &HashMap::new(), false)
                .unwrap_or_else(|e| panic!("{name}: {e}"));
        }
        assert!(library::PATTERNS.is_sorted(), "the library is searched by halves");
    }

    #[test]
    fn well_known_lines() {
        for (source, text, wanted) in [
            (
                "%{IP:client} %{WORD:method} %{URIPATHPARAM:request} %{NUMBER:bytes:int} %{NUMBER:duration:float}",
                "55.3.244.1 GET /index.html 15824 0.043",
                r#"{"bytes":15824,"client":"55.3.244.1","duration":0.043,"method":"GET","request":"/index.html"}"#,
            ),
            (
                "%{COMMONAPACHELOG}",
                r#"127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326"#,
                r#"{"auth":"frank","bytes":"2326","clientip":"127.0.0.1","httpversion":"1.0","ident":"-","rawrequest":"","request":"/apache_pb.gif","response":"200","timestamp":"10/Oct/2000:13:55:36 -0700","verb":"GET"}"#,
            ),
            (
                "%{SYSLOGLINE}",
                "Nov  1 10:00:00 host sshd[123]: Accepted password for root from 10.0.0.1 port 22 ssh2",
                r#"{"facility":"","logsource":"host","message":"Accepted password for root from 10.0.0.1 port 22 ssh2","pid":"123","priority":"","program":"sshd","timestamp":"Nov  1 10:00:00","timestamp8601":""}"#,
            ),
            (
                "%{TIMESTAMP_ISO8601:t} %{LOGLEVEL:l} %{GREEDYDATA:m}",
                "2024-05-01T10:00:00.123Z ERROR it broke",
                r#"{"l":"ERROR","m":"it broke","t":"2024-05-01T10:00:00.123Z"}"#,
            ),
            ("%{IPV6:a}", "x fe80::1%eth0 y", r#"{"a":"fe80::1%eth0"}"#),
            (
                "%{MAC:a} %{UUID:b}",
                "00:11:22:aa:bb:cc 123e4567-e89b-12d3-a456-426614174000",
                r#"{"a":"00:11:22:aa:bb:cc","b":"123e4567-e89b-12d3-a456-426614174000"}"#,
            ),
            ("%{QS:q}", r#"say "a \" b" now"#, r#"{"q":"\"a \\\" b\""}"#),
            ("%{PATH:p} %{WINPATH:w}", "/usr/bin/x C:\\a\\b.txt", r#"{"p":"/usr/bin/x","w":"C:\\a\\b.txt"}"#),
            (
                "%{URI:u}",
                "see https://user@example.com:8443/a?b=1 here",
                r#"{"port":"8443","u":"https://user@example.com:8443/a?b=1"}"#,
            ),
            ("%{EMAILADDRESS:e}", "to joe.doe+x@example.org.", r#"{"e":"joe.doe+x@example.org"}"#),
            ("(?P<plain>\\d+) %{INT}", "5 6", r#"{"plain":"5"}"#),
            ("%{IP:a}", "none", "{}"),
        ] {
            assert_eq!(shown(source, text, false), wanted, "{source}");
        }
        assert_eq!(shown("%{INT} %{WORD:w}", "5 x", true), r#"{"INT":"5","w":"x"}"#);
    }

    #[test]
    fn endless_patterns_are_refused() {
        let own = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(n, p)| ((*n).to_owned(), (*p).to_owned())).collect::<HashMap<_, _>>()
        };
        assert!(Grok::compile("%{A}", &own(&[("A", "%{B}"), ("B", "%{A}")]), false).is_err());
        let doubled: Vec<(String, String)> =
            (0..29).map(|i| (format!("P{i}"), format!("%{{P{0}}}%{{P{0}}}", i + 1))).collect();
        let mut doubled: HashMap<String, String> = doubled.into_iter().collect();
        doubled.insert("P29".into(), "x".into());
        assert!(Grok::compile("%{P0}", &doubled, false).is_err());
        assert!(Grok::compile("%{NOSUCH}", &HashMap::new(), false).is_err());
    }
}
