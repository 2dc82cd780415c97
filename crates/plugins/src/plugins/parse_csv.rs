//! `FROM parse_csv(filename=, …)`: the records of CSV files, cells typed (builtins page, section 2.1).

use std::io::BufReader;

use vql::args::Args;
use vql::call::{Arg, Category, Example, Flow, Plugin, Signature, Sink, Type};
use vql::permission::Permission;

use crate::accessor::{self, Target};
use crate::text::csv::CsvReader;
use crate::text::csv_header::{Header, character, declared};

const FILENAME: usize = 0;
const ACCESSOR: usize = 1;
const AUTO_HEADERS: usize = 2;
const SEPARATOR: usize = 3;
const COMMENT: usize = 4;
const COLUMNS: usize = 5;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "parse_csv",
        doc: "The records of CSV files as rows; numbers, booleans and JSON in cells become values.",
        category: Category::Parsers,
        args: &[
            Arg::required("filename", Type::PathList, "The files to read."),
            Arg::optional("accessor", Type::Str, "How to read the files.").with_default("\"auto\""),
            Arg::optional("auto_headers", Type::Bool, "The first record is data: columns are Col0, Col1…"),
            Arg::optional("separator", Type::Str, "The character between cells.").with_default("\",\""),
            Arg::optional("comment", Type::Str, "Lines that start with this character are skipped."),
            Arg::optional("columns", Type::StrList, "The names of the columns; the first record is data."),
        ],
        permissions: &[Permission::FilesystemRead],
        examples: &[
            Example::new(
                "Typed cells",
                r#"SELECT * FROM parse_csv(filename="Name,N\nx, 5\ny,true\n", accessor="data")"#,
                r#"[{"Name":"x","N":5},{"Name":"y","N":true}]"#,
            ),
            Example::new(
                "Without a header",
                r#"SELECT * FROM parse_csv(filename="a;1.5", accessor="data", auto_headers=TRUE, separator=";")"#,
                r#"[{"Col0":"a","Col1":1.5}]"#,
            ),
        ],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let separator = character(args, SEPARATOR)?.unwrap_or(b',');
    let comment = character(args, COMMENT)?;
    let header = declared(args, AUTO_HEADERS, COLUMNS)?;
    for target in accessor::resolve_all(args, FILENAME, ACCESSOR)? {
        emit(args, &target, (separator, comment), header.clone(), sink)?;
    }
    Ok(())
}

fn emit(
    args: &Args<'_>,
    target: &Target,
    (separator, comment): (u8, Option<u8>),
    header: Option<Header>,
    sink: &mut dyn Sink,
) -> Flow {
    let Some(file) = target.open_or_log(args) else { return Ok(()) };
    let mut reader = CsvReader::new(BufReader::with_capacity(64 << 10, file), separator, comment);
    let mut header = header;
    loop {
        match reader.next() {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(e) => {
                target.report(args, &e);
                return Ok(());
            }
        }
        match &mut header {
            Some(header) => sink.row(&mut header.row(reader.fields()))?,
            None => {
                header = Some(Header::of_record(reader.fields()));
            }
        }
    }
}
