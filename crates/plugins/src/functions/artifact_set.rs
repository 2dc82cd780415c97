//! `artifact_set(definition=, prefix=, tags=)`: defines an artifact.

use serde_json::json;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::{Permission, Permissions};
use vql::value::Value;

use crate::artifact::definition::{Definition, Metadata};
use crate::server::{Server, shown};
use crate::world::World;

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
    let mut definition = parse(&yaml)?;
    if !definition.name.starts_with(&prefix) {
        yaml = renamed(&yaml, &definition.name, &prefix);
        definition = parse(&yaml)?;
    }
    check_writer(args.scope.context().permissions, &definition)?;
    let artifacts = &World::of(args.scope)?.artifacts;
    let details = json!({ "artifact": definition.name, "details": yaml });
    Server::of(args.scope)?.record(args.scope, "SetArtifactFile", details)?;
    let kept = artifacts.set(&yaml)?;
    let tags: Vec<String> = args.text_list(TAGS)?.iter().map(|t| t.to_str_lossy().into_owned()).collect();
    if !tags.is_empty() {
        artifacts.set_metadata(&kept.name, &Metadata { tags, ..kept.metadata.clone() })?;
    }
    shown(&*kept)
}

fn parse(yaml: &str) -> Result<Definition, Error> {
    Definition::parse(yaml).map_err(|problems| {
        Error::new(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
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

/// What runs on the server, or with rights of its own, takes more trust to define.
pub(super) fn check_writer(permissions: Permissions, definition: &Definition) -> Result<(), Error> {
    let has_own_rights = !definition.impersonate.is_empty() || !definition.implied_permissions.is_empty();
    let needed = match definition.kind.is_server() || has_own_rights {
        true => Permission::ServerArtifactWriter,
        false => Permission::ArtifactWriter,
    };
    if permissions.has(needed) {
        return Ok(());
    }
    Err(Error::new(format!("PermissionDenied: Permission denied: [{needed}]")))
}
