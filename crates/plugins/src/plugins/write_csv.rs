//! `write_csv(filename=, query=)`: rows to a CSV file (builtins page, section 2.1), and on.

use std::sync::Arc;

use vql::args::Args;
use vql::call::{Arg, Category, Example, Flow, Plugin, Signature, Sink, Type};
use vql::csv::{write_cell, write_field};
use vql::permission::Permission;
use vql::schema::Schema;
use vql::value::{Row, Value};

use crate::period::seconds;
use crate::row_file::{BYTES, Buffering, SECONDS, write_rows};
use crate::write_policy::Existing;

const FILENAME: usize = 0;
const ACCESSOR: usize = 1;
const QUERY: usize = 2;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "write_csv",
        doc: "Writes the rows of a query to a CSV file, with the columns of the first row, and passes them on.",
        category: Category::Files,
        args: &[
            Arg::required("filename", Type::Path, "The file."),
            Arg::optional("accessor", Type::Str, "file or auto: no other can write.")
                .with_default("\"auto\""),
            Arg::required("query", Type::Query, "Where rows come from."),
        ],
        permissions: &[Permission::FilesystemWrite],
        examples: &[Example::new(
            "Rows pass",
            "LET F <= tempfile() SELECT * FROM write_csv(filename=F, query={ SELECT 1 AS X FROM scope() })",
            r#"[{"X":1}]"#,
        )],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let buffering = Buffering { bytes: BYTES as usize, time: seconds(SECONDS) };
    let mut header: Option<Arc<Schema>> = None;
    let mut encode = |row: &Row, out: &mut Vec<u8>| {
        let names = header.get_or_insert_with(|| {
            let names = row.schema.names().iter();
            line(out, names, |name, out| write_field(name.as_str().as_bytes(), out));
            row.schema.clone()
        });
        line(out, names.names().iter(), |name, out| write_cell(row.get(name).unwrap_or(&Value::Null), out));
    };
    let places = (FILENAME, ACCESSOR);
    write_rows(args, places, Existing::Truncate, &buffering, &args.value(QUERY), &mut encode, sink)
}

fn line<T>(out: &mut Vec<u8>, items: impl Iterator<Item = T>, write: impl Fn(T, &mut Vec<u8>)) {
    for (i, item) in items.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b'\n');
}
