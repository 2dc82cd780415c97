//! `FROM client_delete(client_id=, really_do_it=)`: forgets a client.

use vql::args::Args;
use vql::call::{Arg, Category, Flow, Plugin, Signature, Sink, Type};
use vql::permission::Permission;
use vql::value::{Row, Value};

use crate::client;
use crate::server::{Server, failed};
use crate::world::Surroundings;

const CLIENT_ID: usize = 0;
const REALLY_DO_IT: usize = 1;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "client_delete",
        doc: "Deletes a client with all that was collected from it; shows what would go unless really_do_it.",
        category: Category::Server,
        args: &[
            Arg::required("client_id", Type::Str, "The client."),
            Arg::optional("really_do_it", Type::Bool, "Delete, and do not only show."),
        ],
        permissions: &[Permission::DeleteResults],
        ..Signature::NEW
    },
    columns: &["client_id", "type", "vfs_path", "really_do_it"],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let server = Server::of(args.scope)?;
    let (id, really) = (args.string(CLIENT_ID)?, args.bool(REALLY_DO_IT));
    server.client(&id)?;
    let mut places = vec![("ClientInfo", format!("clients/{id}.json"))];
    for flow in server.flows.ids(&id).map_err(failed)? {
        places.push(("Flow", format!("clients/{id}/collections/{flow}")));
        let files = server.flows.files_of(&id, &flow).map_err(failed)?;
        places.extend(files.iter().map(|place| ("File", place.join("/"))));
    }
    if really {
        client::delete(server, &Surroundings::of(args.scope)?.user, &id)?;
    }
    for (kind, place) in places {
        let cells =
            vec![Value::from(id.as_str()), Value::from(kind), Value::from(place), Value::Bool(really)];
        sink.row(&mut Row { schema: args.columns(), cells })?;
    }
    Ok(())
}
