//! `info()`: facts of the host, as a dict.

use vql::args::Args;
use vql::call::{Category, Error, Example, Function, FunctionBody, OnError, Signature};
use vql::permission::Permission;
use vql::value::Value;

use crate::machine::facts;
use crate::world::World;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "info",
        doc: "Facts of the host: the row of the plugin of the same name, as a dict.",
        category: Category::Host,
        permissions: &[Permission::MachineState],
        examples: &[Example::new("One fact", "info().OS", "\"linux\"")],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let columns = args.scope.context().registry.columns("info");
    Ok(facts::row(World::of(args.scope)?, args.scope.host().now(), columns).into())
}
