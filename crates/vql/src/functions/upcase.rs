//! `upcase()`: text in upper case (builtins page, section 1.1).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "upcase",
        doc: "Text in upper case.",
        category: Category::Text,
        args: &[Arg::required("string", Type::Str, "The text.")],
        examples: &[
            Example::new("Mixed case", "upcase(string='Hello world')", r#""HELLO WORLD""#),
            Example::new("Beyond ASCII", "upcase(string='äé')", r#""ÄÉ""#),
            Example::new("A number is text", "upcase(string=5)", r#""5""#),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let text = args.text(0)?;
    if text.is_ascii() {
        return Ok(Value::Text(text.to_ascii_uppercase().into()));
    }
    Ok(Value::text(text.to_str_lossy().to_uppercase()))
}
