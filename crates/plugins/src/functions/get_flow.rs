//! `get_flow(client_id=, flow_id=)`: one collection.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::collection;
use crate::server::Server;

const CLIENT_ID: usize = 0;
const FLOW_ID: usize = 1;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "get_flow",
        doc: "The record of a collection: what was asked for and how far it got.",
        category: Category::Server,
        args: &[
            Arg::required("client_id", Type::Str, "The client, or \"server\"."),
            Arg::optional("flow_id", Type::Str, "The id of the collection."),
            Arg::optional("summary", Type::Bool, "Accepted; the record is always whole."),
        ],
        permissions: &[Permission::ReadResults],
        version: 3,
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    collection::find_shown(Server::of(args.scope)?, &args.string(CLIENT_ID)?, &args.string(FLOW_ID)?)
}
