//! `cancel_flow(client_id=, flow_id=)`: stops a collection.

use serde_json::json;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::server::Server;
use crate::world::Surroundings;

const CLIENT_ID: usize = 0;
const FLOW_ID: usize = 1;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "cancel_flow",
        doc: "Stops a collection that is running; what it brought so far is kept.",
        category: Category::Server,
        args: &[
            Arg::required("client_id", Type::Str, "The client, or \"server\"."),
            Arg::required("flow_id", Type::Str, "The id of the collection."),
        ],
        permissions: &[Permission::CollectServer],
        version: 3,
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let server = Server::of(args.scope)?;
    let (client, id) = (args.string(CLIENT_ID)?, args.string(FLOW_ID)?);
    let running = server.running.lock().get(&id).filter(|c| c.client_id == client).cloned();
    let Some(running) = running else {
        return Err(Error::new(format!("client {client} has no running collection {id}")));
    };
    server.record(args.scope, "CancelFlow", json!({ "client": client, "flow_id": id }))?;
    running.stop(format!("Cancelled by {}", Surroundings::of(args.scope)?.user));
    Ok(Value::dict([("flow_id", Value::from(id.as_str()))]))
}
