//! `FROM clients(search=, client_id=)`: the clients that the server knows.

use store::client::Search;
use vql::args::Args;
use vql::call::{Arg, Category, Flow, Plugin, Signature, Sink, Type};
use vql::permission::Permission;

use crate::server::{Server, shown_row};

const SEARCH: usize = 0;
const CLIENT_ID: usize = 1;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "clients",
        doc: "The clients that the server knows, all of them or those that a search finds.",
        category: Category::Server,
        args: &[
            Arg::optional(
                "search",
                Type::Str,
                "all, label:, host:, client:, mac:, ip: with * for any text, recent:, or the start of a host name or id.",
            )
            .with_default("\"all\""),
            Arg::optional("client_id", Type::Str, "Only this client."),
        ],
        permissions: &[Permission::ReadResults],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let server = Server::of(args.scope)?;
    let id = args.string(CLIENT_ID)?;
    if !id.is_empty() {
        return match server.clients.find(&id) {
            Some(client) => sink.row(&mut shown_row(&*client)?),
            None => Ok(()),
        };
    }
    for client in server.clients.search(&Search::parse(&args.string(SEARCH)?)) {
        args.scope.tick()?;
        sink.row(&mut shown_row(&*client)?)?;
    }
    Ok(())
}
