//! `FROM parse_evtx(filename=, …)`: the events of Windows event logs.

use forensics::evtx;
use vql::args::Args;
use vql::call::{Arg, Category, Flow, Plugin, Signature, Sink, Type};
use vql::host::Level;
use vql::permission::Permission;
use vql::schema::Name;
use vql::value::Row;

use crate::evidence::{self, End, json};

const FILENAME: usize = 0;
const ACCESSOR: usize = 1;
const MESSAGEDB: usize = 2;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "parse_evtx",
        doc: "The events of Windows event logs: `System`, and `EventData` or `UserData`.",
        category: Category::Parsers,
        args: &[
            Arg::required("filename", Type::PathList, "The logs to read."),
            Arg::optional("accessor", Type::Str, "How to read the files.").with_default("\"auto\""),
            Arg::optional(
                "messagedb",
                Type::Str,
                "A database of messages; not read, so that rows have no `Message`.",
            ),
            Arg::optional("workers", Type::Int, "Accepted; one thread reads."),
        ],
        permissions: &[Permission::FilesystemRead],
        version: 2,
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    if !args.text(MESSAGEDB)?.is_empty() {
        args.scope.log(Level::Warn, "parse_evtx: message databases are not read");
    }
    evidence::each(args, FILENAME, ACCESSOR, |target, file| {
        let mut flow: Flow = Ok(());
        evtx::records(file, |record| {
            flow = match record {
                Ok(record) => {
                    let mut row = Row::default();
                    for (name, value) in record.parts {
                        row.set(&Name::new(&name), json(value));
                    }
                    args.scope.tick().and_then(|()| sink.row(&mut row))
                }
                Err(e) => {
                    let line = format!("parse_evtx: {}", evidence::failure(target, &e));
                    args.scope.log(Level::Default, line);
                    args.scope.tick()
                }
            };
            flow.is_ok()
        })?;
        flow.map_err(End::Stop)
    })
}
