//! `process_tracker_callchain(id=, max_items=10)`: a process and those that started it.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::process_tracker::{Entry, Tracker};

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "process_tracker_callchain",
        doc: "A process that the tracker knows and those above it, the topmost first.",
        category: Category::Host,
        args: &[
            Arg::required("id", Type::Str, "The number of the process."),
            Arg::optional("max_items", Type::Int, "How many processes at most.").with_default("10"),
        ],
        permissions: &[Permission::MachineState],
        version: 2,
        examples: &[Example::new(
            "It ends with the process",
            "process_tracker_callchain(id=getpid())[-1].Id = str(str=getpid())",
            "true",
        )],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let id = args.string(0)?;
    let max_items = match args.int(1, 10)? {
        n if n > 0 => n as usize,
        _ => 10,
    };
    let tracker = Tracker::of(args.scope)?;
    let chain = tracker.look(|entries| entries.chain(&id, max_items).into_iter().map(Entry::value).collect());
    Ok(Value::list(chain))
}
