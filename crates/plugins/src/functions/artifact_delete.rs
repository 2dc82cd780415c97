//! `artifact_delete(name=)`: forgets an artifact that somebody defined.

use serde_json::json;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::value::Value;

use super::artifact_set::check_writer;
use crate::server::Server;
use crate::world::World;

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
    let artifacts = &World::of(args.scope)?.artifacts;
    let definition =
        artifacts.find(&name).ok_or_else(|| Error::new(format!("artifact {name} is not known")))?;
    check_writer(args.scope.context().permissions, &definition)?;
    Server::of(args.scope)?.record(args.scope, "DeleteArtifactFile", json!({ "artifact": name }))?;
    artifacts.delete(&name)?;
    Ok(Value::from(name.as_str()))
}
