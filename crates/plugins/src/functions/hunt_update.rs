//! `hunt_update(hunt_id=, start=, stop=, …)`: changes a hunt.

use store::hunt::HuntState;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use super::hunt::expiry;
use crate::hunt::{self, Change};
use crate::server::{Server, strings};
use crate::world::Surroundings;

const HUNT_ID: usize = 0;
const STOP: usize = 1;
const START: usize = 2;
const DESCRIPTION: usize = 3;
const EXPIRES: usize = 4;
const ADD_LABELS: usize = 5;
const DEL_LABELS: usize = 6;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "hunt_update",
        doc: "Changes, starts or stops a hunt; collections that no client has taken yet end with it.",
        category: Category::Server,
        args: &[
            Arg::required("hunt_id", Type::Str, "The id of the hunt."),
            Arg::optional("stop", Type::Bool, "Take no more clients."),
            Arg::optional("start", Type::Bool, "Go on, or begin."),
            Arg::optional("description", Type::Str, "What it is for."),
            Arg::optional("expires", Type::Time, "When it takes no more clients."),
            Arg::optional("add_labels", Type::StrList, "Tags to add to the hunt."),
            Arg::optional("del_labels", Type::StrList, "Tags to take away from it."),
        ],
        permissions: &[Permission::StartHunt],
        version: 2,
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let id = args.string(HUNT_ID)?;
    let state = match (args.bool(START), args.bool(STOP)) {
        (true, true) => return Err("start and stop exclude each other".into()),
        (true, false) => Some(HuntState::Running),
        (false, true) => Some(HuntState::Stopped),
        (false, false) => None,
    };
    let change = Change {
        state,
        description: args.optional_text(DESCRIPTION)?.map(|text| text.to_str_lossy().into_owned()),
        expires: expiry(args, EXPIRES)?,
        add_tags: strings(args, ADD_LABELS)?,
        remove_tags: strings(args, DEL_LABELS)?,
    };
    hunt::change(Server::of(args.scope)?, &Surroundings::of(args.scope)?.user, &id, change)?;
    Ok(Value::from(id))
}
