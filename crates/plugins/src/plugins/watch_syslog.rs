//! `watch_syslog(filename=, accessor=, buffer_size=, query=)`: new lines of files, for ever.

use std::time::Duration;

use vql::args::Args;
use vql::call::{Arg, Category, Flow, Plugin, Signature, Sink, Stop, Type};
use vql::permission::Permission;
use vql::value::{Row, Value};

use crate::accessor::{self, Target};
use crate::tail::{Event, Finder, MAX_FILES, Start, Tail, follow};
use crate::text::buffer_size;

const FILENAME: usize = 0;
const ACCESSOR: usize = 1;
const BUFFER_SIZE: usize = 2;
const QUERY: usize = 3;

/// How often the query for further files runs.
const PERIOD: Duration = Duration::from_secs(10);

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "watch_syslog",
        doc: "The lines that are added to files from now on, for ever; files may be renamed, made anew and emptied.",
        category: Category::Events,
        args: &[
            Arg::optional("filename", Type::PathList, "The files to watch."),
            Arg::optional("accessor", Type::Str, "How to read the files.").with_default("\"auto\""),
            Arg::optional("buffer_size", Type::Int, "The most bytes of a line; the rest of it is dropped.")
                .with_default("65536"),
            Arg::optional(
                "query",
                Type::Query,
                "Finds further files, every ten seconds: rows with OSPath, and Accessor if need be.",
            ),
        ],
        permissions: &[Permission::FilesystemRead],
        version: 2,
        ..Signature::NEW
    },
    columns: &["Line"],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let limit = buffer_size(args, BUFFER_SIZE, 64 << 10)?;
    let targets = accessor::resolve_all(args, FILENAME, ACCESSOR)?;
    let query = args.optional(QUERY).filter(|query| !query.is_null());
    if targets.is_empty() && query.is_none() {
        return Err("either filename or query is required".into());
    }
    if targets.len() > MAX_FILES {
        return Err(format!("at most {MAX_FILES} files can be watched").into());
    }
    let tails = targets.into_iter().map(|target| Tail::new(target, Start::End, limit)).collect();
    let finder = query.map(|query| Finder { period: PERIOD, find: Box::new(move || find(args, &query)) });
    let schema = args.columns();
    follow(args, tails, limit, finder, &mut |_, event| match event {
        Event::Line(line) | Event::Late(line) => {
            sink.row(&mut Row { schema: schema.clone(), cells: vec![Value::text(line)] })
        }
        Event::Restart | Event::Idle => Ok(()),
    })
}

/// The files that the query names now.
fn find(args: &Args<'_>, query: &Value) -> Vec<Target> {
    let mut targets = Vec::new();
    let flow = args.scope.each(query, &mut |row| {
        let row = row.into_row();
        let accessor = match row.get_str("Accessor") {
            Some(Value::Text(name)) => name.to_str_lossy().into_owned(),
            _ => String::new(),
        };
        if let Some(path) = row.get_str("OSPath") {
            match accessor::target_of(args.scope, path, &accessor) {
                Ok(Some(target)) => targets.push(target),
                Ok(None) => {}
                Err(e) => args.scope.log(vql::host::Level::Default, format!("watch_syslog: {e}")),
            }
        }
        if targets.len() < MAX_FILES { Ok(()) } else { Err(Stop::Done) }
    });
    if let Err(Stop::Failed(e)) = flow {
        args.scope.log(vql::host::Level::Default, format!("watch_syslog: {e}"));
    }
    targets
}
