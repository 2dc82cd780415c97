//! `artifact_set(definition=, prefix=, tags=)`: defines an artifact.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::scope::Scope;
use vql::value::Value;

use crate::artifact::change::{Author, parse};
use crate::server::{Server, shown, strings};
use crate::world::Surroundings;

const DEFINITION: usize = 0;
const PREFIX: usize = 1;
const TAGS: usize = 2;
const REPOSITORY: usize = 3;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "artifact_set",
        doc: "Defines an artifact from YAML, replacing an earlier one of that name; needs ARTIFACT_WRITER, or \
              SERVER_ARTIFACT_WRITER for one that runs on the server.",
        category: Category::Server,
        args: &[
            Arg::required("definition", Type::Str, "The YAML text."),
            Arg::optional(
                "prefix",
                Type::Str,
                "What the name has to start with; put before it when it does not.",
            ),
            Arg::optional("tags", Type::StrList, "Tags to find it by."),
            Arg::optional("repository", Type::Str, "Only \"global\" is known.").with_default("\"global\""),
        ],
        version: 2,
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let repository = args.string(REPOSITORY)?;
    if !matches!(repository.as_str(), "" | "global") {
        return Err(Error::new(format!("repository {repository} is not known")));
    }
    let mut yaml = args.string(DEFINITION)?;
    let prefix = args.string(PREFIX)?;
    let name = parse(&yaml)?.name;
    if !name.starts_with(&prefix) {
        yaml = renamed(&yaml, &name, &prefix);
    }
    shown(&*author(args.scope)?.set(&yaml, &strings(args, TAGS)?)?)
}

/// The user who asks, as one who defines artifacts.
pub(super) fn author<'a>(scope: &Scope<'a>) -> Result<Author<'a>, Error> {
    let surroundings = Surroundings::of(scope)?;
    Ok(Author {
        server: Server::of(scope)?,
        artifacts: &surroundings.world.artifacts,
        user: &surroundings.user,
        permissions: scope.context().permissions,
    })
}

/// The text with the prefix before the name; everything else stays as it was written.
fn renamed(yaml: &str, name: &str, prefix: &str) -> String {
    let mut is_done = false;
    let line = |line: &str| match line.strip_prefix("name:") {
        Some(rest) if !is_done && rest.contains(name) => {
            is_done = true;
            format!("name:{}", rest.replacen(name, &format!("{prefix}{name}"), 1))
        }
        _ => line.to_owned(),
    };
    yaml.split('\n').map(line).collect::<Vec<_>>().join("\n")
}
