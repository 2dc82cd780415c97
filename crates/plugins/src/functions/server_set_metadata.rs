//! `server_set_metadata(metadata=, …)`: notes facts about the server.

use store::flow::SERVER;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use super::client_set_metadata::facts;
use crate::client;
use crate::server::{Server, to_stored_object};
use crate::world::Surroundings;

const METADATA: usize = 0;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "server_set_metadata",
        doc: "Notes facts about the server, under any name.",
        category: Category::Server,
        args: &[Arg::optional("metadata", Type::Dict, "Facts to set; NULL takes one away, others stay.")],
        free_form: true,
        permissions: &[Permission::ServerAdmin],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let members = to_stored_object(&facts(args, METADATA)?)?;
    client::set_metadata(Server::of(args.scope)?, &Surroundings::of(args.scope)?.user, SERVER, members)?;
    Ok(Value::Bool(true))
}
