//! `FROM plist(file=, accessor=)`: Apple property lists as rows.

use std::io::BufReader;

use vql::args::Args;
use vql::call::{Arg, Category, Example, Flow, Plugin, Signature, Sink, Type};
use vql::host::Level;
use vql::permission::Permission;
use vql::value::Value;

use crate::{accessor, plist};

const FILE: usize = 0;
const ACCESSOR: usize = 1;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "plist",
        doc: "Apple property lists, XML or binary: a row for each, or for each element of one that is a list.",
        category: Category::Parsers,
        args: &[
            Arg::required("file", Type::PathList, "The files to read."),
            Arg::optional("accessor", Type::Str, "How to read the files.").with_default("\"auto\""),
        ],
        permissions: &[Permission::FilesystemRead],
        examples: &[Example::new(
            "The keys are the columns",
            r#"SELECT * FROM plist(accessor='data', file='<plist><dict><key>a</key><real>1.5</real></dict></plist>')"#,
            r#"[{"a":1.5}]"#,
        )],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    for target in accessor::resolve_all(args, FILE, ACCESSOR)? {
        args.scope.tick()?;
        let Some(file) = target.open_or_log(args) else { continue };
        match plist::parse(BufReader::new(file)) {
            Ok(value @ Value::List(_)) => args.scope.push_rows(&value, sink)?,
            Ok(Value::Dict(dict)) => sink.row(&mut dict.snapshot())?,
            Ok(value) => sink.value(value)?,
            Err(e) => args.scope.log(Level::Default, format!("plist: {e}")),
        }
    }
    Ok(())
}
