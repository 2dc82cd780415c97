//! `upload(file=, name=, accessor=)`: copies a file into the collection that the query is part of.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::accessor;
use crate::server::shown;
use crate::world::Surroundings;

const FILE: usize = 0;
const NAME: usize = 1;
const ACCESSOR: usize = 2;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "upload",
        doc: "Copies a file into the collection that the query is part of: its size, digests and place there.",
        category: Category::Files,
        args: &[
            Arg::required("file", Type::Path, "The file to copy."),
            Arg::optional("name", Type::Path, "What to call it there; its own path by default."),
            Arg::optional("accessor", Type::Str, "How to read the file.").with_default("\"auto\""),
            Arg::optional("mtime", Type::Any, "Accepted; the list of files keeps the time of the upload."),
            Arg::optional("atime", Type::Any, "Accepted and ignored."),
            Arg::optional("ctime", Type::Any, "Accepted and ignored."),
            Arg::optional("btime", Type::Any, "Accepted and ignored."),
        ],
        permissions: &[Permission::FilesystemRead],
        version: 3,
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let collection = Surroundings::of(args.scope)?.collection.as_ref();
    let collection = collection.ok_or("there is no collection to upload to: run the query in an artifact")?;
    let target = accessor::resolve(args, FILE, ACCESSOR)?;
    let name = args.path(NAME)?;
    let name = name.as_ref().map(|path| &path.components[..]);
    shown(&collection.upload(args.scope, &target, name)?)
}
