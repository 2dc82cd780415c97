//! `FROM split_records(filenames=, …)`: records split into columns by patterns.

use std::sync::Arc;

use ::regex::bytes::Regex;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Flow, Plugin, Signature, Sink, Type};
use vql::host::Level;
use vql::permission::Permission;
use vql::schema::{Name, Schema};
use vql::text::Text;
use vql::value::{Row, Value, regex};

use crate::accessor::{self, Target};
use crate::text::buffer_size;
use crate::text::records::{Records, Separator};

const FILENAMES: usize = 0;
const ACCESSOR: usize = 1;
const REGEX: usize = 2;
const COLUMNS: usize = 3;
const FIRST_ROW_IS_HEADERS: usize = 4;
const COUNT: usize = 5;
const RECORD_REGEX: usize = 6;
const BUFFER_SIZE: usize = 7;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "split_records",
        doc: "The records of text files, split into columns by a regular expression.",
        category: Category::Parsers,
        args: &[
            Arg::required("filenames", Type::PathList, "The files to read."),
            Arg::optional("accessor", Type::Str, "How to read the files.").with_default("\"auto\""),
            Arg::optional("regex", Type::Str, "What stands between columns.").with_default("\"\\s+\""),
            Arg::optional(
                "columns",
                Type::StrList,
                "The names of the columns; Column0, Column1… by default.",
            ),
            Arg::optional("first_row_is_headers", Type::Bool, "The first record names the columns."),
            Arg::optional("count", Type::Int, "Columns to split into at most; the last takes the rest."),
            Arg::optional("record_regex", Type::Str, "What stands between records.").with_default("\"\\n\""),
            Arg::optional(
                "buffer_size",
                Type::Int,
                "A record that does not fit into so many bytes ends its file.",
            )
            .with_default("65536"),
        ],
        permissions: &[Permission::FilesystemRead],
        version: 2,
        examples: &[
            Example::new(
                "Named by the first record",
                r#"SELECT * FROM split_records(filenames="Name N-1\nx 5\ny", accessor="data", first_row_is_headers=TRUE)"#,
                r#"[{"Name":"x","N_1":"5"},{"Name":"y","N_1":null}]"#,
            ),
            Example::new(
                "The last column takes the rest",
                r#"SELECT * FROM split_records(filenames="a:b:c", accessor="data", regex=":", count=2, columns=["A", "B"])"#,
                r#"[{"A":"a","B":"b:c"}]"#,
            ),
        ],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

/// How to split.
struct Format {
    fields: Arc<Regex>,
    records: Arc<Regex>,
    columns: Arc<Schema>,
    has_headers: bool,
    count: usize,
    limit: usize,
}

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let columns = args.text_list(COLUMNS)?;
    let format = Format {
        fields: pattern(args, REGEX, r"\s+")?,
        records: pattern(args, RECORD_REGEX, r"\n")?,
        columns: Schema::of(columns.iter().map(|c| Name::new(&c.to_str_lossy()))),
        has_headers: args.bool(FIRST_ROW_IS_HEADERS),
        count: usize::try_from(args.int(COUNT, 0)?).ok().filter(|n| *n > 0).unwrap_or(usize::MAX),
        limit: buffer_size(args, BUFFER_SIZE, 64 << 10)?,
    };
    for target in accessor::resolve_all(args, FILENAMES, ACCESSOR)? {
        emit(args, &target, &format, sink)?;
    }
    Ok(())
}

fn pattern(args: &Args<'_>, slot: usize, default: &str) -> Result<Arc<Regex>, Error> {
    let pattern = Some(args.text(slot)?).filter(|p| !p.is_empty()).unwrap_or_else(|| Text::from(default));
    args.memo(slot, &pattern, |p| regex::compile(p, false))
}

fn emit(args: &Args<'_>, target: &Target, format: &Format, sink: &mut dyn Sink) -> Flow {
    let Some(file) = target.open_or_log(args) else { return Ok(()) };
    let separator = match format.records.as_str() {
        r"\n" | "\n" => Separator::Newline,
        _ => Separator::Pattern(format.records.clone()),
    };
    let mut records = Records::new(file, separator, format.limit);
    let mut columns = format.columns.clone();
    let mut is_header = format.has_headers;
    let given = !columns.is_empty() || is_header;
    loop {
        let record = match records.next() {
            Ok(Some(record)) => record,
            Ok(None) => return Ok(()),
            Err(e) => {
                args.scope.log(Level::Default, format!("split_records: {e}"));
                return Ok(());
            }
        };
        let fields = split(&format.fields, record, format.count);
        if std::mem::take(&mut is_header) {
            if columns.is_empty() {
                columns = Schema::of(fields.map(header));
            }
            continue;
        }
        let mut cells: Vec<Value> = fields.map(Value::text).collect();
        if !given && cells.len() > columns.len() {
            columns = Schema::of((0..cells.len()).map(|i| Name::new(&format!("Column{i}"))));
        }
        cells.resize(columns.len(), Value::Null);
        sink.row(&mut Row { schema: columns.clone(), cells })?;
    }
}

/// The parts of a record, so many at most.
fn split<'a>(regex: &'a Regex, record: &'a [u8], count: usize) -> impl Iterator<Item = &'a [u8]> {
    regex.splitn(record, count)
}

/// A name out of a header: other characters than letters and digits become `_`.
fn header(field: &[u8]) -> Name {
    let name = String::from_utf8_lossy(field);
    let name: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    Name::new(&name)
}
