//! `url()`: builds a URL, or parses one (builtins page, section 1.9).

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::schema::Name;
use crate::value::convert::to_text_arg;
use crate::value::{Object, Row, Value};

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "url",
        doc: "Builds a URL, or parses one.",
        category: Category::Parsers,
        args: &[
            Arg::optional("scheme", Type::Str, "As in https."),
            Arg::optional("host", Type::Str, "The host, with its port if any."),
            Arg::optional("path", Type::Str, "The path."),
            Arg::optional("fragment", Type::Str, "What follows the #."),
            Arg::optional("query", Type::Any, "The query: text, or a dict of values or lists of values."),
            Arg::optional("parse", Type::Str, "A URL to parse."),
        ],
        version: 2,
        examples: &[
            Example::new(
                "Parse",
                "url(parse='https://example.com:8443/a%20b?x=1&x=2#top').Path",
                r#""/a b""#,
            ),
            Example::new(
                "The query as a dict",
                "url(parse='http://h/?x=1&y=a+b&x=2').Query",
                r#"{"x":["1","2"],"y":["a b"]}"#,
            ),
            Example::new(
                "Build",
                "url(scheme='https', host='example.com', path='/a b', query=dict(q='x y')).String",
                r#""https://example.com/a%20b?q=x+y""#,
            ),
            Example::new(
                "All members",
                "url(parse='http://h/p')",
                r#"{"Scheme":"http","Opaque":"","User":null,"Host":"h","Path":"/p","RawPath":"","OmitHost":false,"ForceQuery":false,"RawQuery":"","Fragment":"","RawFragment":""}"#,
            ),
            Example::new("Bad text", "url(parse='http://a b/')", "false"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::False,
    run: FunctionBody::Plain(run),
};

const SCHEME: usize = 0;
const HOST: usize = 1;
const PATH: usize = 2;
const FRAGMENT: usize = 3;
const QUERY: usize = 4;
const PARSE: usize = 5;

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let url = match args.optional_text(PARSE)? {
        Some(text) => Url::parse(&text.to_str_lossy())?,
        None => Url {
            scheme: args.string(SCHEME)?,
            host: args.string(HOST)?,
            path: args.string(PATH)?,
            fragment: args.string(FRAGMENT)?,
            raw_query: query_text(&args.scope.listed(args.value(QUERY))),
            ..Url::default()
        },
    };
    Ok(Value::Object(Arc::new(url)))
}

/// A query argument as text: a dict is encoded, sorted by key.
fn query_text(query: &Value) -> String {
    let Value::Dict(dict) = query else { return to_text_arg(query).to_str_lossy().into_owned() };
    let row = dict.snapshot();
    let mut pairs: Vec<(&str, &Value)> = row.iter().map(|(name, value)| (name.as_str(), value)).collect();
    pairs.sort_by_key(|(name, _)| *name);
    let mut parts = Vec::new();
    for (name, value) in pairs {
        let values = match value {
            Value::List(items) => &items[..],
            one => std::slice::from_ref(one),
        };
        for value in values {
            let value = to_text_arg(value);
            parts.push(format!("{}={}", escape(name.as_bytes(), Part::Query), escape(&value, Part::Query)));
        }
    }
    parts.join("&")
}

/// A URL in its parts, decoded unless the name says raw.
#[derive(Debug, Default)]
struct Url {
    scheme: String,
    opaque: String,
    user: Option<String>,
    host: String,
    path: String,
    raw_path: String,
    raw_query: String,
    force_query: bool,
    omit_host: bool,
    fragment: String,
    raw_fragment: String,
}

