//! `tempfile(data=, extension=, permissions=, remove_last=)`: a file that vanishes with its scope.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;

use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::world::World;
use crate::write_policy::mode_of;

const DATA: usize = 0;
const EXTENSION: usize = 1;
const PERMISSIONS: usize = 2;
const REMOVE_LAST: usize = 3;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "tempfile",
        doc: "Makes a temporary file and gives its path; it is removed when the scope of the call ends.",
        category: Category::Files,
        args: &[
            Arg::optional("data", Type::StrList, "What to write into it, one after the other."),
            Arg::optional("extension", Type::Str, "What its name ends with."),
            Arg::optional("permissions", Type::Str, "x: it may be run; r: it may only be read."),
            Arg::optional("remove_last", Type::Bool, "Remove it when the whole query ends."),
        ],
        permissions: &[Permission::FilesystemWrite],
        examples: &[Example::new(
            "Written and read",
            "read_file(filename=tempfile(data=['a', 'b'], extension='.txt'))",
            "\"ab\"",
        )],
        ..Signature::NEW
    },
    on_error: OnError::False,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let data = args.text_list(DATA)?;
    let extension = args.string(EXTENSION)?;
    if extension.contains(['/', '\0']) {
        return Err("extension should be a part of a name".into());
    }
    let mode = mode_of(&args.string(PERMISSIONS)?);
    let failed = |e: std::io::Error| Error::new(crate::accessor::reason(&e));
    let mut file = tempfile::Builder::new()
        .prefix("tmp")
        .suffix(&extension)
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(&World::of(args.scope)?.temp_dir)
        .map_err(failed)?;
    for piece in &data {
        file.write_all(piece).map_err(failed)?;
    }
    file.as_file().set_permissions(Permissions::from_mode(mode)).map_err(failed)?;
    // The file closes now, so that it may be run; its path is removed later.
    let path = file.into_temp_path();
    let shown = Value::text(path.as_os_str().to_owned().into_vec());
    args.scope.at_end(args.bool(REMOVE_LAST), move || drop(path));
    Ok(shown)
}
