//! `parse_json_array()`: parses the text of a JSON array (builtins page, section 1.5).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::json;
use crate::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "parse_json_array",
        doc: "Parses the text of a JSON array.",
        category: Category::Parsers,
        args: &[
            Arg::required("data", Type::Str, "The text."),
            Arg::optional("schema", Type::StrList, "Accepted, not checked."),
        ],
        version: 2,
        examples: &[
            Example::new(
                "A list",
                r#"parse_json_array(data='[1, \"x\", {\"a\": 2}]')"#,
                r#"[1,"x",{"a":2}]"#,
            ),
            Example::new("Empty text", "parse_json_array(data='')", "[]"),
            Example::new("An object is refused", "parse_json_array(data='{}')", "null"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let text = args.text(0)?;
    if text.is_empty() {
        return Ok(Value::list(Vec::new()));
    }
    match json::parse(&text)? {
        list @ Value::List(_) => Ok(list),
        v => Err(Error::new(format!("a JSON array is expected, not {}", v.type_name()))),
    }
}
