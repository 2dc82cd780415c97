//! `secret_add(name=, type=, secret=)`: keeps a secret that queries can use without seeing it.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::{Value, convert};

use crate::net::secrets::{self, Fields, TYPES};

const NAME: usize = 0;
const TYPE: usize = 1;
const SECRET: usize = 2;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "secret_add",
        doc: "Adds a managed secret, or replaces the fields of one, and gives TRUE. Its maker may use it; secret_modify() lets others.",
        category: Category::Server,
        args: &[
            Arg::required("name", Type::Str, "The name of the secret."),
            Arg::required("type", Type::Str, "What it is for, such as 'HTTP Secrets'."),
            Arg::required("secret", Type::Dict, "Its fields; the type says which there are."),
        ],
        permissions: &[Permission::ServerAdmin],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let (name, kind) = (args.string(NAME)?, args.string(TYPE)?);
    let Some((_, known)) = TYPES.iter().find(|(t, _)| *t == kind) else {
        let all: Vec<&str> = TYPES.iter().map(|(t, _)| *t).collect();
        return Err(Error::new(format!("no secrets are of type {kind:?}, choose from {}", all.join(", "))));
    };
    let row = args.dict(SECRET)?.map(|d| d.snapshot()).unwrap_or_default();
    let mut fields = Fields::new();
    for (field, value) in row.iter() {
        if !known.contains(&field.as_str()) {
            return Err(Error::new(format!("{kind} have no field {field}, but {}", known.join(", "))));
        }
        if !value.is_null() {
            fields.insert(field.to_string(), convert::to_text(value).to_str_lossy().into_owned());
        }
    }
    let user = args.scope.host().user();
    secrets::place(args.scope)?.add(user, &kind, &name, fields).map_err(Error::new)?;
    Ok(Value::Bool(true))
}
