//! `FROM gui_users()`: the users.

use vql::args::Args;
use vql::call::{Arg, Category, Flow, Plugin, Signature, Sink, Type};
use vql::value::Row;

use crate::server::Server;
use crate::user::{self, check_self_or_admin};

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "gui_users",
        doc: "The users; what others may do is shown to those who hold SERVER_ADMIN or ORG_ADMIN.",
        category: Category::Server,
        args: &[Arg::optional("all_orgs", Type::Bool, "Accepted; there is one org.")],
        ..Signature::NEW
    },
    columns: user::COLUMNS,
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    for user in user::all(Server::of(args.scope)?)? {
        args.scope.tick()?;
        let detail = check_self_or_admin(args.scope, &user.name).is_ok();
        sink.row(&mut Row { schema: args.columns(), cells: user::cells(&user, detail)? })?;
    }
    Ok(())
}
