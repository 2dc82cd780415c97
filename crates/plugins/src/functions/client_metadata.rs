//! `client_metadata(client_id=)`: free facts about a client.

use store::flow::SERVER;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::value::Value;

use crate::client::check_reader;
use crate::server::{Server, failed, shown};

const CLIENT_ID: usize = 0;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "client_metadata",
        doc: "What was noted about a client, as a dict; needs READ_RESULTS, or SERVER_ADMIN for the server.",
        category: Category::Server,
        args: &[Arg::required("client_id", Type::Str, "The client, or \"server\".")],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let server = Server::of(args.scope)?;
    let client = args.string(CLIENT_ID)?;
    check_reader(args.scope.context().permissions, &client)?;
    if client != SERVER {
        server.client(&client)?;
    }
    shown(&server.metadata.of(&client).map_err(failed)?)
}
