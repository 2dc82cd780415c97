//! `compress(path=, output=)`: a file compressed with gzip.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::accessor::{self, Target, copy_all};
use crate::world::World;
use crate::write_policy::DEFAULT_MODE;

const PATH: usize = 0;
const OUTPUT: usize = 1;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "compress",
        doc: "Compresses a file with gzip and gives the path of the result.",
        category: Category::Encoding,
        args: &[
            Arg::required("path", Type::Str, "The file to compress."),
            Arg::required("output", Type::Str, "The path of the compressed file."),
        ],
        permissions: &[Permission::FilesystemWrite, Permission::FilesystemRead],
        examples: &[Example::new(
            "There and back",
            "read_file(accessor='gzip', filename=compress(path=tempfile(data='hello'), output=tempfile(extension='.gz')))",
            "\"hello\"",
        )],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let file = accessor::find(args.scope, "file")?;
    let source = Target { accessor: file, path: file.parse(&args.text(PATH)?).into() };
    let output = args.text(OUTPUT)?;
    let failed =
        |e: std::io::Error| Error::new(format!("{}: {}", output.to_str_lossy(), accessor::reason(&e)));
    let mut from = source.open(args.scope).map_err(|e| source.failure(&e))?;
    let path = Path::new(std::ffi::OsStr::from_bytes(&output));
    let to = World::of(args.scope)?.writes.replace(path, Some(DEFAULT_MODE)).map_err(failed)?;
    let mut encoder = GzEncoder::new(to, Compression::default());
    copy_all(args.scope.cancel(), &mut *from, &mut encoder).map_err(failed)?;
    encoder.finish().and_then(|to| to.finish()).map_err(failed)?;
    Ok(Value::Text(output))
}
