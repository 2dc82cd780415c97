//! `utf16()`: decodes UTF-16, low byte first, to text (builtins page, section 1.1).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "utf16",
        doc: "Decodes UTF-16, low byte first, to text.",
        category: Category::Encoding,
        args: &[Arg::required("string", Type::Str, "The bytes.")],
        examples: &[
            Example::new("Two characters", r#"utf16(string='H\x00i\x00')"#, r#""Hi""#),
            Example::new("There and back", "utf16(string=utf16_encode(string='é€😀'))", r#""é€😀""#),
            Example::new("Half a character is dropped", r#"utf16(string='H\x00i')"#, r#""H""#),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let text = args.text(0)?;
    let units = text.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let decoded = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
    Ok(Value::from(decoded.collect::<String>()))
}
