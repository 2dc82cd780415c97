//! `artifact_set_metadata(name=, hidden=, basic=, tags=)`: facts about an artifact beside its text.

use serde_json::json;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::value::Value;

use super::artifact_set::author;
use crate::server::shown;

const NAME: usize = 0;
const HIDDEN: usize = 1;
const BASIC: usize = 2;
const TAGS: usize = 3;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "artifact_set_metadata",
        doc: "Sets facts about an artifact, built in or not; what is not given stays as it is.",
        category: Category::Server,
        args: &[
            Arg::required("name", Type::Str, "The name of the artifact."),
            Arg::optional("hidden", Type::Bool, "Leave it out of lists for people."),
            Arg::optional("basic", Type::Bool, "Let users with COLLECT_BASIC collect it."),
            Arg::optional("tags", Type::StrList, "Tags to find it by."),
        ],
        version: 2,
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let name = args.string(NAME)?;
    let author = author(args.scope)?;
    let definition = author.find(&name)?;
    author.check_writer(&definition)?;
    let mut metadata = definition.metadata.clone();
    if args.has(HIDDEN) {
        metadata.hidden = args.bool(HIDDEN);
    }
    if args.has(BASIC) {
        metadata.basic = args.bool(BASIC);
    }
    if args.has(TAGS) {
        metadata.tags = args.text_list(TAGS)?.iter().map(|t| t.to_str_lossy().into_owned()).collect();
    }
    let details = json!({ "artifact": name, "metadata": metadata });
    author.server.record(args.scope, "SetArtifactMetadata", details)?;
    author.artifacts.set_metadata(&name, &metadata)?;
    shown(&metadata)
}
