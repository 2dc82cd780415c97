//! `copy(filename=, accessor=, dest=, …)`: a file, whatever it is read from, as a file of the host.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::accessor::{self, copy_all};
use crate::world::World;
use crate::write_policy::{Existing, destination, mode_of};

const FILENAME: usize = 0;
const ACCESSOR: usize = 1;
const DEST: usize = 2;
const PERMISSIONS: usize = 3;
const APPEND: usize = 5;
const CREATE_DIRECTORIES: usize = 6;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "copy",
        doc: "Copies a file to the host's file system and gives the path of the copy, which appears when it is whole.",
        category: Category::Files,
        args: &[
            Arg::required("filename", Type::Path, "The file to copy."),
            Arg::optional("accessor", Type::Str, "How to read the file.").with_default("\"auto\""),
            Arg::required("dest", Type::Str, "The path of the copy."),
            Arg::optional("permissions", Type::Str, "x: the copy may be run; r: it may only be read."),
            Arg::optional(
                "dir_permissions",
                Type::Str,
                "Accepted; directories made are for their owner alone.",
            ),
            Arg::optional("append", Type::Bool, "Add to a file that is there, instead of replacing it."),
            Arg::optional("create_directories", Type::Bool, "Make the directories of dest that are missing."),
        ],
        permissions: &[Permission::FilesystemWrite, Permission::FilesystemRead],
        version: 3,
        examples: &[Example::new(
            "Out of an accessor",
            "read_file(filename=copy(filename='hello', accessor='data', dest=tempfile()))",
            "\"hello\"",
        )],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let target = accessor::resolve(args, FILENAME, ACCESSOR)?;
    let dest = args.text(DEST)?;
    let path = destination(args.scope, &dest)?;
    let mode = mode_of(&args.string(PERMISSIONS)?);
    let mut from = target.open(args.scope).map_err(|e| target.failure(&e))?;
    let writes = &World::of(args.scope)?.writes;
    let failed = |e: std::io::Error| Error::new(format!("{}: {}", dest.to_str_lossy(), accessor::reason(&e)));
    if args.bool(CREATE_DIRECTORIES)
        && let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty())
    {
        writes.create_dir_all(parent).map_err(failed)?;
    }
    if args.bool(APPEND) {
        let mut to = writes.open(&path, Existing::Append, mode).map_err(failed)?;
        copy_all(args.scope.cancel(), &mut *from, &mut to).map_err(failed)?;
    } else {
        let mut to = writes.replace(&path, Some(mode)).map_err(failed)?;
        copy_all(args.scope.cancel(), &mut *from, &mut to).map_err(failed)?;
        to.finish().map_err(failed)?;
    }
    Ok(Value::Text(dest))
}
