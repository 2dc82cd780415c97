//! `FROM artifact_definitions(names=, deps=, sanitize=)`: the artifacts that are known.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Flow, Plugin, Signature, Sink, Stop, Type};
use vql::json;
use vql::permission::Permission;
use vql::value::Value;

use crate::artifact::definition::Definition;
use crate::artifact::repository::Repository;
use crate::world::World;

const NAMES: usize = 0;
const DEPS: usize = 1;
const SANITIZE: usize = 2;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "artifact_definitions",
        doc: "The definitions of artifacts, built in or written by owners.",
        category: Category::Server,
        args: &[
            Arg::optional("names", Type::StrList, "Only these; all by default."),
            Arg::optional("deps", Type::Bool, "Also the artifacts that these call or import."),
            Arg::optional("sanitize", Type::Bool, "Without the YAML text."),
        ],
        permissions: &[Permission::ReadResults],
        examples: &[Example::new(
            "One of them",
            "SELECT name, type FROM artifact_definitions(names='Linux.Sys.Users')",
            r#"[{"name":"Linux.Sys.Users","type":"CLIENT"}]"#,
        )],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let repository = &World::of(args.scope)?.artifacts;
    let names = args.text_list(NAMES)?;
    let mut chosen: Vec<Arc<Definition>> = if names.is_empty() {
        repository.all()
    } else {
        names.iter().filter_map(|n| repository.find(&n.to_str_lossy())).collect()
    };
    if args.bool(DEPS) {
        chosen = with_dependencies(repository, chosen);
    }
    let sanitize = args.bool(SANITIZE);
    for definition in chosen {
        match row(&definition, sanitize)? {
            Value::Dict(dict) => sink.row(&mut dict.snapshot())?,
            other => sink.value(other)?,
        }
    }
    Ok(())
}

fn row(definition: &Definition, sanitize: bool) -> Result<Value, Stop> {
    let mut json = serde_json::to_value(definition).map_err(|e| Error::new(e.to_string()))?;
    if sanitize && let Some(fields) = json.as_object_mut() {
        fields.insert("raw".into(), "".into());
    }
    Ok(json::parse(json.to_string().as_bytes())?)
}

/// These and all they call, directly or not, each once.
fn with_dependencies(repository: &Repository, chosen: Vec<Arc<Definition>>) -> Vec<Arc<Definition>> {
    let mut seen = BTreeSet::new();
    let mut queue = VecDeque::from(chosen);
    let mut found = Vec::new();
    while let Some(definition) = queue.pop_front() {
        if !seen.insert(definition.name.clone()) {
            continue;
        }
        let called = definition.called();
        queue.extend(called.iter().chain(&definition.imports).filter_map(|name| repository.find(name)));
        found.push(definition);
    }
    found
}
