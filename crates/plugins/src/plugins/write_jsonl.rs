//! `write_jsonl(filename=, query=, append=, buffer_size=, max_time=)`: rows to a file of JSON lines, and on.

use vql::args::Args;
use vql::call::{Arg, Category, Example, Flow, Plugin, Signature, Sink, Type};
use vql::json::{self, JsonOptions};
use vql::permission::Permission;
use vql::value::Row;

use crate::period;
use crate::row_file::{BYTES, Buffering, SECONDS, write_rows};
use crate::write_policy::Existing;

const FILENAME: usize = 0;
const ACCESSOR: usize = 1;
const QUERY: usize = 2;
const BUFFER_SIZE: usize = 3;
const MAX_TIME: usize = 4;
const APPEND: usize = 5;

/// The most that waits in memory.
const MAX_BUFFER: i64 = 16 << 20;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "write_jsonl",
        doc: "Writes the rows of a query to a file, a JSON object a line, and passes them on.",
        category: Category::Files,
        args: &[
            Arg::required("filename", Type::Path, "The file."),
            Arg::optional("accessor", Type::Str, "file or auto: no other can write.")
                .with_default("\"auto\""),
            Arg::required("query", Type::Query, "Where rows come from."),
            Arg::optional("buffer_size", Type::Int, "Bytes that are gathered before they are written.")
                .with_default("131072"),
            Arg::optional("max_time", Type::Int, "Seconds after which they are written anyway.")
                .with_default("10"),
            Arg::optional("append", Type::Bool, "Add to what the file holds."),
        ],
        permissions: &[Permission::FilesystemWrite],
        version: 2,
        examples: &[Example::new(
            "Written, passed on and read",
            "LET F <= tempfile() SELECT *, read_file(filename=F) AS Before FROM write_jsonl(filename=F, query={ SELECT 1 AS X FROM scope() })",
            r#"[{"X":1,"Before":""}]"#,
        )],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let buffering = Buffering {
        bytes: args.int(BUFFER_SIZE, BYTES)?.clamp(0, MAX_BUFFER) as usize,
        time: period::positive(args, MAX_TIME, SECONDS)?,
    };
    let existing = if args.bool(APPEND) { Existing::Append } else { Existing::Truncate };
    let options = JsonOptions { zone: args.scope.zones().print };
    let mut encode = |row: &Row, out: &mut Vec<u8>| {
        json::write_row(row, out, &options);
        out.push(b'\n');
    };
    write_rows(args, (FILENAME, ACCESSOR), existing, &buffering, &args.value(QUERY), &mut encode, sink)
}
