//! `atoi()`: text to an integer; 0 if it is not one (builtins page, section 1.2).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "atoi",
        doc: "Text to an integer; 0 if it is not one.",
        category: Category::Numbers,
        args: &[Arg::required(
            "string",
            Type::Any,
            "Text, with 0x for hexadecimal or a leading 0 for octal; numbers are kept.",
        )],
        examples: &[
            Example::new("Decimal", "atoi(string='12')", "12"),
            Example::new("Hexadecimal", "atoi(string='0x10')", "16"),
            Example::new("Octal", "atoi(string='010')", "8"),
            Example::new("Not a number", "atoi(string='12a')", "0"),
            Example::new("A float", "atoi(string=2.7)", "2"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    Ok(Value::Int(super::int::to_int(&args.scope.listed(args.value(0)))))
}
