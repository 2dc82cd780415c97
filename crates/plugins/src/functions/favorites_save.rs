//! `favorites_save(name=, specs=, type=, description=)`: keeps a favourite.

use store::profile::Favorite;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::value::Value;

use crate::server::{Server, failed, shown, to_stored};
use crate::world::Surroundings;

const NAME: usize = 0;
const DESCRIPTION: usize = 1;
const SPECS: usize = 2;
const TYPE: usize = 3;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "favorites_save",
        doc: "Keeps artifacts with their parameters under a name, for the user who asks.",
        category: Category::Server,
        args: &[
            Arg::required("name", Type::Str, "The name; one of that name and type is replaced."),
            Arg::optional("description", Type::Str, "What it is good for."),
            Arg::required("specs", Type::Lazy, "The artifacts and their parameters."),
            Arg::required("type", Type::Str, "What it is for: CLIENT, SERVER, CLIENT_EVENT or SERVER_EVENT."),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let favorite = Favorite {
        name: args.string(NAME)?,
        description: args.string(DESCRIPTION)?,
        spec: to_stored(&Value::List(args.list(SPECS)?))?,
        kind: args.string(TYPE)?,
    };
    if favorite.name.trim().is_empty() {
        return Err("a favourite has a name".into());
    }
    let shown = shown(&favorite)?;
    let user = &Surroundings::of(args.scope)?.user;
    let profiles = &Server::of(args.scope)?.profiles;
    profiles.update(user, |profile| profile.save_favorite(favorite)).map_err(failed)?;
    Ok(shown)
}
