//! `plist(file=, accessor=)`: an Apple property list as a value.

use std::io::BufReader;

use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::{accessor, plist};

const FILE: usize = 0;
const ACCESSOR: usize = 1;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "plist",
        doc: "Parses an Apple property list, XML or binary.",
        category: Category::Parsers,
        args: &[
            Arg::required("file", Type::Path, "The file to read."),
            Arg::optional("accessor", Type::Str, "How to read the file.").with_default("\"auto\""),
        ],
        permissions: &[Permission::FilesystemRead],
        examples: &[
            Example::new(
                "A dict",
                r#"plist(accessor='data', file='<plist><dict><key>a</key><array><integer>1</integer><true/></array><key>d</key><date>2024-05-01T10:00:00Z</date></dict></plist>')"#,
                r#"{"a":[1,true],"d":"2024-05-01T10:00:00Z"}"#,
            ),
            Example::new("No property list", "plist(accessor='data', file='x')", "null"),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let target = accessor::resolve(args, FILE, ACCESSOR)?;
    let file = target.open(args.scope).map_err(|e| target.failure(&e))?;
    plist::parse(BufReader::new(file))
}
