//! `label(client_id=, labels=, op=)`: labels of a client.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::client::{self, LabelChange};
use crate::server::{Server, strings};
use crate::world::Surroundings;

const CLIENT_ID: usize = 0;
const LABELS: usize = 1;
const OP: usize = 2;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "label",
        doc: "Sets or removes labels of a client, or tells whether it has all of them. Labels keep their spelling and \
              are compared ignoring case.",
        category: Category::Server,
        args: &[
            Arg::required("client_id", Type::Str, "The client."),
            Arg::required("labels", Type::StrList, "The labels."),
            Arg::optional("op", Type::Str, "set, remove or check.").with_default("\"set\""),
        ],
        permissions: &[Permission::LabelClient],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let server = Server::of(args.scope)?;
    let (id, labels) = (args.string(CLIENT_ID)?, strings(args, LABELS)?);
    let change = match args.string(OP)?.as_str() {
        "" | "set" => LabelChange::Set,
        "remove" => LabelChange::Remove,
        "check" => {
            let client = server.client(&id)?;
            return Ok(Value::Bool(labels.iter().all(|label| client.has_label(label))));
        }
        op => return Err(Error::new(format!("op {op} is not known: set, remove or check"))),
    };
    client::label(server, &Surroundings::of(args.scope)?.user, &id, &labels, change)?;
    Ok(Value::Bool(true))
}
