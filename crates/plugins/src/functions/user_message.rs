//! `user_message(user=, message=)`: leaves a message for a user.

use serde_json::json;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::value::Value;

use crate::server::{Server, failed, to_stored_object};
use crate::user::{self, check_self_or_admin};

const USER: usize = 0;
const MESSAGE: usize = 1;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "user_message",
        doc: "Leaves a message for a user; others than oneself need SERVER_ADMIN or ORG_ADMIN.",
        category: Category::Server,
        args: &[
            Arg::required("user", Type::Str, "The name."),
            Arg::optional("message", Type::Dict, "The message, with any members."),
        ],
        version: 1,
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let server = Server::of(args.scope)?;
    let name = args.string(USER)?;
    check_self_or_admin(args.scope, &name)?;
    let name = user::get(server, &name)?.name.clone();
    let message = to_stored_object(&args.dict(MESSAGE)?.map(|d| d.snapshot()).unwrap_or_default())?;
    server.record(args.scope, "UserMessage", json!({ "user": name }))?;
    server.profiles.update(&name, |profile| profile.leave(message)).map_err(failed)?;
    Ok(Value::Bool(true))
}
