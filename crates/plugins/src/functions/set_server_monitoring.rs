//! `set_server_monitoring(value=)`: replaces the event artifacts that run on the server.

use serde_json::json;
use store::flow::Request;
use store::monitoring::Entry;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::json::{self as vql_json, JsonOptions};
use vql::permission::Permission;
use vql::value::{Row, Value};

use super::add_server_monitoring::entry;
use crate::monitoring;
use crate::server::{Server, shown};
use crate::world::Surroundings;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "set_server_monitoring",
        doc: "Replaces the event artifacts that run on the server; they run with the rights of the caller.",
        category: Category::Server,
        args: &[Arg::required("value", Type::Any, "A table as get_server_monitoring() gives it.")],
        permissions: &[Permission::CollectServer],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let server = Server::of(args.scope)?;
    let request = table(&args.value(0))?;
    let user = &Surroundings::of(args.scope)?.user;
    let mut entries = Vec::new();
    for artifact in &request.artifacts {
        let spec = request.specs.iter().find(|s| s.artifact == *artifact);
        let mut checked = entry(args, artifact, &Row::default())?;
        if let Some(spec) = spec {
            checked.parameters = spec.parameters.clone();
        }
        entries.push(Entry { creator: user.clone(), ..checked });
    }
    server.record(args.scope, "SetServerMonitoring", json!({ "artifacts": request.artifacts }))?;
    monitoring::change(server, |table| *table = entries)?;
    shown(&monitoring::as_request(server))
}

fn table(value: &Value) -> Result<Request, Error> {
    let mut text = Vec::new();
    match value {
        Value::Text(given) => text.extend_from_slice(given),
        other => vql_json::write_value(other, &mut text, &JsonOptions::default()),
    }
    serde_json::from_slice(&text).map_err(|e| Error::new(format!("value is no table: {e}")))
}
