//! `environ(var=)`: an environment variable.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::world::World;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "environ",
        doc: "The value of an environment variable; NULL when it is not set.",
        category: Category::Host,
        args: &[Arg::required("var", Type::Str, "The name of the variable.")],
        permissions: &[Permission::MachineState],
        examples: &[Example::new("Not set", "environ(var='NO_SUCH_VARIABLE')", "null")],
        ..Signature::NEW
    },
    on_error: OnError::False,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let name = args.string(0)?;
    Ok(World::of(args.scope)?.variable(&name).map_or(Value::Null, Value::from))
}
