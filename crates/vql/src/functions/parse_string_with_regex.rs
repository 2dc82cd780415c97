//! `parse_string_with_regex()`: extracts the groups of every match of some regular expressions, ignoring case (builtins page, section 1.1).

use ::regex::bytes::Regex;

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::schema::Name;
use crate::text::Text;
use crate::value::regex::{self, Haystack};
use crate::value::{Row, Value};

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "parse_string_with_regex",
        doc: "Extracts the groups of every match of some regular expressions, ignoring case.",
        category: Category::Parsers,
        args: &[
            Arg::required("string", Type::Str, "The text."),
            Arg::required(
                "regex",
                Type::StrList,
                "Regular expressions; groups without a name are called g1, g2 and so on.",
            ),
        ],
        examples: &[
            Example::new(
                "Named groups",
                r#"parse_string_with_regex(string='pid=12 name=sh', regex='pid=(?P<Pid>\\d+) name=(?P<Name>\\w+)')"#,
                r#"{"Pid":"12","Name":"sh"}"#,
            ),
            Example::new(
                "Groups without names",
                "parse_string_with_regex(string='a1', regex='([a-z])([0-9])')",
                r#"{"g1":"a","g2":"1"}"#,
            ),
            Example::new(
                "Several expressions",
                "parse_string_with_regex(string='a=1 b=2', regex=['a=(?P<A>.)', 'b=(?P<B>.)'])",
                r#"{"A":"1","B":"2"}"#,
            ),
            Example::new(
                "The last match counts",
                "parse_string_with_regex(string='x1 x2', regex='x(?P<N>.)')",
                r#"{"N":"2"}"#,
            ),
            Example::new("Nothing matches", "parse_string_with_regex(string='a', regex='(?P<N>b)')", "{}"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let text = args.text(0)?;
    let patterns = args.text_list(1)?;
    let key = regex::key_of(&patterns);
    let regexes = args.memo(1, &key, |_| patterns.iter().map(Groups::new).collect::<Result<Vec<_>, _>>())?;
    let haystack = Haystack::new(&text);
    let mut row = Row::default();
    for groups in regexes.iter() {
        for found in groups.regex.captures_iter(&haystack.text) {
            for (i, name) in groups.names.iter().enumerate() {
                let text = found.get(i + 1).map(|group| Text::from(haystack.original(group.range())));
                row.set(name, Value::Text(text.unwrap_or_default()));
            }
        }
    }
    Ok(row.into())
}

/// A regular expression and the names of its groups.
struct Groups {
    regex: Regex,
    names: Vec<Name>,
}

impl Groups {
    fn new(pattern: &Text) -> Result<Self, Error> {
        let failed = |e| Error::new(format!("Compile regexp: {e}"));
        let regex = regex::compile(pattern, true).map_err(failed)?;
        let name = |(i, name): (usize, Option<&str>)| match name {
            Some(name) => Name::new(name),
            None => Name::new(&format!("g{i}")),
        };
        let names = regex.capture_names().enumerate().skip(1).map(name).collect();
        Ok(Groups { regex, names })
    }
}
