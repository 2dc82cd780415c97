//! `FROM uploads(client_id=, flow_id=)`: the files of a collection.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Flow, Plugin, Signature, Sink, Type};
use vql::permission::Permission;

use super::source::argument_or_variable;
use crate::collection::read::{Part, push_part};
use crate::hunt;
use crate::server::{Server, failed};

const CLIENT_ID: usize = 0;
const FLOW_ID: usize = 1;
const HUNT_ID: usize = 2;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "uploads",
        doc: "The files that a collection uploaded; VFSGetBuffer takes Upload.Components.",
        category: Category::Server,
        args: &[
            Arg::optional(
                "client_id",
                Type::Str,
                "The client, or \"server\"; the variable ClientId by default.",
            ),
            Arg::optional("flow_id", Type::Str, "The id of the collection; the variable FlowId by default."),
            Arg::optional(
                "hunt_id",
                Type::Str,
                "The hunt, instead of one collection; the variable HuntId by default.",
            ),
            Arg::optional("notebook_id", Type::Str, "There are no notebooks."),
        ],
        permissions: &[Permission::ReadResults],
        version: 2,
        ..Signature::NEW
    },
    columns: &[
        "started",
        "vfs_path",
        "client_path",
        "_Components",
        "_accessor",
        "file_size",
        "uploaded_size",
        "Type",
        "Upload",
    ],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let server = Server::of(args.scope)?;
    let hunt = argument_or_variable(args, HUNT_ID, "HuntId")?;
    if !hunt.is_empty() {
        for part in hunt::parts(server, &hunt)? {
            let part = part?;
            let uploads = server.flows.uploads(&part.client_id, &part.flow_id).map_err(failed)?;
            push_part(args, uploads, 0, Part::ALL, sink)?;
        }
        return Ok(());
    }
    let client = argument_or_variable(args, CLIENT_ID, "ClientId")?;
    let flow = argument_or_variable(args, FLOW_ID, "FlowId")?;
    if flow.is_empty() {
        return Err(Error::from("name a collection: client_id and flow_id").into());
    }
    let uploads = server.flows.uploads(&client, &flow).map_err(failed)?;
    push_part(args, uploads, 0, Part::ALL, sink).map(drop)
}