impl Url {
    fn parse(text: &str) -> Result<Self, Error> {
        let failed = |why: &str| Error::new(format!("parse {text:?}: {why}"));
        if text.bytes().any(|c| c < 0x20 || c == 0x7f) {
            return Err(failed("invalid control character in URL"));
        }
        let mut url = Url::default();
        let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
        url.fragment = unescape(fragment).ok_or_else(|| failed("invalid URL escape"))?;
        if escape(url.fragment.as_bytes(), Part::Fragment) != fragment {
            url.raw_fragment = fragment.to_owned();
        }
        let (scheme, rest) = split_scheme(rest).ok_or_else(|| failed("missing protocol scheme"))?;
        url.scheme = scheme.to_ascii_lowercase();
        let (mut rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        url.raw_query = query.to_owned();
        url.force_query = query.is_empty() && text.split('#').next().is_some_and(|t| t.ends_with('?'));
        if !rest.starts_with('/') && !url.scheme.is_empty() {
            url.opaque = rest.to_owned();
            return Ok(url);
        }
        if let Some(after) = rest.strip_prefix("//")
            && (!url.scheme.is_empty() || !rest.starts_with("///"))
        {
            let end = after.find('/').unwrap_or(after.len());
            url.read_authority(&after[..end]).ok_or_else(|| failed("invalid character in host name"))?;
            rest = &after[end..];
            url.omit_host = false;
        } else if !url.scheme.is_empty() && rest.starts_with('/') {
            url.omit_host = true;
        }
        url.path = unescape(rest).ok_or_else(|| failed("invalid URL escape"))?;
        if escape(url.path.as_bytes(), Part::Path) != rest {
            url.raw_path = rest.to_owned();
        }
        Ok(url)
    }

    /// `user:password@host:port`
    fn read_authority(&mut self, text: &str) -> Option<()> {
        let host = match text.rsplit_once('@') {
            Some((user, host)) => {
                self.user = Some(user.to_owned());
                host
            }
            None => text,
        };
        let allowed =
            |c: char| c.is_ascii_alphanumeric() || "-_.~!$&'()*+,;=:[]%\"<>".contains(c) || !c.is_ascii();
        if !host.chars().all(allowed) {
            return None;
        }
        let (_, port) = host
            .rsplit_once(']')
            .or_else(|| host.rsplit_once(':').map(|(h, _)| (h, &host[h.len()..])))
            .unwrap_or(("", ""));
        if !port.is_empty() && !port.strip_prefix(':')?.bytes().all(|c| c.is_ascii_digit()) {
            return None;
        }
        self.host = host.to_owned();
        Some(())
    }

    fn text(&self) -> String {
        let mut out = String::new();
        if !self.scheme.is_empty() {
            out.push_str(&self.scheme);
            out.push(':');
        }
        if !self.opaque.is_empty() {
            out.push_str(&self.opaque);
        } else {
            let has_authority = !self.host.is_empty() || self.user.is_some();
            let has_empty_host = !self.scheme.is_empty() && !self.omit_host && !self.path.is_empty();
            if has_authority || has_empty_host {
                out.push_str("//");
            }
            if let Some(user) = &self.user {
                out.push_str(user);
                out.push('@');
            }
            out.push_str(&self.host);
            let path = encoded(&self.raw_path, &self.path, Part::Path);
            if !path.is_empty() && !path.starts_with('/') && !self.host.is_empty() {
                out.push('/');
            }
            out.push_str(&path);
        }
        if self.force_query || !self.raw_query.is_empty() {
            out.push('?');
            out.push_str(&self.raw_query);
        }
        if !self.fragment.is_empty() {
            out.push('#');
            out.push_str(&encoded(&self.raw_fragment, &self.fragment, Part::Fragment));
        }
        out
    }

    /// Names to lists of values, sorted by name; pairs that do not decode are left out.
    fn query(&self) -> Value {
        let mut values: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for pair in self.raw_query.split('&').filter(|p| !p.is_empty() && !p.contains(';')) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decode = |text: &str| unescape(&text.replace('+', " "));
            if let (Some(name), Some(value)) = (decode(name), decode(value)) {
                values.entry(name).or_default().push(value.into());
            }
        }
        let mut row = Row::default();
        for (name, list) in values {
            row.replace(&Name::new(&name), Value::list(list));
        }
        row.into()
    }
}

/// The scheme and the rest; `None` when the text starts with a colon.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    for (at, c) in text.char_indices() {
        match c {
            'a'..='z' | 'A'..='Z' => {}
            '0'..='9' | '+' | '-' | '.' if at > 0 => {}
            ':' => return (at > 0).then(|| (&text[..at], &text[at + 1..])),
            _ => break,
        }
    }
    Some(("", text))
}

