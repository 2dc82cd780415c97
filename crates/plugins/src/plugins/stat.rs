//! `FROM stat(filename=, accessor=)`: what is known of a file, one row.

use std::sync::Arc;

use vql::args::Args;
use vql::call::{Arg, Category, Example, Flow, Plugin, Signature, Sink, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::accessor;

const FILENAME: usize = 0;
const ACCESSOR: usize = 1;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "stat",
        doc: "Information about a file, links not followed: one row, or none when there is no such file.",
        category: Category::Files,
        args: &[
            Arg::required("filename", Type::Path, "The file to look at."),
            Arg::optional("accessor", Type::Str, "How to read the file.").with_default("\"auto\""),
        ],
        permissions: &[Permission::FilesystemRead],
        version: 2,
        examples: &[
            Example::new(
                "Two columns",
                "SELECT Size, Mode FROM stat(filename='hello', accessor='data')",
                r#"[{"Size":5,"Mode":"-r--r--r--"}]"#,
            ),
            Example::new("No such file", "SELECT * FROM stat(filename='/no/such/file')", "[]"),
        ],
        ..Signature::NEW
    },
    columns: &[
        "Name", "OSPath", "Mtime", "Atime", "Ctime", "Btime", "Size", "Mode", "IsDir", "IsLink", "Data",
    ],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let target = accessor::resolve(args, FILENAME, ACCESSOR)?;
    match target.info(args.scope) {
        Ok(info) => sink.value(Value::Object(Arc::new(info))),
        Err(_) => Ok(()),
    }
}
