//! `parse_json()`: parses the text of a JSON object (builtins page, section 1.5).

use parking_lot::Mutex;

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::json::{self, Parser, schema};
use crate::text::Text;
use crate::value::Value;

const SCHEMA: usize = 1;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "parse_json",
        doc: "Parses the text of a JSON object.",
        category: Category::Parsers,
        args: &[
            Arg::required("data", Type::Str, "The text."),
            Arg::optional(
                "schema",
                Type::StrList,
                "JSON schemas, all of which the object has to fit. Checked are type, required, properties, items and enum.",
            ),
        ],
        version: 2,
        examples: &[
            Example::new(
                "An object",
                r#"parse_json(data='{\"a\": 1, \"b\": [true, null]}')"#,
                r#"{"a":1,"b":[true,null]}"#,
            ),
            Example::new("A member", r#"parse_json(data='{\"a\": {\"b\": 2}}').a.b"#, "2"),
            Example::new(
                "Checked against a schema",
                r#"parse_json(data='{\"a\": 1}', schema='{\"required\": [\"b\"]}')"#,
                "null",
            ),
            Example::new("A list is refused", "parse_json(data='[1]')", "null"),
            Example::new("Bad text", "parse_json(data='{')", "null"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let text = args.text(0)?;
    // Kept at the call site, so that the objects of all rows share their shape.
    let parser = args.memo(0, &Text::empty(), |_| Ok(Mutex::new(Parser::default())))?;
    let value = match parser.try_lock() {
        Some(mut parser) => parser.parse(&text)?,
        None => json::parse(&text)?,
    };
    match value {
        dict @ Value::Dict(_) => {
            for (at, text) in args.text_list(SCHEMA)?.iter().enumerate() {
                let rules = args.memo(SCHEMA + at, text, |s| json::parse(s))?;
                schema::check(&dict, &rules)?;
            }
            Ok(dict)
        }
        v => Err(Error::new(format!("a JSON object is expected, not {}", v.type_name()))),
    }
}
