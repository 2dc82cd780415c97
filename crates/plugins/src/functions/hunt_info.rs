//! `hunt_info(hunt_id=)`: one hunt.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::server::{Server, failed, microseconds, shown};

const HUNT_ID: usize = 0;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "hunt_info",
        doc: "The record of a hunt: what it collects, from which clients and how far it got.",
        category: Category::Server,
        args: &[Arg::optional("hunt_id", Type::Str, "The id of the hunt.")],
        permissions: &[Permission::ReadResults],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let hunt = Server::of(args.scope)?.hunts.get(&args.string(HUNT_ID)?).map_err(failed)?;
    shown(&hunt.at(microseconds()))
}
