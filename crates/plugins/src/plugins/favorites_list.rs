//! `FROM favorites_list()`: the favourites of the user who asks.

use vql::args::Args;
use vql::call::{Category, Flow, Plugin, Signature, Sink};

use crate::server::{Server, failed, shown_row};
use crate::world::Surroundings;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "favorites_list",
        doc: "The favourites of the user who asks, in the order they were first kept.",
        category: Category::Server,
        ..Signature::NEW
    },
    columns: &["name", "description", "spec", "type"],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let user = &Surroundings::of(args.scope)?.user;
    for favorite in Server::of(args.scope)?.profiles.of(user).map_err(failed)?.favorites {
        sink.row(&mut shown_row(&favorite)?)?;
    }
    Ok(())
}
