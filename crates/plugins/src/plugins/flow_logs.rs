//! `FROM flow_logs(client_id=, flow_id=)`: the log lines of a collection.

use vql::args::Args;
use vql::call::{Arg, Category, Flow, Plugin, Signature, Sink, Type};
use vql::permission::Permission;

use crate::collection::read::{Part, push_part};
use crate::server::{Server, failed};

const FLOW_ID: usize = 0;
const CLIENT_ID: usize = 1;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "flow_logs",
        doc: "The log lines of a collection, oldest first.",
        category: Category::Server,
        args: &[
            Arg::required("flow_id", Type::Str, "The id of the collection."),
            Arg::required("client_id", Type::Str, "The client, or \"server\"."),
        ],
        permissions: &[Permission::ReadResults],
        ..Signature::NEW
    },
    columns: &["_ts", "client_time", "level", "message", "artifact"],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let server = Server::of(args.scope)?;
    let log = server.flows.log(&args.string(CLIENT_ID)?, &args.string(FLOW_ID)?).map_err(failed)?;
    push_part(args, log, 0, Part::ALL, sink).map(drop)
}
