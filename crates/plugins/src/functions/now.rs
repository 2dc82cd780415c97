//! `now(ns=)`: the present as a number.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "now",
        doc: "Seconds since the epoch as an integer, or nanoseconds.",
        category: Category::Time,
        args: &[Arg::optional("ns", Type::Bool, "Give nanoseconds.")],
        version: 2,
        examples: &[Example::new(
            "Seconds, not nanoseconds",
            "now() < 100000000000 AND now() > 1700000000",
            "true",
        )],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let now = args.scope.host().now();
    Ok(Value::Int(if args.bool(0) { now.as_nanosecond() as i64 } else { now.as_second() }))
}
