//! `split()`: splits text at each match of a regular expression, or at each occurrence of a separator (builtins page, section 1.1).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::text::Text;
use crate::value::{Value, regex};

const STRING: usize = 0;
const SEP: usize = 1;
const SEP_STRING: usize = 2;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "split",
        doc: "Splits text at each match of a regular expression, or at each occurrence of a separator.",
        category: Category::Text,
        args: &[
            Arg::required("string", Type::Str, "The text."),
            Arg::optional("sep", Type::Str, "A regular expression, where case matters."),
            Arg::optional("sep_string", Type::Str, "A plain separator, when sep is not given."),
        ],
        examples: &[
            Example::new(
                "A plain separator",
                "split(string='a,b,,c', sep_string=',')",
                r#"["a","b","","c"]"#,
            ),
            Example::new("A regular expression", "split(string='a1b22c', sep='[0-9]+')", r#"["a","b","c"]"#),
            Example::new("Between characters", "split(string='abc', sep='x*')", r#"["a","b","c"]"#),
            Example::new("Empty text", "split(string='', sep=',')", r#"[""]"#),
            Example::new("No separator", "split(string='a')", "null"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let text = args.text(STRING)?;
    let (sep, plain) = (args.text(SEP)?, args.text(SEP_STRING)?);
    if !sep.is_empty() {
        let regex = args.memo(SEP, &sep, |sep| regex::compile(sep, false))?;
        return Ok(Value::list(at_matches(&text, &regex)));
    }
    if plain.is_empty() {
        return Err("requires either sep or sep_string".into());
    }
    let mut parts = Vec::new();
    let mut start = 0;
    for at in memchr::memmem::find_iter(&text, &*plain) {
        parts.push(Value::Text(Text::from(&text[start..at])));
        start = at + plain.len();
    }
    parts.push(Value::Text(Text::from(&text[start..])));
    Ok(Value::list(parts))
}

/// Empty matches split between characters, but not before the first or after the last.
fn at_matches(text: &[u8], regex: &::regex::bytes::Regex) -> Vec<Value> {
    let haystack = regex::Haystack::new(text);
    let part = |range| Value::Text(Text::from(haystack.original(range)));
    if text.is_empty() {
        return vec![Value::text("")];
    }
    let mut parts = Vec::new();
    let (mut start, mut end) = (0, 0);
    for found in regex.find_iter(&haystack.text) {
        end = found.start();
        if found.end() != 0 {
            parts.push(part(start..end));
        }
        start = found.end();
    }
    if end != haystack.text.len() {
        parts.push(part(start..haystack.text.len()));
    }
    parts
}
