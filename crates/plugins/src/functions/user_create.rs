//! `user_create(user=, roles=)`: makes a user.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::host::Level;
use vql::value::Value;

use crate::server::{check_org, strings};
use crate::user;

const USER: usize = 0;
const ROLES: usize = 1;
const PASSWORD: usize = 2;
const ORGS: usize = 4;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "user_create",
        doc: "Makes a user with these roles; one that exists gets them instead of those over gRPC that it had, and keeps its \
              roles in the fleet server. Needs SERVER_ADMIN or ORG_ADMIN.",
        category: Category::Server,
        args: &[
            Arg::required("user", Type::Str, "The name, as in the user's certificate."),
            Arg::required("roles", Type::StrList, "The roles."),
            Arg::optional("password", Type::Str, "Not kept: users show certificates."),
            Arg::optional("sub", Type::Str, "Not kept: users show certificates."),
            Arg::optional("orgs", Type::StrList, "Only the present org is known."),
        ],
        version: 3,
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    strings(args, ORGS)?.iter().try_for_each(|org| check_org(org))?;
    let name = args.string(USER)?;
    user::set(args.scope, &name, &strings(args, ROLES)?, None, "CreateUser")?;
    if args.has(PASSWORD) {
        args.scope.log(Level::Warn, "user_create: passwords are not kept, users show certificates");
    }
    Ok(Value::from(name))
}
