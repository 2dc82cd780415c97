//! `grok(grok=, data=, patterns=, all_captures=)`: the parts of a text that a grok expression names.

use std::collections::HashMap;

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::grok::Grok;
use crate::text::Text;
use crate::value::{Value, convert};

const GROK: usize = 0;
const DATA: usize = 1;
const PATTERNS: usize = 2;
const ALL_CAPTURES: usize = 3;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "grok",
        doc: "Parses a text with a grok expression to a dict, its keys sorted; empty when nothing matches.",
        category: Category::Parsers,
        args: &[
            Arg::required("grok", Type::Str, "The expression: %{IP:client}, %{NUMBER:bytes:int} and so on."),
            Arg::required("data", Type::Str, "The text."),
            Arg::optional("patterns", Type::Any, "Further patterns: a dict of name and regular expression."),
            Arg::optional(
                "all_captures",
                Type::Bool,
                "Patterns without a name of their own are captured under that of the pattern.",
            ),
        ],
        examples: &[
            Example::new(
                "Names and types",
                "grok(grok='%{IP:client} %{NUMBER:bytes:int}', data='10.0.0.1 512')",
                r#"{"bytes":512,"client":"10.0.0.1"}"#,
            ),
            Example::new(
                "A pattern of one's own",
                "grok(grok='%{ID:id}', data='x A-7 y', patterns=dict(ID='[A-Z]-[0-9]+'))",
                r#"{"id":"A-7"}"#,
            ),
            Example::new("No such pattern", "grok(grok='%{NONE:x}', data='x')", "null"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let source = args.text(GROK)?;
    let all_captures = args.bool(ALL_CAPTURES);
    let own: HashMap<String, String> = match args.value(PATTERNS) {
        Value::Dict(dict) => dict
            .snapshot()
            .iter()
            .map(|(name, pattern)| {
                (name.as_str().to_owned(), convert::to_text(pattern).to_str_lossy().into_owned())
            })
            .collect(),
        _ => HashMap::new(),
    };
    let mut sorted: Vec<_> = own.iter().collect();
    sorted.sort();
    let key = Text::from(format!("{all_captures}\0{}\0{sorted:?}", source.to_str_lossy()));
    let grok = args.memo(GROK, &key, |_| Grok::compile(&source.to_str_lossy(), &own, all_captures))?;
    Ok(grok.parse(&args.text(DATA)?).into())
}
