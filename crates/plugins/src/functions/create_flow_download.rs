//! `create_flow_download(client_id=, flow_id=, …)`: packs a collection for download.

use serde_json::json;
use store::file_store::component;
use store::flow::Flow;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::cancel::Cancel;
use vql::path::{OsPath, PathKind};
use vql::permission::Permission;
use vql::text::Text;
use vql::value::Value;

use crate::collection;
use crate::collection::archive::{Packing, pack};
use crate::server::{Server, failed};

const CLIENT_ID: usize = 0;
const FLOW_ID: usize = 1;
const WAIT: usize = 2;
const TYPE: usize = 3;
const TEMPLATE: usize = 4;
const PASSWORD: usize = 5;
const FORMAT: usize = 6;
const NAME: usize = 8;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "create_flow_download",
        doc: "Packs a collection into a ZIP file of the file store; gives its path, whose Components VFSGetBuffer takes.",
        category: Category::Server,
        args: &[
            Arg::required("client_id", Type::Str, "The client, or \"server\"."),
            Arg::required("flow_id", Type::Str, "The id of the collection."),
            Arg::optional("wait", Type::Bool, "Return when the file is complete.").with_default("FALSE"),
            Arg::optional("type", Type::Str, "Only \"zip\" is known.").with_default("\"zip\""),
            Arg::optional("template", Type::Str, "Reports are not made: leave it out."),
            Arg::optional("password", Type::Str, "Encrypts what is inside with AES-256."),
            Arg::optional("format", Type::Str, "\"json\", or \"csv\" to have rows as CSV as well.")
                .with_default("\"json\""),
            Arg::optional("expand_sparse", Type::Bool, "Accepted; files are whole."),
            Arg::optional("name", Type::Str, "What to call the file; client and collection by default."),
        ],
        permissions: &[Permission::PrepareResults],
        version: 2,
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let server = Server::of(args.scope)?;
    let (client, id) = (args.string(CLIENT_ID)?, args.string(FLOW_ID)?);
    let flow = collection::find(server, &client, &id)?;
    let flow = flow.ok_or_else(|| Error::new(format!("client {client} has no collection {id}")))?;
    let packing = packing(args)?;
    let name = match args.string(NAME)? {
        name if name.is_empty() => format!("{client}-{id}"),
        name => name.trim_end_matches(".zip").to_owned(),
    };
    let place: Vec<String> = ["downloads", &client, &id].iter().map(|part| component(part)).collect();
    let place: Vec<String> = place.into_iter().chain([component(&name) + ".zip"]).collect();
    server.record(args.scope, "CreateDownload", json!({ "client": client, "flow_id": id }))?;
    if args.bool(WAIT) {
        write(server, &flow, &packing, args.scope.cancel(), &place)?;
    } else {
        let (server, place, cancel) = (server.clone(), place.clone(), server.stopping.child());
        let work = move || {
            if let Err(error) = write(&server, &flow, &packing, &cancel, &place) {
                tracing::error!(flow = %flow.session_id, %error, "cannot pack a collection");
            }
        };
        let thread = std::thread::Builder::new().name("download".into()).spawn(work);
        thread.map_err(|e| Error::new(format!("no thread to pack the collection: {e}")))?;
    }
    let components = place.iter().map(|part| Text::from(part.as_str())).collect();
    Ok(Value::Path(OsPath::new(PathKind::Generic, components).accessed_by("fs".into()).into()))
}

fn packing(args: &Args<'_>) -> Result<Packing, Error> {
    let kind = args.string(TYPE)?;
    if !matches!(kind.as_str(), "" | "zip") {
        return Err(Error::new(format!("type {kind} is not known: leave it out for a ZIP file")));
    }
    if !args.string(TEMPLATE)?.is_empty() {
        return Err("reports are not made: leave template out".into());
    }
    let csv = match args.string(FORMAT)?.as_str() {
        "" | "json" | "jsonl" => false,
        "csv" | "csv_only" => true,
        other => return Err(Error::new(format!("format {other} is not known: give json or csv"))),
    };
    Ok(Packing { password: args.string(PASSWORD)?, csv })
}

/// Writes beside the place and moves it there: a file that is there is whole.
fn write(
    server: &Server,
    flow: &Flow,
    packing: &Packing,
    cancel: &Cancel,
    place: &[String],
) -> Result<(), Error> {
    let mut part = place.to_vec();
    if let Some(name) = part.last_mut() {
        *name = format!("{name}.part");
    }
    let file = server.files.create(&part).map_err(failed)?;
    let packed = pack(server, flow, packing, cancel, &file);
    if packed.is_ok() {
        file.sync_all().map_err(|e| Error::new(e.to_string()))?;
        server.files.rename(&part, place).map_err(failed)?;
    } else {
        let _ = server.files.remove(&part);
    }
    packed
}
