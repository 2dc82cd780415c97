//! `regex_transform()`: applies many regular expression replacements, one after another (builtins page, section 1.1).

use ::regex::bytes::Regex;

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::dict::Dict;
use crate::schema::Name;
use crate::text::Text;
use crate::value::convert::{to_text, to_text_arg};
use crate::value::{Value, regex};

const SOURCE: usize = 0;
const MAP: usize = 1;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "regex_transform",
        doc: "Applies many regular expression replacements, one after another.",
        category: Category::Text,
        args: &[
            Arg::required("source", Type::Str, "The text."),
            Arg::required("map", Type::Dict, "Regular expressions and their replacements."),
            Arg::optional("key", Type::Str, "A name for the compiled set; not needed."),
        ],
        examples: &[
            Example::new(
                "In order",
                "regex_transform(source='abc', map=dict(a='x', `x(b)`='${1}y'))",
                r#""byc""#,
            ),
            Example::new("Nothing matches", "regex_transform(source='abc', map=dict(z='y'))", r#""abc""#),
            Example::new("A bad expression", "regex_transform(source='abc', map=dict(`(`='y'))", "null"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let map = args.dict(MAP)?.ok_or("map should be a dict")?;
    let rules = args.memo(MAP, &to_text(&Value::Dict(map.clone())), |_| compile(&map))?;
    let mut text = args.text(SOURCE)?;
    for (regex, replacement) in rules.iter() {
        if regex::is_match(regex, &text) {
            text = regex::replace_all(&text, regex, &mut |found, out| found.expand(replacement, out))?;
        }
    }
    Ok(Value::Text(text))
}

fn compile(map: &Dict) -> Result<Vec<(Regex, Text)>, Error> {
    let rule = |(name, value): (&Name, &Value)| {
        let failed = |_| Error::new(format!("Unable to compile regex {name}"));
        let regex = regex::compile(name.as_str().as_bytes(), true).map_err(failed)?;
        Ok((regex, to_text_arg(value)))
    };
    map.snapshot().iter().map(rule).collect()
}
