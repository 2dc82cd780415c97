//! `get_server_monitoring()`: the event artifacts that run on the server.

use vql::args::Args;
use vql::call::{Category, Error, Function, FunctionBody, OnError, Signature};
use vql::permission::Permission;
use vql::value::Value;

use crate::monitoring;
use crate::server::{Server, shown};

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "get_server_monitoring",
        doc: "The event artifacts that run on the server, with their parameters.",
        category: Category::Server,
        permissions: &[Permission::ReadResults],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    shown(&monitoring::as_request(Server::of(args.scope)?))
}
