//! `sleep(time=, ms=)`: waits.

use std::time::Duration;

use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::value::Value;

const TIME: usize = 0;
const MS: usize = 1;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "sleep",
        doc: "Waits and gives TRUE.",
        category: Category::Time,
        args: &[
            Arg::optional("time", Type::Int, "How many seconds to wait."),
            Arg::optional("ms", Type::Int, "How many milliseconds to wait, instead."),
        ],
        examples: &[Example::new("A moment", "sleep(ms=1)", "true")],
        ..Signature::NEW
    },
    on_error: OnError::False,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let millis = match args.int(MS, 0)? {
        ms if ms > 0 => ms,
        _ => args.int(TIME, 0)?.saturating_mul(1000),
    };
    if millis > 0 {
        args.scope.cancel().wait(Duration::from_millis(millis as u64));
    }
    Ok(Value::Bool(true))
}
