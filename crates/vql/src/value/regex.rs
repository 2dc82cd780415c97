//! `=~` (reference, section 7.9): patterns in RE2 syntax, run by the `regex` crate.
//!
//! Both engines agree on meaning, less so on spelling: RE2 has `\Q…\E` and octal escapes, its `\d`, `\w`, `\s` and
//! `\b` are ASCII only, and `{` may be plain text. `translate` rewrites a pattern, refusing what RE2 refuses.

use std::borrow::Cow;
use std::ops::Range;

pub use regex::bytes::Regex;
use regex::bytes::{Captures, RegexBuilder};

use crate::call::Error;
use crate::text::Text;
use crate::value::convert::MAX_TEXT;
use crate::value::{Value, convert};

mod translate;

use translate::{MAX_REPEAT, translate};

/// The largest compiled program, in bytes.
const MAX_SIZE: usize = 32 << 20;

/// Compiles a pattern.
pub fn compile(pattern: &[u8], ignore_case: bool) -> Result<Regex, Error> {
    let text = std::str::from_utf8(pattern).map_err(|_| Error::new("invalid UTF-8"))?;
    let failed = |e: regex::Error| {
        let message = e.to_string();
        Error::new(message.lines().last().unwrap_or_default().trim_start_matches("error: "))
    };
    RegexBuilder::new(&translate(text)?)
        .case_insensitive(ignore_case)
        .nest_limit(MAX_REPEAT)
        .size_limit(MAX_SIZE)
        .build()
        .map_err(failed)
}

/// One text for several patterns, to keep their compiled form under.
pub fn key_of(patterns: &[Text]) -> Text {
    match patterns {
        [one] => one.clone(),
        many => many.iter().map(|p| &**p).collect::<Vec<_>>().join(&0).into(),
    }
}

/// Patterns that match every target, NULL included.
pub fn is_match_all(pattern: &[u8]) -> bool {
    matches!(pattern, b"" | b"." | b".*")
}

/// Whether a value matches, by its type.
pub fn matches(value: &Value, regex: &Regex) -> bool {
    nested(value, regex, 0, &mut 1_000_000)
}

/// `budget` bounds how many lists are looked into: they may hold each other many times over.
fn nested(value: &Value, regex: &Regex, depth: usize, budget: &mut u32) -> bool {
    match value {
        Value::Text(t) | Value::Bytes(t) => is_match(regex, t),
        Value::List(items) => {
            *budget = budget.saturating_sub(1);
            depth < convert::MAX_DEPTH
                && *budget > 0
                && items.iter().any(|item| nested(item, regex, depth + 1, budget))
        }
        Value::Null | Value::Bool(_) | Value::Query(_) | Value::Rows(_) | Value::Expr(_) => false,
        v => is_match(regex, &convert::to_text(v)),
    }
}

/// Whether a pattern is found in text.
pub fn is_match(regex: &Regex, text: &[u8]) -> bool {
    regex.is_match(&Haystack::new(text).text)
}

/// Text to search. Each byte that is not UTF-8 is searched as U+FFFD, so that `.` and `[^x]` match it.
pub struct Haystack<'t> {
    /// What is searched.
    pub text: Cow<'t, [u8]>,
    original: &'t [u8],
    /// Where in `text` the replaced bytes are.
    replaced: Vec<usize>,
}

impl<'t> Haystack<'t> {
    pub fn new(original: &'t [u8]) -> Self {
        if std::str::from_utf8(original).is_ok() {
            return Haystack { text: Cow::Borrowed(original), original, replaced: Vec::new() };
        }
        let mut text = Vec::with_capacity(original.len() * 2);
        let mut replaced = Vec::new();
        for chunk in original.utf8_chunks() {
            text.extend_from_slice(chunk.valid().as_bytes());
            for _ in chunk.invalid() {
                replaced.push(text.len());
                text.extend_from_slice("\u{fffd}".as_bytes());
            }
        }
        Haystack { text: Cow::Owned(text), original, replaced }
    }

    /// The bytes of the original at a place in `text`.
    pub fn original(&self, found: Range<usize>) -> &'t [u8] {
        &self.original[self.place(found.start)..self.place(found.end)]
    }

    fn place(&self, at: usize) -> usize {
        at - 2 * self.replaced.partition_point(|r| *r < at)
    }
}

/// A match found in a text.
pub struct Found<'a, 't> {
    haystack: &'a Haystack<'t>,
    groups: Captures<'a>,
}

impl<'t> Found<'_, 't> {
    /// The text of a group, 0 for the whole match; `None` if there is no such group or it took no part.
    pub fn original(&self, group: usize) -> Option<&'t [u8]> {
        self.groups.get(group).map(|g| self.haystack.original(g.range()))
    }

    fn named(&self, name: &[u8]) -> Option<&'t [u8]> {
        let name = std::str::from_utf8(name).ok()?;
        match name.parse() {
            Ok(number) => self.original(number),
            Err(_) => self.groups.name(name).map(|g| self.haystack.original(g.range())),
        }
    }

    /// Appends a replacement: `$1`, `${1}`, `$name` and `${name}` insert groups, `$$` a dollar. A name without
    /// braces takes as many characters as it can. A group that is not there is empty.
    pub fn expand(&self, replacement: &[u8], out: &mut Vec<u8>) {
        let mut rest = replacement;
        while let Some(at) = memchr::memchr(b'$', rest) {
            out.extend_from_slice(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(b"$") {
                out.push(b'$');
                rest = after;
                continue;
            }
            match group_name(rest) {
                Some((name, after)) => {
                    out.extend_from_slice(self.named(name).unwrap_or_default());
                    rest = after;
                }
                None => out.push(b'$'),
            }
        }
        out.extend_from_slice(rest);
    }
}

