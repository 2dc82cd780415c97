//! `mail(to=, body=, server=, …)`: sends a mail.

use vql::args::Args;
use vql::call::{Category, Error, Function, FunctionBody, OnError, Signature};
use vql::permission::Permission;
use vql::value::Value;

use crate::net::mail;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "mail",
        doc: "Sends a mail and gives what was sent; NULL when it was not.",
        category: Category::Network,
        args: mail::ARGS,
        permissions: &[Permission::Network],
        version: 2,
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    mail::row(args).map(|row| Value::Dict(row.into()))
}
