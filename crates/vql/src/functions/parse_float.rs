//! `parse_float()`: text to a float; 0 if it is not one (builtins page, section 1.2).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "parse_float",
        doc: "Text to a float; 0 if it is not one.",
        category: Category::Numbers,
        args: &[Arg::required("string", Type::Any, "The text; numbers are converted.")],
        examples: &[
            Example::new("Plain", "parse_float(string='1.5')", "1.5"),
            Example::new("With an exponent", "parse_float(string='1e3')", "1000"),
            Example::new("Not a number", "parse_float(string='x')", "0"),
            Example::new("An integer", "parse_float(string=3)", "3"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let float = match args.scope.listed(args.value(0)) {
        Value::Float(f) => f,
        Value::Text(text) | Value::Bytes(text) => text.to_str_lossy().parse().unwrap_or(0.0),
        v => super::int::to_int(&v) as f64,
    };
    Ok(Value::Float(float))
}
