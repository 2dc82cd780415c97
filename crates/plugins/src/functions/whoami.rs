//! `whoami()`: the name of the calling user.

use vql::args::Args;
use vql::call::{Category, Error, Example, Function, FunctionBody, OnError, Signature};
use vql::value::Value;

use crate::world::Surroundings;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "whoami",
        doc: "The name of the user who runs the query; empty outside a server.",
        category: Category::Server,
        examples: &[Example::new("Fred asks", "whoami()", "\"fred\"")],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    Ok(Value::from(Surroundings::of(args.scope)?.user.as_str()))
}
