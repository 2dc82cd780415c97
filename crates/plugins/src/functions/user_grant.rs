//! `user_grant(user=, roles=, policy=)`: says what a user may do.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::value::Value;

use crate::server::{Server, check_org, strings};
use crate::user;

const USER: usize = 0;
const ROLES: usize = 1;
const ORGS: usize = 2;
const POLICY: usize = 3;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "user_grant",
        doc: "Says what a user may do over gRPC besides what its global role brings along; needs SERVER_ADMIN or ORG_ADMIN.",
        category: Category::Server,
        args: &[
            Arg::required("user", Type::Str, "The name."),
            Arg::optional("roles", Type::StrList, "The roles."),
            Arg::optional("orgs", Type::StrList, "Only the present org is known."),
            Arg::optional("policy", Type::Dict, "Single rights besides, such as dict(any_query=TRUE)."),
        ],
        version: 2,
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    strings(args, ORGS)?.iter().try_for_each(|org| check_org(org))?;
    let name = args.string(USER)?;
    user::check_admin(args.scope)?;
    user::get(Server::of(args.scope)?, &name)?;
    let policy = args.dict(POLICY)?.map(|dict| dict.snapshot());
    let roles = strings(args, ROLES)?;
    if policy.is_none() && !args.has(ROLES) {
        return Err("name roles or a policy".into());
    }
    user::set(args.scope, &name, &roles, policy.as_ref(), "SetUserRoles")?;
    Ok(Value::from(name))
}
