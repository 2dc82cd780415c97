//! `FROM parse_lines(filename=, accessor=, buffer_size=)`: the lines of files.

use vql::args::Args;
use vql::call::{Arg, Category, Example, Flow, Plugin, Signature, Sink, Type};
use vql::host::Level;
use vql::permission::Permission;
use vql::value::{Row, Value};

use crate::accessor::{self, Target};
use crate::text::buffer_size;
use crate::text::records::{Records, Separator, trim_return};

const FILENAME: usize = 0;
const ACCESSOR: usize = 1;
const BUFFER_SIZE: usize = 2;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "parse_lines",
        doc: "The lines of files, without their ends.",
        category: Category::Parsers,
        args: &[
            Arg::required("filename", Type::PathList, "The files to read."),
            Arg::optional("accessor", Type::Str, "How to read the files.").with_default("\"auto\""),
            Arg::optional(
                "buffer_size",
                Type::Int,
                "A line that does not fit into so many bytes ends its file.",
            )
            .with_default("65536"),
        ],
        permissions: &[Permission::FilesystemRead],
        examples: &[Example::new(
            "Lines of text",
            r#"SELECT * FROM parse_lines(filename="one\r\n\ntwo", accessor="data")"#,
            r#"[{"Line":"one"},{"Line":""},{"Line":"two"}]"#,
        )],
        ..Signature::NEW
    },
    columns: &["Line"],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let limit = buffer_size(args, BUFFER_SIZE, 64 << 10)?;
    for target in accessor::resolve_all(args, FILENAME, ACCESSOR)? {
        emit(args, &target, limit, sink)?;
    }
    Ok(())
}

fn emit(args: &Args<'_>, target: &Target, limit: usize, sink: &mut dyn Sink) -> Flow {
    let Some(file) = target.open_or_log(args) else { return Ok(()) };
    let schema = args.columns();
    let mut lines = Records::new(file, Separator::Newline, limit);
    let mut row = Row::new(schema.clone());
    loop {
        match lines.next() {
            Ok(None) => return Ok(()),
            Ok(Some(line)) => {
                row.cells.clear();
                row.cells.push(Value::text(trim_return(line)));
                row.schema.clone_from(&schema);
                sink.row(&mut row)?;
            }
            Err(e) => {
                args.scope.log(Level::Default, format!("parse_lines: {e}"));
                return Ok(());
            }
        }
    }
}
