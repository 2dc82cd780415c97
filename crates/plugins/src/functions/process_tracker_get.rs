//! `process_tracker_get(id=)`: a process that the tracker knows.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::process_tracker::{Entry, Tracker};

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "process_tracker_get",
        doc: "A process that the tracker knows: Id, ParentId, StartTime, EndTime and Data; NULL if it knows none.",
        category: Category::Host,
        args: &[
            Arg::required("id", Type::Str, "The number of the process."),
            Arg::optional("max_items", Type::Int, "Not used."),
        ],
        permissions: &[Permission::MachineState],
        version: 2,
        examples: &[
            Example::new("This one", "process_tracker_get(id=getpid()).Id = str(str=getpid())", "true"),
            Example::new("No such process", "process_tracker_get(id='none')", "null"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let id = args.string(0)?;
    Ok(Tracker::of(args.scope)?.look(|entries| entries.get(&id).map(Entry::value)).into())
}
