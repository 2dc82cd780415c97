//! `FROM delete_flow(client_id=, flow_id=, really_do_it=)`: deletes a collection.

use serde_json::json;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Flow, Plugin, Signature, Sink, Type};
use vql::permission::Permission;

use super::enumerate_flow::deleted_row;
use crate::server::{Server, failed};

const FLOW_ID: usize = 0;
const CLIENT_ID: usize = 1;
const REALLY_DO_IT: usize = 2;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "delete_flow",
        doc: "Deletes a collection with its rows and files; shows what would go unless really_do_it.",
        category: Category::Server,
        args: &[
            Arg::required("flow_id", Type::Str, "The id of the collection."),
            Arg::required("client_id", Type::Str, "The client, or \"server\"."),
            Arg::optional("really_do_it", Type::Bool, "Delete, and do not only show."),
            Arg::optional("sync", Type::Bool, "Accepted; deleting is done when the rows are there."),
        ],
        permissions: &[Permission::DeleteResults],
        version: 2,
        ..Signature::NEW
    },
    columns: &["type", "data", "error", "id"],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let server = Server::of(args.scope)?;
    let (id, client) = (args.string(FLOW_ID)?, args.string(CLIENT_ID)?);
    if server.running.lock().contains_key(&id) {
        return Err(Error::from("the collection is running: cancel_flow() it first").into());
    }
    let places = server.flows.files_of(&client, &id).map_err(failed)?;
    if args.bool(REALLY_DO_IT) {
        server.record(args.scope, "DeleteFlow", json!({ "client": client, "flow_id": id }))?;
        server.flows.delete(&client, &id).map_err(failed)?;
    }
    for place in places {
        sink.row(&mut deleted_row(args, "File", &place.join("/"), &id))?;
    }
    Ok(())
}
