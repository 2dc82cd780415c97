//! `stat(filename=, accessor=)`: what is known of a file.

use std::io::ErrorKind;
use std::sync::Arc;

use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::accessor;

const FILENAME: usize = 0;
const ACCESSOR: usize = 1;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "stat",
        doc: "Information about a file, links not followed; NULL when there is no such file.",
        category: Category::Files,
        args: &[
            Arg::required("filename", Type::Path, "The file to look at."),
            Arg::optional("accessor", Type::Str, "How to read the file.").with_default("\"auto\""),
        ],
        permissions: &[Permission::FilesystemRead],
        examples: &[
            Example::new("A member", "stat(filename='hello', accessor='data').Size", "5"),
            Example::new(
                "The mode prints as text",
                "stat(filename='hello', accessor='data').Mode",
                "\"-r--r--r--\"",
            ),
            Example::new("No such file", "stat(filename='/no/such/file')", "null"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let target = accessor::resolve(args, FILENAME, ACCESSOR)?;
    match target.info(args.scope) {
        Ok(info) => Ok(Value::Object(Arc::new(info))),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(Value::Null),
        Err(e) => Err(target.failure(&e)),
    }
}
