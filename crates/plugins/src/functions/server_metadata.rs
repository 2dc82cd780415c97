//! `server_metadata()`: free facts about the server.

use store::flow::SERVER;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::server::{Server, failed, shown};

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "server_metadata",
        doc: "What was noted about the server, as a dict; parameters of type server_metadata take their values there.",
        category: Category::Server,
        args: &[Arg::optional("metadata", Type::Dict, "Accepted, without effect.")],
        permissions: &[Permission::ServerAdmin],
        version: 3,
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    shown(&Server::of(args.scope)?.metadata.of(SERVER).map_err(failed)?)
}
