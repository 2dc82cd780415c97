//! `client_set_metadata(client_id=, metadata=, modify=, …)`: notes facts about a client.

use store::flow::SERVER;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::{Row, Value};

use crate::client;
use crate::server::{Server, demand, failed, shown, to_stored_object};
use crate::world::Surroundings;

const CLIENT_ID: usize = 0;
const METADATA: usize = 1;
const MODIFY: usize = 2;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "client_set_metadata",
        doc: "Notes facts about a client, under any name; needs COLLECT_CLIENT, or SERVER_ADMIN for the server.",
        category: Category::Server,
        args: &[
            Arg::required("client_id", Type::Str, "The client, or \"server\"."),
            Arg::optional("metadata", Type::Dict, "Facts to set; NULL takes one away, others stay."),
            Arg::optional(
                "modify",
                Type::Lambda,
                "Gets all facts as a dict and gives those to have instead.",
            ),
        ],
        free_form: true,
        version: 3,
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let client = args.string(CLIENT_ID)?;
    if client == SERVER {
        demand(args.scope.context().permissions, &[Permission::ServerAdmin])?;
    } else {
        demand(args.scope.context().permissions, &[Permission::CollectClient])?;
    }
    let server = Server::of(args.scope)?;
    let user = &Surroundings::of(args.scope)?.user;
    if let Some(modify) = args.lambda(MODIFY)? {
        let before = shown(&server.metadata.of(&client).map_err(failed)?)?;
        let Value::Dict(after) = modify.call(args.scope, &[before]) else {
            return Err("modify should give a dict".into());
        };
        client::replace_metadata(server, user, &client, to_stored_object(&after.snapshot())?)?;
    }
    let members = facts(args, METADATA)?;
    if !members.cells.is_empty() {
        client::set_metadata(server, user, &client, to_stored_object(&members)?)?;
    }
    Ok(Value::Bool(true))
}

/// What the dict says and what stands beside it.
pub(super) fn facts(args: &Args<'_>, metadata: usize) -> Result<Row, Error> {
    let mut facts = args.dict(metadata)?.map(|d| d.snapshot()).unwrap_or_default();
    for (name, value) in args.rest_row().iter() {
        facts.set(name, value.clone());
    }
    for cell in &mut facts.cells {
        *cell = args.scope.listed(std::mem::take(cell));
    }
    Ok(facts)
}
