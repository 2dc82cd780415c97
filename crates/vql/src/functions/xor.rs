//! `xor()`: xORs a string with a key, which repeats (builtins page, section 4.1).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "xor",
        doc: "XORs a string with a key, which repeats.",
        category: Category::Encoding,
        args: &[
            Arg::required("string", Type::Str, "The bytes."),
            Arg::required("key", Type::Str, "The key."),
        ],
        examples: &[
            Example::new("A key", "encode(string=xor(string='abc', key='k'), type='hex')", r#""0a0908""#),
            Example::new(
                "Twice is nothing",
                "xor(string=xor(string='hello', key='ab'), key='ab')",
                r#""hello""#,
            ),
            Example::new("No key", "xor(string='a', key='')", "false"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::False,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let (text, key) = (args.text(0)?, args.text(1)?);
    if key.is_empty() {
        return Err("key must not be empty".into());
    }
    let bytes: Vec<u8> = text.iter().zip(key.iter().cycle()).map(|(a, b)| a ^ b).collect();
    Ok(Value::Text(bytes.into()))
}
