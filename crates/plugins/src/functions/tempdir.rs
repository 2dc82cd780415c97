//! `tempdir(remove_last=)`: a directory that vanishes with its scope.

use std::os::unix::ffi::OsStringExt;

use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::world::World;

const REMOVE_LAST: usize = 0;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "tempdir",
        doc: "Makes a temporary directory and gives its path; it is removed when the scope of the call ends.",
        category: Category::Files,
        args: &[Arg::optional("remove_last", Type::Bool, "Remove it when the whole query ends.")],
        permissions: &[Permission::FilesystemWrite],
        examples: &[Example::new("It exists", "stat(filename=tempdir()).IsDir", "true")],
        ..Signature::NEW
    },
    on_error: OnError::False,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let failed = |e: std::io::Error| Error::new(crate::accessor::reason(&e));
    let mut builder = tempfile::Builder::new();
    let directory = builder.prefix("tmp").tempdir_in(&World::of(args.scope)?.temp_dir).map_err(failed)?;
    let shown = Value::text(directory.path().as_os_str().to_owned().into_vec());
    args.scope.at_end(args.bool(REMOVE_LAST), move || drop(directory));
    Ok(shown)
}
