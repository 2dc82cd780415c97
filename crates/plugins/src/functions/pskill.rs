//! `pskill(pid=)`: ends a process.

use rustix::process::{Pid, Signal, kill_process};
use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::accessor::reason;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "pskill",
        doc: "Kills a process and gives its number; NULL when that fails.",
        category: Category::Host,
        args: &[Arg::required("pid", Type::Int, "The number of the process.")],
        permissions: &[Permission::Execve],
        examples: &[Example::new("No such process", "pskill(pid=2147483647)", "null")],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let number = args.int(0, 0)?;
    // Zero and negative numbers would mean groups of processes.
    let pid = i32::try_from(number).ok().filter(|pid| *pid > 0).and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| Error::new(format!("{number} is not the number of a process")))?;
    kill_process(pid, Signal::KILL).map_err(|e| Error::new(format!("{number}: {}", reason(&e.into()))))?;
    Ok(Value::Int(number))
}
