//! `hunt_add(hunt_id=, client_id=, flow_id=, relaunch=)`: adds a client to a hunt.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::hunt;
use crate::server::Server;
use crate::world::Surroundings;

const CLIENT_ID: usize = 0;
const HUNT_ID: usize = 1;
const FLOW_ID: usize = 2;
const RELAUNCH: usize = 3;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "hunt_add",
        doc: "Adds a client to a hunt, whatever its conditions: with a new collection, or with one that it has.",
        category: Category::Server,
        args: &[
            Arg::required("client_id", Type::Str, "The client."),
            Arg::required("hunt_id", Type::Str, "The id of the hunt."),
            Arg::optional("flow_id", Type::Str, "A collection of the client to count among the hunt's."),
            Arg::optional("relaunch", Type::Bool, "Collect again from a client that takes part already."),
        ],
        permissions: &[Permission::StartHunt],
        version: 2,
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let (client, id) = (args.string(CLIENT_ID)?, args.string(HUNT_ID)?);
    let user = &Surroundings::of(args.scope)?.user;
    hunt::add(Server::of(args.scope)?, user, &id, &client, &args.string(FLOW_ID)?, args.bool(RELAUNCH))?;
    Ok(Value::from(id))
}
