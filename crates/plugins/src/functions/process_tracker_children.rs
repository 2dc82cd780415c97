//! `process_tracker_children(id=, max_items=)`: the processes that one started.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::process_tracker::{Entry, Tracker};

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "process_tracker_children",
        doc: "The processes that the tracker knows as children of another.",
        category: Category::Host,
        args: &[
            Arg::required("id", Type::Str, "The number of the parent."),
            Arg::optional("max_items", Type::Int, "How many processes at most; all by default."),
        ],
        permissions: &[Permission::MachineState],
        version: 2,
        examples: &[Example::new(
            "Found through the parent",
            "str(str=getpid()) IN process_tracker_children(id=process_tracker_get(id=getpid()).ParentId).Id",
            "true",
        )],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let id = args.string(0)?;
    let max_items = match args.int(1, 0)? {
        n if n > 0 => n as usize,
        _ => usize::MAX,
    };
    let tracker = Tracker::of(args.scope)?;
    Ok(Value::list(tracker.look(|entries| entries.children(&id).take(max_items).map(Entry::value).collect())))
}
