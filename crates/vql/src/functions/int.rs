//! `int()`: cuts a number to an integer; text is read as one (builtins page, section 1.2).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::value::Value;
use crate::value::convert::{parse_int, to_int_arg};

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "int",
        doc: "Cuts a number to an integer; text is read as one.",
        category: Category::Numbers,
        args: &[Arg::optional("int", Type::Any, "The value; 0 for what is not a number.")],
        examples: &[
            Example::new("A float", "int(int=-2.7)", "-2"),
            Example::new("Text", "int(int='0x1F')", "31"),
            Example::new("Other values", "int(int=NULL)", "0"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::False,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    Ok(Value::Int(to_int(&args.scope.listed(args.value(0)))))
}

/// An integer out of a number, a bool or text with C prefixes; 0 for everything else.
pub(super) fn to_int(value: &Value) -> i64 {
    match value {
        Value::Text(text) | Value::Bytes(text) => parse_int(text).unwrap_or(0),
        Value::List(items) if items.len() == 1 && !matches!(items[0], Value::List(_)) => to_int(&items[0]),
        v => to_int_arg(v).unwrap_or(0),
    }
}
