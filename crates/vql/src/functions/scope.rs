//! `scope()` as a function: the present scope as a dict.

use crate::args::Args;
use crate::call::{Category, Error, Example, Function, FunctionBody, OnError, Signature};
use crate::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "scope",
        doc: "The current scope: scope().Name is NULL, without a log line, when Name is unknown.",
        category: Category::Language,
        examples: &[Example::new("Test for a variable", "scope().NoSuchVariable", "null")],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    Ok(Value::Dict(args.scope.snapshot()))
}
