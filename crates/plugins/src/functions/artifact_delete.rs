//! `artifact_delete(name=)`: forgets an artifact that somebody defined.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::value::Value;

use super::artifact_set::author;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "artifact_delete",
        doc: "Forgets an artifact that somebody defined; gives its name. Needs the right to define it.",
        category: Category::Server,
        args: &[Arg::required("name", Type::Str, "The name of the artifact.")],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let name = args.string(0)?;
    author(args.scope)?.delete(&name)?;
    Ok(Value::from(name.as_str()))
}
