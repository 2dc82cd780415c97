//! `lowcase()`: text in lower case (builtins page, section 1.1).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "lowcase",
        doc: "Text in lower case.",
        category: Category::Text,
        args: &[Arg::required("string", Type::Str, "The text.")],
        examples: &[
            Example::new("Mixed case", "lowcase(string='Hello WORLD')", r#""hello world""#),
            Example::new("Beyond ASCII", "lowcase(string='ÄÉ')", r#""äé""#),
            Example::new("NULL is empty text", "lowcase(string=NULL)", r#""""#),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let text = args.text(0)?;
    if text.is_ascii() {
        return Ok(Value::Text(text.to_ascii_lowercase().into()));
    }
    Ok(Value::text(text.to_str_lossy().to_lowercase()))
}
