//! `semver()`: parses a semantic version, which compares by its order (builtins page, section 4.1).

use std::any::Any;
use std::cmp::Ordering;
use std::sync::Arc;

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::schema::Name;
use crate::value::{Object, Value};

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "semver",
        doc: "Parses a semantic version, which compares by its order.",
        category: Category::Parsers,
        args: &[Arg::required("version", Type::Str, "The version.")],
        version: 1,
        examples: &[
            Example::new(
                "Its parts",
                "semver(version='v1.2.3-rc1')",
                r#"{"Major":1,"Minor":2,"Patch":3,"Prerelease":"rc1","Version":"1.2.3-rc1"}"#,
            ),
            Example::new("Order", "semver(version='1.10.0') > '1.9'", "true"),
            Example::new(
                "Pre-releases come first",
                "semver(version='2.0.0-beta') < semver(version='2.0.0')",
                "true",
            ),
            Example::new("Bad text", "semver(version='one')", "null"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let text = args.text(0)?;
    let version = Version::parse(&text.to_str_lossy()).ok_or("invalid semantic version")?;
    Ok(Value::Object(Arc::new(version)))
}

#[derive(Debug, PartialEq, Eq)]
struct Version {
    numbers: [u64; 3],
    prerelease: String,
    metadata: String,
}

impl Version {
    /// Missing numbers are 0; a leading `v` is skipped.
    fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let (text, metadata) = text.split_once('+').unwrap_or((text, ""));
        let (core, prerelease) = text.split_once('-').unwrap_or((text, ""));
        let is_word = |t: &str| t.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'.');
        if !is_word(prerelease) || !is_word(metadata) || core.split('.').count() > 3 {
            return None;
        }
        let mut numbers = [0; 3];
        for (number, part) in numbers.iter_mut().zip(core.split('.')) {
            if !part.bytes().all(|c| c.is_ascii_digit()) {
                return None;
            }
            *number = part.parse().ok()?;
        }
        Some(Version { numbers, prerelease: prerelease.to_owned(), metadata: metadata.to_owned() })
    }

    fn text(&self) -> String {
        let [major, minor, patch] = self.numbers;
        let mut text = format!("{major}.{minor}.{patch}");
        for (mark, part) in [('-', &self.prerelease), ('+', &self.metadata)] {
            if !part.is_empty() {
                text.push(mark);
                text.push_str(part);
            }
        }
        text
    }

    fn order(&self, other: &Version) -> Ordering {
        let (a, b) = (&self.prerelease, &other.prerelease);
        self.numbers.cmp(&other.numbers).then_with(|| match (a.is_empty(), b.is_empty()) {
            (true, _) | (_, true) => a.is_empty().cmp(&b.is_empty()),
            _ => order_prereleases(a, b),
        })
    }
}

/// Part by part: numbers by value and before words.
fn order_prereleases(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        let (x, y) = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, _) => return Ordering::Less,
            (_, None) => return Ordering::Greater,
            (Some(x), Some(y)) => (x, y),
        };
        let order = match (x.parse::<u64>(), y.parse::<u64>()) {
            (Ok(x), Ok(y)) => x.cmp(&y),
            (Ok(_), _) => Ordering::Less,
            (_, Ok(_)) => Ordering::Greater,
            _ => x.cmp(y),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

impl Object for Version {
    fn type_name(&self) -> &'static str {
        "*semver.Version"
    }

    fn member(&self, name: &str) -> Option<Value> {
        let number = |at: usize| Some(Value::Int(i64::try_from(self.numbers[at]).unwrap_or(i64::MAX)));
        match name {
            "Major" => number(0),
            "Minor" => number(1),
            "Patch" => number(2),
            "Prerelease" => Some(self.prerelease.as_str().into()),
            "Version" | "String" => Some(self.text().into()),
            _ => None,
        }
    }

    fn members(&self) -> Vec<Name> {
        ["Major", "Minor", "Patch", "Prerelease", "Version"].map(Name::new).to_vec()
    }

    fn to_text(&self) -> Option<String> {
        Some(self.text())
    }

    fn compare(&self, other: &Value) -> Option<Ordering> {
        match other {
            Value::Object(o) => Some(self.order(o.as_any().downcast_ref()?)),
            Value::Text(text) => Some(self.order(&Version::parse(&text.to_str_lossy())?)),
            _ => None,
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_in_order() {
        let versions =
            ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-2.x", "1.0.0", "1.0.1", "1.2", "2"];
        let mut sorted = versions.map(|v| Version::parse(v).unwrap());
        sorted.sort_by(Version::order);
        let sorted = sorted.map(|v| v.text());
        let wanted = [
            "1.0.0-2.x",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0",
            "1.0.1",
            "1.2.0",
            "2.0.0",
        ];
        assert_eq!(sorted, wanted);
        for text in ["", "a", "1.2.3.4", "1..2", "1.2.3-ä", "-1", "1.+2"] {
            assert!(Version::parse(text).is_none(), "{text}");
        }
    }
}
