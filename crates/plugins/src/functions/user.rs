//! `user(user=, org=)`: a user.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::value::Value;

use crate::server::{Server, check_org};
use crate::user::{self, check_self_or_admin};

const USER: usize = 0;
const ORG: usize = 1;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "user",
        doc: "A user and what it may do; others than oneself need SERVER_ADMIN or ORG_ADMIN.",
        category: Category::Server,
        args: &[
            Arg::required("user", Type::Str, "The name."),
            Arg::optional("org", Type::Str, "Only the present org is known."),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    check_org(&args.string(ORG)?)?;
    let name = args.string(USER)?;
    check_self_or_admin(args.scope, &name)?;
    let user = user::get(Server::of(args.scope)?, &name)?;
    Ok(Value::dict(user::COLUMNS.iter().copied().zip(user::cells(&user, true)?)))
}
