//! `FROM user_messages(user=, clear=)`: the messages left for a user.

use vql::args::Args;
use vql::call::{Arg, Category, Flow, Plugin, Signature, Sink, Type};

use crate::server::{Server, failed, shown_row};
use crate::user::check_self_or_admin;
use crate::world::Surroundings;

const CLEAR: usize = 0;
const USER: usize = 1;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "user_messages",
        doc: "The messages left for a user, oldest first; others than oneself need SERVER_ADMIN or ORG_ADMIN.",
        category: Category::Server,
        args: &[
            Arg::optional("clear", Type::Bool, "Forget them."),
            Arg::optional("user", Type::Str, "The name; the user who asks by default."),
        ],
        version: 1,
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let server = Server::of(args.scope)?;
    let mut name = args.string(USER)?;
    if name.is_empty() {
        name.clone_from(&Surroundings::of(args.scope)?.user);
    }
    check_self_or_admin(args.scope, &name)?;
    let messages = match args.bool(CLEAR) {
        false => server.profiles.of(&name).map(|profile| profile.messages),
        true => server.profiles.update(&name, |profile| Ok(std::mem::take(&mut profile.messages))),
    };
    for message in messages.map_err(failed)? {
        sink.row(&mut shown_row(&message)?)?;
    }
    Ok(())
}
