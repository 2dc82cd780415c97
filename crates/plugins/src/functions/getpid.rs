//! `getpid()`: the number of this process.

use vql::args::Args;
use vql::call::{Category, Error, Example, Function, FunctionBody, OnError, Signature};
use vql::permission::Permission;
use vql::value::Value;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "getpid",
        doc: "The process id of the server.",
        category: Category::Host,
        permissions: &[Permission::MachineState],
        examples: &[Example::new("A number", "getpid() > 0", "true")],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(_args: &Args<'_>) -> Result<Value, Error> {
    Ok(Value::Int(i64::from(std::process::id())))
}