/// The name after a `$`, and what follows it.
fn group_name(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (inner, has_braces) = match text.strip_prefix(b"{") {
        Some(inner) => (inner, true),
        None => (text, false),
    };
    let len = inner.iter().take_while(|c| c.is_ascii_alphanumeric() || **c == b'_').count();
    let (name, after) = inner.split_at(len);
    let after = if has_braces { after.strip_prefix(b"}")? } else { after };
    (len > 0).then_some((name, after))
}

/// Replaces every match by what `replace` appends.
pub fn replace_all(
    text: &Text,
    regex: &Regex,
    replace: &mut dyn FnMut(&Found<'_, '_>, &mut Vec<u8>),
) -> Result<Text, Error> {
    let haystack = Haystack::new(text);
    let mut out = Vec::new();
    let mut start = 0;
    for groups in regex.captures_iter(&haystack.text) {
        let Some(whole) = groups.get(0).map(|g| g.range()) else { continue };
        out.extend_from_slice(haystack.original(start..whole.start));
        start = whole.end;
        replace(&Found { haystack: &haystack, groups }, &mut out);
        if out.len() > MAX_TEXT {
            return Err("the text is too long".into());
        }
    }
    if out.is_empty() && start == 0 {
        return Ok(text.clone());
    }
    out.extend_from_slice(haystack.original(start..haystack.text.len()));
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused() {
        for pattern in [
            "a**",
            "a+*",
            "a??+",
            "a*{2}",
            "*",
            "(*)",
            "a|*",
            "(?i)*",
            "a{1001}",
            "a{3,2}",
            "(",
            ")",
            "a)",
            "[",
            "[a",
            "[]",
            r"\",
            r"\8",
            r"\1",
            r"\y",
            r"\u0041",
            r"\Z",
            r"\C",
            r"\x4",
            r"\x{110000}",
            r"\x{}",
            "(?=a)",
            "(?!a)",
            "(?<=a)",
            "(?x)a",
            "(?#c)",
            "(?P=n)",
            "(?P<>a)",
            "(?P<a-b>c)",
            "(?P<n>a)(?P<n>b)",
            "[z-a]",
            "[a-\\d]",
            "[[:foo:]]",
            r"\p{",
            r"\p",
            r"\pX",
            "(?",
            "(?P",
            "((((\\w{1000}){1000}){1000}){1000})",
        ] {
            assert!(compile(pattern.as_bytes(), true).is_err(), "{pattern}");
        }
        assert!(compile(b"\xff", true).is_err());
        assert!(compile("(".repeat(100_000).as_bytes(), true).is_err());
    }

    #[test]
    fn meaning() {
        for (pattern, text, wanted) in [
            ("ABC", "xabcx", true),
            ("^b", "abc", false),
            (r"^\d$", "٣", false),
            (r"^\w$", "é", false),
            (r"^\w$", "\u{212a}", false),
            (r"^.$", "é", true),
            (r"é", "É", true),
            (r"\bcafe\b", "cafeé", true),
            (r"^\s$", "\u{b}", false),
            ("a.b", "a\nb", false),
            ("(?s)a.b", "a\nb", true),
            ("a$", "a\n", false),
            ("(?m)a$", "a\nb", true),
            (r"a\z", "a", true),
            (r"\Q.*\E", ".*", true),
            (r"[[:upper:]]", "a", true),
            (r"(?-i)[[:upper:]]", "a", false),
            ("a{,2}", "a{,2}", true),
            ("", "", true),
        ] {
            let regex = compile(pattern.as_bytes(), true).unwrap();
            assert_eq!(is_match(&regex, text.as_bytes()), wanted, "{text} =~ {pattern}");
        }
        assert!(!is_match(&compile(b"ABC", false).unwrap(), b"abc"));
    }

    #[test]
    fn bytes_that_are_not_utf8_match_a_dot() {
        let regex = compile(b"^a(.)b[^x]$", true).unwrap();
        let text = b"a\xffb\xe2";
        assert!(is_match(&regex, text));
        let haystack = Haystack::new(text);
        let found = regex.captures(&haystack.text).unwrap();
        assert_eq!(haystack.original(found.get(1).unwrap().range()), b"\xff");
        assert_eq!(haystack.original(found.get(0).unwrap().range()), text);
    }

    #[test]
    fn types_of_targets() {
        let regex = compile(b"^1|true|Null|a\"", true).unwrap();
        for (value, wanted) in [
            (Value::text("12"), true),
            (Value::text("2"), false),
            (Value::Int(12), true),
            (Value::Float(1.5), true),
            (Value::Null, false),
            (Value::Bool(true), false),
            (Value::list(vec![Value::Int(2), Value::list(vec![Value::Int(1)])]), true),
            (Value::list(vec![]), false),
            (Value::dict([("a", Value::Int(5))]), true),
        ] {
            assert_eq!(matches(&value, &regex), wanted, "{value:?}");
        }
        assert!(is_match_all(b".") && is_match_all(b".*") && is_match_all(b"") && !is_match_all(b".+"));
    }
}
