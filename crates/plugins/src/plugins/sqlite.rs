//! `FROM sqlite(file=, query=, args=)`: the rows of a query of an SQLite file.

use vql::args::Args;
use vql::call::{Arg, Category, Flow, Plugin, Signature, Sink, Type};

use crate::accessor;
use crate::sql::sqlite;

const FILE: usize = 0;
const ACCESSOR: usize = 1;
const QUERY: usize = 2;
const ARGS: usize = 3;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "sqlite",
        doc: "The rows of a query of an SQLite file, which stays as it is; a file that is none gives no rows.",
        category: Category::Parsers,
        args: &[
            Arg::required("file", Type::Path, "The file to query."),
            Arg::optional("accessor", Type::Str, "How to read the file.").with_default("\"auto\""),
            Arg::required("query", Type::Str, "The SQL."),
            Arg::optional(
                "args",
                Type::Any,
                "What the ? of the query stand for: a list, or a dict for :name.",
            ),
        ],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let target = accessor::resolve(args, FILE, ACCESSOR)?;
    sqlite::query(args, &target, &args.string(QUERY)?, &args.value(ARGS), sink)
}
