//! `rot13()`: moves each letter by 13 places (builtins page, section 4.1).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "rot13",
        doc: "Moves each letter by 13 places.",
        category: Category::Encoding,
        args: &[Arg::optional("string", Type::Str, "The text.")],
        examples: &[
            Example::new("Letters only", "rot13(string='Hello, 1')", r#""Uryyb, 1""#),
            Example::new("Twice is nothing", "rot13(string=rot13(string='abc'))", r#""abc""#),
        ],
        ..Signature::NEW
    },
    on_error: OnError::False,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let turn = |c: &u8| match c {
        b'a'..=b'z' => (c - b'a' + 13) % 26 + b'a',
        b'A'..=b'Z' => (c - b'A' + 13) % 26 + b'A',
        c => *c,
    };
    Ok(Value::Text(args.text(0)?.iter().map(turn).collect::<Vec<u8>>().into()))
}
