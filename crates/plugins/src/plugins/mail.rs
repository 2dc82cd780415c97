//! `FROM mail(to=, body=, server=, …)`: sends a mail; the old form of the function.

use vql::args::Args;
use vql::call::{Category, Flow, Plugin, Signature, Sink};
use vql::permission::Permission;
use vql::value::Row;

use crate::net::mail::{self, COLUMNS};

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "mail",
        doc: "Sends a mail; a row says what was sent.",
        category: Category::Network,
        args: mail::ARGS,
        permissions: &[Permission::Network],
        version: 2,
        ..Signature::NEW
    },
    columns: COLUMNS,
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let cells = mail::send(args)?;
    sink.row(&mut Row { schema: args.columns(), cells })
}
