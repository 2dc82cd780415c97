//! `rm_server_monitoring(artifact=)`: stops an event artifact of the server.

use serde_json::json;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::monitoring;
use crate::server::{Server, shown};

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "rm_server_monitoring",
        doc: "Stops an event artifact of the server; gives what is left of the table.",
        category: Category::Server,
        args: &[Arg::required("artifact", Type::Str, "The artifact.")],
        permissions: &[Permission::CollectServer],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let server = Server::of(args.scope)?;
    let artifact = args.string(0)?;
    if !server.monitoring.entries().iter().any(|e| e.artifact == artifact) {
        return Err(Error::new(format!("{artifact} is not in the table")));
    }
    server.record(args.scope, "RemoveServerMonitoring", json!({ "artifact": artifact }))?;
    monitoring::change(server, |entries| entries.retain(|e| e.artifact != artifact))?;
    shown(&monitoring::as_request(server))
}
