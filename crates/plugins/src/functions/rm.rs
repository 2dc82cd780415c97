//! `rm(filename=)`: removes a file.

use std::io::ErrorKind;

use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::accessor::reason;
use crate::world::World;
use crate::write_policy::destination;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "rm",
        doc: "Removes a file, a link or an empty directory: TRUE, or FALSE if there was none.",
        category: Category::Files,
        args: &[Arg::required("filename", Type::Str, "The file.")],
        permissions: &[Permission::FilesystemWrite],
        examples: &[
            Example::new("A file", "rm(filename=tempfile())", "true"),
            Example::new("No such file", "rm(filename=tempdir() + '/no')", "false"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let name = args.text(0)?;
    match World::of(args.scope)?.writes.remove(&destination(args.scope, &name)?) {
        Ok(()) => Ok(Value::Bool(true)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(Value::Bool(false)),
        Err(e) => Err(Error::new(format!("{}: {}", name.to_str_lossy(), reason(&e)))),
    }
}
