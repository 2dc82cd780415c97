//! `base64decode()`: decodes standard base64 (builtins page, section 1.1).

use crate::args::Args;
use crate::base64;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "base64decode",
        doc: "Decodes standard base64.",
        category: Category::Encoding,
        args: &[Arg::required("string", Type::Str, "The text, with padding.")],
        examples: &[
            Example::new("Plain", "base64decode(string='aGVsbG8=')", r#""hello""#),
            Example::new("Bad text", "base64decode(string='a!')", "null"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let failed = |at| Error::new(format!("illegal base64 data at input byte {at}"));
    let bytes = base64::decode(&args.text(0)?).map_err(failed)?;
    Ok(Value::Text(bytes.into()))
}
