//! `base64encode()`: encodes as standard base64 with padding (builtins page, section 1.1).

use crate::args::Args;
use crate::base64;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "base64encode",
        doc: "Encodes as standard base64 with padding.",
        category: Category::Encoding,
        args: &[Arg::required("string", Type::Str, "The bytes.")],
        examples: &[
            Example::new("Plain", "base64encode(string='hello')", r#""aGVsbG8=""#),
            Example::new("Empty", "base64encode(string='')", r#""""#),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let mut out = Vec::new();
    base64::encode(&args.text(0)?, true, &mut out);
    Ok(Value::Text(out.into()))
}
