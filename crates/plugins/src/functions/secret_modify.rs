//! `secret_modify(name=, type=, …)`: who may use a managed secret.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::net::secrets::{self, Change};

const NAME: usize = 0;
const TYPE: usize = 1;
const DELETE: usize = 2;
const ADD_USERS: usize = 3;
const REMOVE_USERS: usize = 4;
const VISIBLE_TO_ALL_ORGS: usize = 5;
const ADD_ORGS: usize = 6;
const REMOVE_ORGS: usize = 7;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "secret_modify",
        doc: "Changes who may use a managed secret, or deletes it, and gives TRUE.",
        category: Category::Server,
        args: &[
            Arg::required("name", Type::Str, "The name of the secret."),
            Arg::required("type", Type::Str, "Its type."),
            Arg::optional("delete", Type::Bool, "Delete it."),
            Arg::optional("add_users", Type::StrList, "Users who may use it from now on."),
            Arg::optional("remove_users", Type::StrList, "Users who may use it no longer."),
            Arg::optional("visible_to_all_orgs", Type::Bool, "Whether all orgs see it."),
            Arg::optional("add_orgs", Type::StrList, "Orgs that see it from now on."),
            Arg::optional("remove_orgs", Type::StrList, "Orgs that see it no longer."),
        ],
        permissions: &[Permission::ServerAdmin],
        version: 2,
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let (name, kind) = (args.string(NAME)?, args.string(TYPE)?);
    let change = Change {
        delete: args.bool(DELETE),
        add_users: names(args, ADD_USERS)?,
        remove_users: names(args, REMOVE_USERS)?,
        add_orgs: names(args, ADD_ORGS)?,
        remove_orgs: names(args, REMOVE_ORGS)?,
        visible_to_all_orgs: args.has(VISIBLE_TO_ALL_ORGS).then(|| args.bool(VISIBLE_TO_ALL_ORGS)),
    };
    match secrets::place(args.scope)?.change(&kind, &name, &change).map_err(Error::new)? {
        true => Ok(Value::Bool(true)),
        false => Err(Error::new(format!("no secret of type {kind:?} is named {name}"))),
    }
}

fn names(args: &Args<'_>, slot: usize) -> Result<Vec<String>, Error> {
    Ok(args.text_list(slot)?.iter().map(|name| name.to_str_lossy().into_owned()).collect())
}
