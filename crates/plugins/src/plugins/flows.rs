//! `FROM flows(client_id=, flow_id=, summary=)`: the collections of a client.

use vql::args::Args;
use vql::call::{Arg, Category, Flow, Plugin, Signature, Sink, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::collection;
use crate::server::{Server, failed, shown};

const CLIENT_ID: usize = 0;
const FLOW_ID: usize = 1;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "flows",
        doc: "The collections of a client, newest first.",
        category: Category::Server,
        args: &[
            Arg::required("client_id", Type::Str, "The client, or \"server\"."),
            Arg::optional("flow_id", Type::Str, "Only this collection."),
            Arg::optional("summary", Type::Bool, "Accepted; records are always whole."),
        ],
        permissions: &[Permission::ReadResults],
        version: 3,
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let server = Server::of(args.scope)?;
    let client = args.string(CLIENT_ID)?;
    let only = args.string(FLOW_ID)?;
    let ids = if only.is_empty() { server.flows.ids(&client).map_err(failed)? } else { vec![only] };
    for id in ids {
        args.scope.tick()?;
        // One that was deleted since is no longer there to be shown.
        let Some(flow) = collection::find(server, &client, &id)? else { continue };
        if let Value::Dict(row) = shown(&flow)? {
            sink.row(&mut row.snapshot())?;
        }
    }
    Ok(())
}
