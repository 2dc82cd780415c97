//! `FROM hunts(hunt_id=, summary=)`: the hunts.

use vql::args::Args;
use vql::call::{Arg, Category, Flow, Plugin, Signature, Sink, Type};
use vql::permission::Permission;

use crate::server::{Server, microseconds, shown_row};

const HUNT_ID: usize = 0;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "hunts",
        doc: "The hunts, newest first.",
        category: Category::Server,
        args: &[
            Arg::optional("hunt_id", Type::Str, "Only this hunt."),
            Arg::optional("summary", Type::Bool, "Accepted; records are always whole."),
        ],
        permissions: &[Permission::ReadResults],
        version: 2,
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let server = Server::of(args.scope)?;
    let id = args.string(HUNT_ID)?;
    let hunts =
        if id.is_empty() { server.hunts.list() } else { server.hunts.find(&id).into_iter().collect() };
    for hunt in hunts {
        args.scope.tick()?;
        sink.row(&mut shown_row(&hunt.at(microseconds()))?)?;
    }
    Ok(())
}
