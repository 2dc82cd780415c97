//! `user_delete(user=, really_do_it=)`: removes a user.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::value::Value;

use crate::server::{Server, check_org, strings};
use crate::user;

const USER: usize = 0;
const ORGS: usize = 1;
const REALLY_DO_IT: usize = 2;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "user_delete",
        doc: "Removes a user with all rights, roles and sessions, when really_do_it; needs SERVER_ADMIN or ORG_ADMIN.",
        category: Category::Server,
        args: &[
            Arg::required("user", Type::Str, "The name."),
            Arg::optional("orgs", Type::StrList, "Only the present org is known."),
            Arg::optional("really_do_it", Type::Bool, "Remove, and do not only look."),
        ],
        version: 2,
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    strings(args, ORGS)?.iter().try_for_each(|org| check_org(org))?;
    user::check_admin(args.scope)?;
    let user = user::get(Server::of(args.scope)?, &args.string(USER)?)?;
    if args.bool(REALLY_DO_IT) {
        user::remove(args.scope, &user.name)?;
    }
    Ok(Value::from(user.name.as_str()))
}
