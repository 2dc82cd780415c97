//! `write_file(dest=, data=, permissions=, append=, create_directories=)`: writes a string to a file.

use std::io::Write;

use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::accessor::reason;
use crate::world::World;
use crate::write_policy::{DEFAULT_MODE, Existing, destination, mode_of};

const DATA: usize = 0;
const DEST: usize = 1;
const PERMISSIONS: usize = 2;
const APPEND: usize = 3;
const CREATE_DIRECTORIES: usize = 4;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "write_file",
        doc: "Writes a string to a file and gives its path; NULL when that fails. What is not appended appears whole or not \
              at all.",
        category: Category::Files,
        args: &[
            Arg::required("data", Type::Str, "What to write."),
            Arg::required("dest", Type::Str, "The file."),
            Arg::optional("permissions", Type::Str, "x: it may be run; r: it may only be read."),
            Arg::optional("append", Type::Bool, "Add to what the file holds."),
            Arg::optional("create_directories", Type::Bool, "Make the directories that are missing."),
        ],
        permissions: &[Permission::FilesystemWrite, Permission::FilesystemRead],
        examples: &[Example::new(
            "Written and read",
            "read_file(filename=write_file(data='hello', dest=tempdir(remove_last=TRUE) + '/a/b', create_directories=TRUE))",
            "\"hello\"",
        )],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let data = args.text(DATA)?;
    let dest = args.text(DEST)?;
    let path = destination(args.scope, &dest)?;
    let mode = match args.string(PERMISSIONS)? {
        permissions if permissions.is_empty() => None,
        permissions => Some(mode_of(&permissions)),
    };
    let writes = &World::of(args.scope)?.writes;
    let write = || {
        if args.bool(CREATE_DIRECTORIES)
            && let Some(parent) = path.parent()
        {
            writes.create_dir_all(parent)?;
        }
        if args.bool(APPEND) {
            let mut file = writes.open(&path, Existing::Append, mode.unwrap_or(DEFAULT_MODE))?;
            return file.write_all(&data);
        }
        let mut file = writes.replace(&path, mode)?;
        file.write_all(&data)?;
        file.finish()
    };
    write().map_err(|e| Error::new(format!("{}: {}", dest.to_str_lossy(), reason(&e))))?;
    Ok(Value::Text(dest))
}
