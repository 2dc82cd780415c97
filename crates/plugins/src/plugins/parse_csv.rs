//! `FROM parse_csv(filename=, …)`: the records of CSV files, cells typed (builtins page, section 2.1).

use std::io::BufReader;
use std::sync::Arc;

use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Flow, Plugin, Signature, Sink, Type};
use vql::csv::read_cell;
use vql::permission::Permission;
use vql::schema::{Name, Schema};
use vql::value::{Row, Value};

use crate::accessor::{self, Target};
use crate::text::csv::CsvReader;

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
    let names = args.text_list(COLUMNS)?;
    let header = match (args.bool(AUTO_HEADERS), names.is_empty()) {
        (_, false) => Some(Header::new(names.iter().map(|n| &**n))),
        (true, true) => Some(Header::default()),
        (false, true) => None,
    };
    for target in accessor::resolve_all(args, FILENAME, ACCESSOR)? {
        emit(args, &target, (separator, comment), header.clone(), sink)?;
    }
    Ok(())
}

fn character(args: &Args<'_>, slot: usize) -> Result<Option<u8>, Error> {
    match args.text(slot)?.as_bytes() {
        [] => Ok(None),
        [c] if !matches!(c, b'\n' | b'\r' | b'"') => Ok(Some(*c)),
        _ => Err(Error::new(format!("{} should be one character", args.signature.args[slot].name))),
    }
}

/// The columns that cells go to.
#[derive(Clone, Default)]
struct Header {
    schema: Arc<Schema>,
    /// The column of each cell: of two of one name, the later cell counts.
    places: Vec<usize>,
}

impl Header {
    fn new<'a>(names: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut header = Header::default();
        for name in names {
            header.add(&String::from_utf8_lossy(name));
        }
        header
    }

    fn add(&mut self, name: &str) {
        let numbered = format!("Col{}", self.places.len());
        let name = Name::new(if name.is_empty() { &numbered } else { name });
        let (Ok(place) | Err(place)) = Arc::make_mut(&mut self.schema).add(name);
        self.places.push(place);
    }

    /// The cells of a record as a row; missing ones are NULL, surplus ones `Col<number>`.
    fn row<'a>(&mut self, fields: impl Iterator<Item = &'a [u8]>) -> Row {
        let mut cells = vec![Value::Null; self.schema.len()];
        for (i, field) in fields.enumerate() {
            if i == self.places.len() {
                self.add("");
                cells.resize(self.schema.len(), Value::Null);
            }
            cells[self.places[i]] = read_cell(field);
        }
        Row { schema: self.schema.clone(), cells }
    }
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
                let mut names: Vec<&[u8]> = reader.fields().collect();
                if let Some(first) = names.first_mut() {
                    // The mark that some programs start a file with.
                    *first = first.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(first);
                }
                header = Some(Header::new(names.into_iter()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn columns_are_distinct() {
        let mut header = Header::new([&b"a"[..], b"", b"a"].into_iter());
        let row = header.row([&b"1"[..], b"2", b"3", b"4"].into_iter());
        let shown: Vec<String> = row.iter().map(|(n, v)| format!("{n}={v:?}")).collect();
        assert_eq!(shown, ["a=Int(3)", "Col1=Int(2)", "Col3=Int(4)"]);
        let names: HashSet<_> = row.schema.names().iter().map(Name::as_str).collect();
        assert_eq!(names.len(), row.cells.len());
        assert!(matches!(
            header.row([&b"1"[..]].into_iter()).cells[..],
            [Value::Int(1), Value::Null, Value::Null]
        ));
    }
}
