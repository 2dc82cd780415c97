//! `read_file(filename=, accessor=, length=, offset=)`: part of a file as text.

use std::io::{Read, SeekFrom};

use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::{Value, convert};

use crate::accessor::{self, Target};

const LENGTH: usize = 0;
const OFFSET: usize = 1;
const FILENAME: usize = 2;
const ACCESSOR: usize = 3;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "read_file",
        doc: "The content of a file, or a part of it, as text; empty when it cannot be read.",
        category: Category::Files,
        args: &[
            Arg::optional("length", Type::Int, "How many bytes to read at most.").with_default("4194304"),
            Arg::optional("offset", Type::Int, "The byte to start at.").with_default("0"),
            Arg::required("filename", Type::Path, "The file to read."),
            Arg::optional("accessor", Type::Str, "How to read the file.").with_default("\"auto\""),
        ],
        permissions: &[Permission::FilesystemRead],
        examples: &[
            Example::new("All of it", "read_file(filename='hello', accessor='data')", "\"hello\""),
            Example::new(
                "A part",
                "read_file(filename='hello', accessor='data', offset=1, length=3)",
                "\"ell\"",
            ),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let length = args.int(LENGTH, 4 << 20)?.clamp(0, convert::MAX_TEXT as i64) as u64;
    let offset = args.int(OFFSET, 0)?.max(0) as u64;
    let target = accessor::resolve(args, FILENAME, ACCESSOR)?;
    let text = read(args, &target, offset, length).unwrap_or_else(|e| {
        target.report(args, &e);
        Vec::new()
    });
    Ok(Value::text(text))
}

fn read(args: &Args<'_>, target: &Target, offset: u64, length: u64) -> std::io::Result<Vec<u8>> {
    let mut file = target.open(args.scope)?;
    if offset > 0 {
        file.seek(SeekFrom::Start(offset))?;
    }
    let mut text = Vec::new();
    file.take(length).read_to_end(&mut text)?;
    Ok(text)
}
