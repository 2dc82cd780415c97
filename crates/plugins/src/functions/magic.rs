//! `magic(path=, accessor=, type=)`: what kind of file something is, by its content.

use forensics::filetype::{self, ENOUGH};
use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::accessor::{self, read_full};

const PATH: usize = 0;
const ACCESSOR: usize = 1;
const TYPE: usize = 2;
const MAGIC: usize = 3;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "magic",
        doc: "What kind of file something is, by its content, in the words of the program `file`.",
        category: Category::Parsers,
        args: &[
            Arg::required("path", Type::Path, "The file."),
            Arg::optional("accessor", Type::Str, "How to read the file.").with_default("\"auto\""),
            Arg::optional(
                "type",
                Type::Str,
                "\"mime\" for the media type, \"extension\" for the usual extension.",
            ),
            Arg::optional("magic", Type::Str, "Rules of one's own; not supported."),
        ],
        permissions: &[Permission::FilesystemRead],
        version: 1,
        examples: &[
            Example::new(
                "A script",
                r##"magic(path="#!/bin/sh\necho hello\n", accessor="data")"##,
                r#""POSIX shell script, ASCII text executable""#,
            ),
            Example::new(
                "Its media type",
                r#"magic(path="%PDF-1.7", accessor="data", type="mime")"#,
                r#""application/pdf""#,
            ),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    if !args.text(MAGIC)?.is_empty() {
        return Err("rules of one's own are not supported".into());
    }
    let target = accessor::resolve(args, PATH, ACCESSOR)?;
    let mut file = target.open(args.scope).map_err(|e| target.failure(&e))?;
    // Most files are told by their first bytes; a large buffer for each would cost more than that.
    let mut content = vec![0; 64 << 10];
    let mut count = read_full(&mut *file, &mut content).map_err(|e| target.failure(&e))?;
    if count == content.len() {
        content.resize(ENOUGH, 0);
        count += read_full(&mut *file, &mut content[count..]).map_err(|e| target.failure(&e))?;
    }
    let found = filetype::of(&content[..count]);
    Ok(Value::from(match args.string(TYPE)?.as_str() {
        "" => found.description,
        "mime" => found.mime,
        "extension" => found.extension,
        other => return Err(Error::new(format!("unknown type {other}"))),
    }))
}
