//! `unhex()`: decodes hexadecimal text, up to the first character that is none (builtins page, section 1.1).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "unhex",
        doc: "Decodes hexadecimal text, up to the first character that is none.",
        category: Category::Encoding,
        args: &[Arg::optional("string", Type::Str, "The text; spaces and a leading 0x are skipped.")],
        examples: &[
            Example::new("Plain", "unhex(string='48656c6c6f')", r#""Hello""#),
            Example::new("With a prefix and spaces", "unhex(string='0x48 65')", r#""He""#),
            Example::new("Up to the first bad digit", "unhex(string='48zz')", r#""H""#),
            Example::new("Empty", "unhex(string='')", r#""""#),
        ],
        ..Signature::NEW
    },
    on_error: OnError::False,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let text: Vec<u8> = args.text(0)?.iter().copied().filter(|c| *c != b' ').collect();
    let digits = text.strip_prefix(b"0x").unwrap_or(&text);
    let value = |c: u8| char::from(c).to_digit(16);
    let byte = |pair: &[u8]| Some((value(pair[0])? * 16 + value(pair[1])?) as u8);
    let bytes: Vec<u8> = digits.chunks_exact(2).map_while(byte).collect();
    Ok(Value::Text(bytes.into()))
}
