//! `FROM enumerate_flow(client_id=, flow_id=)`: the files that a collection takes in the file store.

use vql::args::Args;
use vql::call::{Arg, Category, Flow, Plugin, Signature, Sink, Type};
use vql::permission::Permission;
use vql::value::{Row, Value};

use crate::server::{Server, failed};

const CLIENT_ID: usize = 0;
const FLOW_ID: usize = 1;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "enumerate_flow",
        doc: "The files that a collection takes in the file store.",
        category: Category::Server,
        args: &[
            Arg::required("client_id", Type::Str, "The client, or \"server\"."),
            Arg::optional("flow_id", Type::Str, "The id of the collection."),
        ],
        permissions: &[Permission::ReadResults],
        version: 3,
        ..Signature::NEW
    },
    columns: &["type", "data", "error", "id"],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let server = Server::of(args.scope)?;
    let (client, id) = (args.string(CLIENT_ID)?, args.string(FLOW_ID)?);
    for place in server.flows.files_of(&client, &id).map_err(failed)? {
        let kind = match place.get(4).map(String::as_str) {
            Some("results") => "Result",
            Some("uploads") => "Upload",
            Some("logs.jsonl") => "Log",
            _ => "UploadMetadata",
        };
        sink.row(&mut deleted_row(args, kind, &place.join("/"), &id))?;
    }
    Ok(())
}

/// A row about one file of a collection.
pub(super) fn deleted_row(args: &Args<'_>, kind: &str, path: &str, id: &str) -> Row {
    let cells = vec![
        Value::from(kind),
        Value::dict([("VFSPath", Value::from(path))]),
        Value::from(""),
        Value::from(id),
    ];
    Row { schema: args.columns(), cells }
}
