//! `add_server_monitoring(artifact=, parameters=)`: runs an event artifact on the server from now on.

use serde_json::json;
use store::flow::Request;
use store::monitoring::Entry;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::{Row, Value};

use crate::collection::request::add_artifacts;
use crate::monitoring;
use crate::server::{Server, shown};
use crate::world::Surroundings;

const ARTIFACT: usize = 0;
const PARAMETERS: usize = 1;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "add_server_monitoring",
        doc: "Runs an event artifact on the server from now on, also after a restart; gives the whole table. It runs \
              with the rights of the caller.",
        category: Category::Server,
        args: &[
            Arg::required("artifact", Type::Str, "An artifact of type SERVER_EVENT."),
            Arg::optional("parameters", Type::Dict, "Its parameters."),
        ],
        permissions: &[Permission::CollectServer],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let server = Server::of(args.scope)?;
    let surroundings = Surroundings::of(args.scope)?;
    let artifact = args.string(ARTIFACT)?;
    let parameters = args.dict(PARAMETERS)?.map(|d| d.snapshot()).unwrap_or_default();
    let entry = entry(args, &artifact, &parameters)?;
    let details = json!({ "artifact": artifact, "parameters": entry.parameters });
    server.record(args.scope, "AddServerMonitoring", details)?;
    let entry = Entry { creator: surroundings.user.clone(), ..entry };
    monitoring::change(server, |entries| {
        entries.retain(|e| e.artifact != artifact);
        entries.push(entry);
    })?;
    shown(&monitoring::as_request(server))
}

/// An artifact with its parameters as text, checked.
pub(super) fn entry(args: &Args<'_>, artifact: &str, parameters: &Row) -> Result<Entry, Error> {
    let repository = &Surroundings::of(args.scope)?.world.artifacts;
    monitoring::event_artifact(repository, artifact)?;
    let mut request = Request::default();
    add_artifacts(&mut request, repository, &[artifact.to_owned()], parameters, &Row::default())?;
    let parameters = request.specs.pop().map(|s| s.parameters).unwrap_or_default();
    Ok(Entry { artifact: artifact.to_owned(), parameters, creator: String::new() })
}
