//! `process_tracker_all()`: every process that the tracker knows.

use vql::args::Args;
use vql::call::{Category, Error, Example, Function, FunctionBody, OnError, Signature};
use vql::permission::Permission;
use vql::value::Value;

use crate::process_tracker::{Entry, Tracker};

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "process_tracker_all",
        doc: "Every process that the tracker knows.",
        category: Category::Host,
        permissions: &[Permission::MachineState],
        examples: &[Example::new(
            "This one is among them",
            "str(str=getpid()) IN process_tracker_all().Id",
            "true",
        )],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    Ok(Value::list(Tracker::of(args.scope)?.look(|entries| entries.all().map(Entry::value).collect())))
}
