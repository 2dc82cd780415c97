//! `utf16_encode()`: encodes text as UTF-16, low byte first, without a byte order mark (builtins page, section 1.1).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "utf16_encode",
        doc: "Encodes text as UTF-16, low byte first, without a byte order mark.",
        category: Category::Encoding,
        args: &[Arg::required("string", Type::Str, "The text.")],
        examples: &[
            Example::new(
                "Two characters",
                "encode(string=utf16_encode(string='Hi'), type='hex')",
                r#""48006900""#,
            ),
            Example::new("Twice the length", "len(list=utf16_encode(string='abc'))", "6"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let text = args.text(0)?;
    let bytes: Vec<u8> = text.to_str_lossy().encode_utf16().flat_map(u16::to_le_bytes).collect();
    Ok(Value::Text(bytes.into()))
}
