//! `rand(range=)`: a random number.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "rand",
        doc: "A random integer, from 0 up to but without the range.",
        category: Category::Numbers,
        args: &[Arg::optional("range", Type::Int, "How many different numbers there are.")],
        examples: &[
            Example::new("One of one", "rand(range=1)", "0"),
            Example::new("In range", "rand(range=10) < 10", "true"),
            Example::new("No range", "rand(range=0)", "0"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::False,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let range = args.int(0, 0)?;
    if range <= 0 {
        return Ok(Value::Int(0));
    }
    let random = getrandom::u64().map_err(|e| Error::new(e.to_string()))?;
    // The high half of the product: each number is as likely as any other, but for one in 2^64.
    Ok(Value::Int(((u128::from(random) * range as u128) >> 64) as i64))
}
