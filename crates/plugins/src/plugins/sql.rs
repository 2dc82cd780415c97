//! `FROM sql(driver=, connstring=, file=, query=, args=)`: the rows of a query of a database.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Flow, Plugin, Signature, Sink, Type};
use vql::permission::Permission;

use crate::accessor;
use crate::sql::{postgres, sqlite};

const DRIVER: usize = 0;
const CONNSTRING: usize = 1;
const FILE: usize = 2;
const ACCESSOR: usize = 3;
const QUERY: usize = 4;
const ARGS: usize = 5;

const NO_MYSQL: &str =
    "the driver mysql is not built: no client fits that connects only where this server may";

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "sql",
        doc: "The rows of a query of an SQLite file or a PostgreSQL server.",
        category: Category::Parsers,
        args: &[
            Arg::required("driver", Type::Str, "sqlite or postgres; mysql is not built."),
            Arg::optional(
                "connstring",
                Type::Str,
                "Where the server is: postgres://user:password@host/database, or host=… user=… dbname=…; sslmode is require unless \
                 given.",
            ),
            Arg::optional("file", Type::Path, "The SQLite file."),
            Arg::optional("accessor", Type::Str, "How to read the file.").with_default("\"auto\""),
            Arg::required("query", Type::Str, "The SQL."),
            Arg::optional("args", Type::Any, "What the ? (or $1, $2…) of the query stand for."),
        ],
        permissions: &[Permission::FilesystemRead, Permission::Network],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let (query, values) = (args.string(QUERY)?, args.value(ARGS));
    match args.string(DRIVER)?.to_ascii_lowercase().as_str() {
        "sqlite" if args.has(FILE) => {
            sqlite::query(args, &accessor::resolve(args, FILE, ACCESSOR)?, &query, &values, sink)
        }
        "sqlite" if args.has(CONNSTRING) => {
            let file = accessor::find(args.scope, "file")?;
            let path = file.parse(&args.text(CONNSTRING)?).into();
            sqlite::query(args, &accessor::Target { accessor: file, path }, &query, &values, sink)
        }
        "sqlite" => Err("file is needed for the driver sqlite".into()),
        "postgres" | "postgresql" if args.has(CONNSTRING) => {
            postgres::query(args, &args.string(CONNSTRING)?, query, &values, sink)
        }
        "postgres" | "postgresql" => Err("connstring is needed for the driver postgres".into()),
        "mysql" => Err(NO_MYSQL.into()),
        other => Err(Error::new(format!("unsupported driver {other}")).into()),
    }
}
