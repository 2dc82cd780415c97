//! `favorites_delete(name=, type=)`: forgets a favourite.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::value::Value;

use crate::server::{Server, failed};
use crate::world::Surroundings;

const NAME: usize = 0;
const TYPE: usize = 1;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "favorites_delete",
        doc: "Forgets a favourite of the user who asks; TRUE if there was one.",
        category: Category::Server,
        args: &[
            Arg::required("name", Type::Str, "The name."),
            Arg::required("type", Type::Str, "What it is for."),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let (name, kind) = (args.string(NAME)?, args.string(TYPE)?);
    let user = &Surroundings::of(args.scope)?.user;
    let was_there = Server::of(args.scope)?.profiles.update(user, |profile| {
        let before = profile.favorites.len();
        profile.favorites.retain(|favorite| favorite.name != name || favorite.kind != kind);
        Ok(profile.favorites.len() < before)
    });
    Ok(Value::Bool(was_there.map_err(failed)?))
}
