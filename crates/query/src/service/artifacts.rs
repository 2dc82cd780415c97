//! Calls about artifacts and queries.

use plugins::artifact::change::Author;
use plugins::artifact::definition::Definition;
use proto::set_artifact_request::Operation;
use proto::{
    Artifact, ArtifactDescriptors, GetArtifactRequest, GetArtifactResponse, GetArtifactsRequest,
    ReformatVqlMessage, SetArtifactRequest, SetArtifactResponse,
};
use tonic::Status;
use vql::lint::Severity;

use super::call::{Work, refused};
use crate::convert;

pub fn list(call: Work, args: GetArtifactsRequest) -> Result<ArtifactDescriptors, Status> {
    let words: Vec<String> = args.search_term.split_whitespace().map(str::to_lowercase).collect();
    let fits = |definition: &Definition| {
        let is_named = args.names.is_empty() || args.names.contains(&definition.name);
        let is_kind = args.r#type.is_empty() || definition.kind.name().eq_ignore_ascii_case(&args.r#type);
        is_named && is_kind && words.iter().all(|word| mentions(definition, word))
    };
    let mut found = call.runtime.world.artifacts.all();
    found.retain(|definition| fits(definition));
    let mut tags: Vec<String> = found.iter().flat_map(|d| d.metadata.tags.clone()).collect();
    tags.sort();
    tags.dedup();
    if args.number_of_results > 0 {
        found.truncate(usize::try_from(args.number_of_results).unwrap_or(usize::MAX));
    }
    Ok(ArtifactDescriptors {
        items: found.iter().map(|definition| selected(definition, &args)).collect(),
        tags,
    })
}

fn mentions(definition: &Definition, word: &str) -> bool {
    let has = |text: &str| text.to_lowercase().contains(word);
    has(&definition.name)
        || has(&definition.description)
        || definition.metadata.tags.iter().any(|tag| has(tag))
}

/// The parts that were asked for: all, unless some are named.
fn selected(definition: &Definition, args: &GetArtifactsRequest) -> Artifact {
    let whole = convert::artifact(definition);
    let Some(fields) = args.fields else { return whole };
    if !(fields.name || fields.description || fields.r#type || fields.sources || fields.tags) {
        return whole;
    }
    Artifact {
        // Without its name an artifact is of no use to anybody.
        name: whole.name,
        description: if fields.description { whole.description } else { String::new() },
        r#type: if fields.r#type { whole.r#type } else { String::new() },
        sources: if fields.sources { whole.sources } else { Vec::new() },
        metadata: whole.metadata.filter(|_| fields.tags),
        built_in: whole.built_in,
        ..Artifact::default()
    }
}

pub fn get(call: Work, args: GetArtifactRequest) -> Result<GetArtifactResponse, Status> {
    let found = call.runtime.world.artifacts.find(&args.name);
    let found = found.ok_or_else(|| Status::not_found(format!("artifact {} is not known", args.name)))?;
    Ok(GetArtifactResponse { artifact: found.raw.clone() })
}

/// What is wrong with the artifact is told in the answer; only missing rights are an error of the call.
pub fn set(call: Work, args: SetArtifactRequest) -> Result<SetArtifactResponse, Status> {
    let author = Author {
        server: &call.kept,
        artifacts: &call.runtime.world.artifacts,
        user: call.user(),
        permissions: call.runtime.permissions,
    };
    let done = match args.op() {
        Operation::Delete => author.delete(&named(&args.artifact)),
        Operation::Set => author.set(&args.artifact, &args.tags).map(drop),
        Operation::Check => return Ok(checked(&call, &args.artifact)),
        Operation::CheckAndSet => {
            let found = checked(&call, &args.artifact);
            if found.error {
                return Ok(found);
            }
            let done = author.set(&args.artifact, &args.tags).map(drop);
            return answer(done.map_err(refused), found);
        }
    };
    answer(done.map_err(refused), SetArtifactResponse::default())
}

fn answer(done: Result<(), Status>, mut answer: SetArtifactResponse) -> Result<SetArtifactResponse, Status> {
    match done {
        Ok(()) => {}
        Err(status) if status.code() == tonic::Code::PermissionDenied => return Err(status),
        Err(status) => {
            answer.error = true;
            answer.error_message = status.message().to_owned();
            answer.errors.push(status.message().to_owned());
        }
    }
    Ok(answer)
}

/// To delete an artifact, clients send its text or its bare name.
fn named(text: &str) -> String {
    Definition::parse(text).map_or_else(|_| text.trim().to_owned(), |definition| definition.name)
}

fn checked(call: &Work, yaml: &str) -> SetArtifactResponse {
    let problems = Definition::problems(yaml, Some(&call.runtime.registry));
    let (warnings, errors): (Vec<_>, Vec<_>) =
        problems.into_iter().partition(|problem| problem.severity == Severity::Warning);
    let text =
        |problems: Vec<vql::lint::Problem>| problems.iter().map(ToString::to_string).collect::<Vec<_>>();
    let errors = text(errors);
    SetArtifactResponse {
        error: !errors.is_empty(),
        error_message: errors.first().cloned().unwrap_or_default(),
        errors,
        warnings: text(warnings),
    }
}

pub fn reformat(_call: Work, args: ReformatVqlMessage) -> Result<ReformatVqlMessage, Status> {
    if !args.artifact.is_empty() {
        return Err(Status::unimplemented("only queries are laid out: send the query in vql"));
    }
    let vql = vql::format::format(&args.vql).map_err(|e| Status::invalid_argument(e.to_string()))?;
    Ok(ReformatVqlMessage { vql, artifact: String::new() })
}
