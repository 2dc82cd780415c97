//! `user_options(user=, theme=, timezone=, …)`: what a user prefers.

use serde_json::json;
use store::profile::Profile;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::value::Value;

use crate::server::{Server, check_org, failed, shown, to_stored};
use crate::user::{self, check_self_or_admin};

const USER: usize = 0;
const THEME: usize = 1;
const TIMEZONE: usize = 2;
const LANG: usize = 3;
const ORG: usize = 4;
const LINKS: usize = 5;
const DEFAULT_PASSWORD: usize = 6;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "user_options",
        doc: "Sets what a user prefers in interfaces, and gives all of it; others than oneself need SERVER_ADMIN or \
              ORG_ADMIN.",
        category: Category::Server,
        args: &[
            Arg::required("user", Type::Str, "The name."),
            Arg::optional("theme", Type::Str, "The theme."),
            Arg::optional("timezone", Type::Str, "The time zone."),
            Arg::optional("lang", Type::Str, "The language."),
            Arg::optional("org", Type::Str, "Only the present org is known."),
            Arg::optional("links", Type::Query, "Links to show, a row each."),
            Arg::optional("default_password", Type::Str, "The password of packed downloads."),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let server = Server::of(args.scope)?;
    let name = args.string(USER)?;
    check_self_or_admin(args.scope, &name)?;
    check_org(&args.string(ORG)?)?;
    let name = user::get(server, &name)?.name.clone();
    let mut options = Vec::new();
    for slot in [THEME, TIMEZONE, LANG, ORG, DEFAULT_PASSWORD] {
        if let Some(text) = args.optional_text(slot)? {
            options.push((args.signature.args[slot].name, text.to_str_lossy().into_owned().into()));
        }
    }
    if args.has(LINKS) {
        options.push(("links", to_stored(&args.scope.listed(args.value(LINKS)))?));
    }
    if options.is_empty() {
        return shown(&server.profiles.of(&name).map_err(failed)?.options);
    }
    let names: Vec<&str> = options.iter().map(|(name, _)| *name).collect();
    server.record(args.scope, "SetUserOptions", json!({ "user": name, "names": names }))?;
    let set = |profile: &mut Profile| {
        profile.options.extend(options.into_iter().map(|(name, value)| (name.to_owned(), value)));
        Ok(profile.options.clone())
    };
    shown(&server.profiles.update(&name, set).map_err(failed)?)
}
