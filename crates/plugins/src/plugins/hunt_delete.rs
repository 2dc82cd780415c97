//! `FROM hunt_delete(hunt_id=, really_do_it=, archive=)`: deletes a hunt.

use store::hunt::HuntState;
use vql::args::Args;
use vql::call::{Arg, Category, Flow, Plugin, Signature, Sink, Type};
use vql::permission::Permission;
use vql::value::{Row, Value};

use crate::hunt::{self, Change};
use crate::server::{Server, failed};
use crate::world::Surroundings;

const HUNT_ID: usize = 0;
const REALLY_DO_IT: usize = 1;
const ARCHIVE: usize = 3;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "hunt_delete",
        doc: "Deletes a hunt with all its collections; shows what would go unless really_do_it.",
        category: Category::Server,
        args: &[
            Arg::required("hunt_id", Type::Str, "The id of the hunt."),
            Arg::optional("really_do_it", Type::Bool, "Delete, and do not only show."),
            Arg::optional("workers", Type::Int, "Accepted, without effect."),
            Arg::optional("archive", Type::Bool, "Keep all, and only mark the hunt as archived."),
        ],
        permissions: &[Permission::ServerAdmin],
        version: 2,
        ..Signature::NEW
    },
    columns: &["type", "data", "error"],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let server = Server::of(args.scope)?;
    let user = &Surroundings::of(args.scope)?.user;
    let (id, really) = (args.string(HUNT_ID)?, args.bool(REALLY_DO_IT));
    server.hunts.get(&id).map_err(failed)?;
    let mut row = |kind: &str, data: Value| {
        sink.row(&mut Row { schema: args.columns(), cells: vec![Value::from(kind), data, Value::from("")] })
    };
    if args.bool(ARCHIVE) {
        if really {
            let change = Change { state: Some(HuntState::Archived), ..Change::default() };
            hunt::change(server, user, &id, change)?;
        }
        return row("Archive", Value::dict([("hunt_id", Value::from(id.as_str()))]));
    }
    let parts = server.hunts.assignments(&id).map_err(failed)?;
    if really {
        hunt::delete(server, user, &id)?;
    }
    for part in parts {
        args.scope.tick()?;
        let data = [("client_id", Value::from(part.client_id)), ("flow_id", Value::from(part.flow_id))];
        row("Flow", Value::dict(data))?;
    }
    row("Hunt", Value::dict([("hunt_id", Value::from(id.as_str()))]))
}
