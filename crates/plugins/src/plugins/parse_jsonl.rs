//! `FROM parse_jsonl(filename=, accessor=)`: a row for each line of JSON.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Flow, Plugin, Signature, Sink, Type};
use vql::host::Level;
use vql::json;
use vql::permission::Permission;
use vql::schema::Schema;
use vql::value::{Row, Value};

use crate::accessor;
use crate::text::MAX_PIECE;
use crate::text::records::{Records, Separator};

const FILENAME: usize = 0;
const ACCESSOR: usize = 1;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "parse_jsonl",
        doc: "A row for each line of a file of JSON lines; lines that are not JSON are skipped.",
        category: Category::Parsers,
        args: &[
            Arg::required("filename", Type::Path, "The file to read."),
            Arg::optional("accessor", Type::Str, "How to read the file.").with_default("\"auto\""),
        ],
        permissions: &[Permission::FilesystemRead],
        version: 2,
        examples: &[Example::new(
            "Objects and a scalar",
            r#"SELECT * FROM parse_jsonl(filename='{"a":1}
7
{"a":2,"b":"x"}', accessor='data')"#,
            r#"[{"a":1},{"_value":7},{"a":2,"b":"x"}]"#,
        )],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let target = accessor::resolve(args, FILENAME, ACCESSOR)?;
    let file = target.open(args.scope).map_err(|e| target.failure(&e))?;
    let mut lines = Records::new(file, Separator::Newline, MAX_PIECE);
    let mut parser = json::Parser::default();
    let mut reported = false;
    loop {
        let line = match lines.next() {
            Ok(Some(line)) => line.trim_ascii(),
            Ok(None) => return Ok(()),
            Err(e) => return Err(Error::new(e.to_string()).into()),
        };
        if line.is_empty() {
            args.scope.tick()?;
            continue;
        }
        match parser.parse(line) {
            Ok(Value::Dict(dict)) => sink.row(&mut dict.snapshot())?,
            Ok(value) => sink.row(&mut Row { schema: Schema::value().clone(), cells: vec![value] })?,
            Err(e) => {
                args.scope.tick()?;
                if !std::mem::replace(&mut reported, true) {
                    args.scope.log(Level::Default, format!("parse_jsonl: {e}"));
                }
            }
        }
    }
}
