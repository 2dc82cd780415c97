//! `cancel_flow(client_id=, flow_id=)`: stops a collection.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::value::Value;

use crate::collection;
use crate::server::Server;
use crate::world::Surroundings;

const CLIENT_ID: usize = 0;
const FLOW_ID: usize = 1;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "cancel_flow",
        doc: "Stops a collection that is running or waits for its client; what it brought so far is kept. Needs \
              COLLECT_CLIENT, or COLLECT_SERVER on the server.",
        category: Category::Server,
        args: &[
            Arg::required("client_id", Type::Str, "The client, or \"server\"."),
            Arg::required("flow_id", Type::Str, "The id of the collection."),
        ],
        version: 3,
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let (client, id) = (args.string(CLIENT_ID)?, args.string(FLOW_ID)?);
    let user = &Surroundings::of(args.scope)?.user;
    let permissions = args.scope.context().permissions;
    collection::cancel(Server::of(args.scope)?, user, permissions, &client, &id)?;
    Ok(Value::dict([("flow_id", Value::from(id.as_str()))]))
}
