//! `send_event(artifact=, row=, client_id=)`: pushes a row to an event queue.

use serde_json::Map;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::json::{self, JsonOptions};
use vql::permission::Permission;
use vql::value::Value;

use crate::server::{Server, failed};
use crate::world::Surroundings;

const ARTIFACT: usize = 0;
const CLIENT_ID: usize = 1;
const ROW: usize = 2;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "send_event",
        doc: "Pushes a row to an event queue; TRUE when it is on disk.",
        category: Category::Server,
        args: &[
            Arg::required("artifact", Type::Str, "The name of the queue."),
            Arg::optional("client_id", Type::Str, "Only \"server\" has queues.").with_default("\"server\""),
            Arg::required("row", Type::Dict, "The row."),
        ],
        permissions: &[Permission::Publish],
        version: 2,
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let server = Server::of(args.scope)?;
    let client = args.string(CLIENT_ID)?;
    if !matches!(client.as_str(), "" | store::flow::SERVER) {
        return Err(Error::new(format!("client {client} has no event queues")));
    }
    let row = args.dict(ROW)?.ok_or("row should be a dict")?;
    let mut text = Vec::new();
    json::write_row(&row.snapshot(), &mut text, &JsonOptions::default());
    let object: Map<String, serde_json::Value> =
        serde_json::from_slice(&text).map_err(|e| Error::new(e.to_string()))?;
    let now = jiff::Timestamp::now().as_second();
    let sender = [("_Sender", Surroundings::of(args.scope)?.user.as_str().into())];
    let rows = store::event::parse_rows([object], now, &sender).map_err(failed)?;
    server.events.append(&args.string(ARTIFACT)?, rows).map_err(failed)?;
    Ok(Value::Bool(true))
}
