//! `org()`: the present org.

use vql::args::Args;
use vql::call::{Category, Error, Function, FunctionBody, OnError, Signature};
use vql::value::Value;

use crate::server::{ROOT_ORG, Server};
use crate::user::ROOT_NAME;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "org",
        doc: "The present org, with what clients have to know to find its server.",
        category: Category::Server,
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let config = Server::of(args.scope)?.client_config.clone();
    Ok(Value::dict([
        ("Name", Value::from(ROOT_NAME)),
        ("OrgId", Value::from(ROOT_ORG)),
        ("_client_config", config),
    ]))
}
