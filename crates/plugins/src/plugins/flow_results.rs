//! `FROM flow_results(client_id=, flow_id=, artifact=, source=)`: the rows of a collection.

use vql::args::Args;
use vql::call::{Arg, Category, Flow, Plugin, Signature, Sink, Type};
use vql::permission::Permission;

use crate::collection::read::{self, Part};
use crate::server::Server;

const ARTIFACT: usize = 0;
const SOURCE: usize = 1;
const FLOW_ID: usize = 2;
const CLIENT_ID: usize = 3;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "flow_results",
        doc: "The rows that a collection brought.",
        category: Category::Server,
        args: &[
            Arg::optional("artifact", Type::Str, "The artifact, or Artifact/Source; all by default."),
            Arg::optional("source", Type::Str, "The source of the artifact; all by default."),
            Arg::required("flow_id", Type::Str, "The id of the collection."),
            Arg::required("client_id", Type::Str, "The client, or \"server\"."),
        ],
        permissions: &[Permission::ReadResults],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let server = Server::of(args.scope)?;
    let (client, id) = (args.string(CLIENT_ID)?, args.string(FLOW_ID)?);
    let sources = read::sources(server, &client, &id, &args.string(ARTIFACT)?, &args.string(SOURCE)?)?;
    read::push(args, server, (&client, &id), &sources, Part::ALL, sink)
}