/// The raw form where it is one, else the decoded form encoded.
fn encoded(raw: &str, decoded: &str, part: Part) -> String {
    let is_valid = |c: u8| c.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:@[]%/?".contains(&c);
    if !raw.is_empty() && raw.bytes().all(is_valid) {
        raw.to_owned()
    } else {
        escape(decoded.as_bytes(), part)
    }
}

fn unescape(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((c, after)) = rest.split_first() {
        rest = after;
        if *c != b'%' {
            out.push(*c);
            continue;
        }
        let hex = |at: usize| char::from(*after.get(at)?).to_digit(16);
        out.push((hex(0)? * 16 + hex(1)?) as u8);
        rest = &after[2..];
    }
    Some(String::from_utf8_lossy(&out).into_owned())
}

/// Where text goes: other characters stand for themselves.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Path,
    Query,
    Fragment,
}

fn escape(text: &[u8], part: Part) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text {
        let plain: &[u8] = match part {
            Part::Path => b"-_.~$&+,/:;=@",
            Part::Query => b"-_.~",
            Part::Fragment => b"-_.~$&+,/:;=?@!()*",
        };
        match c {
            c if c.is_ascii_alphanumeric() || plain.contains(c) => out.push(char::from(*c)),
            b' ' if part == Part::Query => out.push('+'),
            c => out.push_str(&format!("%{c:02X}")),
        }
    }
    out
}

const MEMBERS: &[&str] = &[
    "Scheme",
    "Opaque",
    "User",
    "Host",
    "Path",
    "RawPath",
    "OmitHost",
    "ForceQuery",
    "RawQuery",
    "Fragment",
    "RawFragment",
];

impl Object for Url {
    fn type_name(&self) -> &'static str {
        "*url.URL"
    }

    fn member(&self, name: &str) -> Option<Value> {
        let text = |t: &String| Some(Value::from(t.as_str()));
        match name {
            "Scheme" => text(&self.scheme),
            "Opaque" => text(&self.opaque),
            "User" => Some(self.user.as_deref().into()),
            "Host" => text(&self.host),
            "Path" => text(&self.path),
            "RawPath" => text(&self.raw_path),
            "OmitHost" => Some(self.omit_host.into()),
            "ForceQuery" => Some(self.force_query.into()),
            "RawQuery" => text(&self.raw_query),
            "Fragment" => text(&self.fragment),
            "RawFragment" => text(&self.raw_fragment),
            "String" => Some(self.text().into()),
            "Query" => Some(self.query()),
            "Hostname" => Some(hostname(&self.host).into()),
            "Port" => Some(port(&self.host).into()),
            _ => None,
        }
    }

    fn members(&self) -> Vec<Name> {
        MEMBERS.iter().map(|m| Name::new(m)).collect()
    }

    fn to_text(&self) -> Option<String> {
        Some(self.text())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn hostname(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|h| h.split_once(']')) {
        Some((address, _)) => address,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

fn port(host: &str) -> &str {
    let after = host.rsplit_once(']').map_or(host, |(_, after)| after);
    after.rsplit_once(':').map_or("", |(_, port)| port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_come_back() {
        for text in [
            "http://example.com/",
            "https://user:pass@example.com:8443/a/b?x=1#frag",
            "mailto:someone@example.com",
            "/only/path?q",
            "file:///etc/passwd",
            "http://[::1]:80/",
            "http://h/a%2Fb",
            "//host/path",
            "http://h?",
            "a b",
        ] {
            let wanted = text.replace(' ', "%20");
            assert_eq!(Url::parse(text).unwrap().text(), wanted, "{text}");
        }
        for text in ["http://h/%zz", "http://a b/", ":foo", "http://h:port/", "a\nb"] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
        let url = Url::parse("http://[::1]:80/").unwrap();
        assert_eq!((hostname(&url.host), port(&url.host)), ("::1", "80"));
    }
}
