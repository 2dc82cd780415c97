//! `client_info(client_id=)`: the record of a client.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::server::{Server, shown};

const CLIENT_ID: usize = 0;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "client_info",
        doc: "The record of a client: its host, its agent, its labels, when it was seen.",
        category: Category::Server,
        args: &[Arg::required("client_id", Type::Str, "The client.")],
        permissions: &[Permission::ReadResults],
        version: 2,
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    shown(&*Server::of(args.scope)?.client(&args.string(CLIENT_ID)?)?)
}
