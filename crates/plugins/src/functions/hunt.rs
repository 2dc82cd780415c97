//! `hunt(artifacts=, description=, include_labels=, os=, …)`: starts a hunt.

use store::flow::Request;
use store::hunt::{Condition, Hunt, HuntState, Labels, Os, OsCondition};
use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use super::collect_client::{add_artifacts, rate};
use crate::artifact::repository::Repository;
use crate::hunt;
use crate::server::{ROOT_ORG, Server, check_org, failed, microseconds, shown, strings};
use crate::world::Surroundings;

const DESCRIPTION: usize = 0;
const TAGS: usize = 1;
const ARTIFACTS: usize = 2;
const EXPIRES: usize = 3;
const SPEC: usize = 4;
const TIMEOUT: usize = 5;
const OPS_PER_SEC: usize = 6;
const CPU_LIMIT: usize = 7;
const IOPS_LIMIT: usize = 8;
const MAX_ROWS: usize = 9;
const MAX_BYTES: usize = 10;
const PAUSE: usize = 11;
const INCLUDE_LABELS: usize = 12;
const EXCLUDE_LABELS: usize = 13;
const OS: usize = 14;
const ORG_ID: usize = 15;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "hunt",
        doc: "Starts a hunt: every client that fits gets the collection, also those that come later until it expires.",
        category: Category::Server,
        args: &[
            Arg::optional("description", Type::Str, "What it is for."),
            Arg::optional("tags", Type::StrList, "Tags to find it by."),
            Arg::required("artifacts", Type::StrList, "Names of artifacts, or Artifact/Source."),
            Arg::optional("expires", Type::Lazy, "When it takes no more clients; in a week by default."),
            Arg::optional("spec", Type::Any, "Parameters by the name of the artifact."),
            Arg::optional("timeout", Type::Uint, "Seconds each collection may take.").with_default("600"),
            Arg::optional("ops_per_sec", Type::Float, "Operations a second."),
            Arg::optional("cpu_limit", Type::Float, "Average share of a core, in percent."),
            Arg::optional("iops_limit", Type::Float, "Average disk operations a second."),
            Arg::optional("max_rows", Type::Uint, "Rows each may give.").with_default("1000000"),
            Arg::optional("max_bytes", Type::Uint, "Bytes of files each may bring.")
                .with_default("1073741824"),
            Arg::optional("pause", Type::Bool, "Only prepare it; hunt_update(start=TRUE) starts it."),
            Arg::optional("include_labels", Type::StrList, "Only clients that have one of these."),
            Arg::optional("exclude_labels", Type::StrList, "No clients that have one of these."),
            Arg::optional("os", Type::Str, "Only clients with this system: windows, linux or darwin."),
            Arg::optional("org_id", Type::StrList, "The orgs; only the present one is known."),
        ],
        permissions: &[Permission::StartHunt],
        version: 3,
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    strings(args, ORG_ID)?.iter().try_for_each(|org| check_org(org))?;
    let server = Server::of(args.scope)?;
    let surroundings = Surroundings::of(args.scope)?;
    let repository = &surroundings.world.artifacts;
    let now = microseconds();
    let state = if args.bool(PAUSE) { HuntState::Paused } else { HuntState::Running };
    let request = request(args, repository)?;
    let hunt = Hunt {
        hunt_id: server.hunts.new_id().map_err(failed)?,
        version: i64::try_from(now).unwrap_or_default(),
        create_time: now,
        creator: surroundings.user.clone(),
        start_time: if state == HuntState::Running { now } else { 0 },
        expires: expiry(args, EXPIRES)?.unwrap_or(now + hunt::DEFAULT_LIFE),
        hunt_description: args.string(DESCRIPTION)?,
        tags: strings(args, TAGS)?,
        condition: condition(args)?,
        artifacts: request.artifacts.clone(),
        artifact_sources: hunt::sources(repository, &request.artifacts),
        start_request: request,
        state,
        org_ids: vec![ROOT_ORG.to_owned()],
        ..Hunt::default()
    };
    let id = hunt.hunt_id.clone();
    let shown = Value::dict([("HuntId", Value::from(id)), ("Request", shown(&hunt)?)]);
    hunt::create(server, &surroundings.user, hunt)?;
    Ok(shown)
}

fn request(args: &Args<'_>, repository: &Repository) -> Result<Request, Error> {
    let mut request = Request {
        timeout: args.uint(TIMEOUT, 0)?,
        ops_per_second: rate(args, OPS_PER_SEC)?,
        cpu_limit: rate(args, CPU_LIMIT)?,
        iops_limit: rate(args, IOPS_LIMIT)?,
        max_rows: args.uint(MAX_ROWS, 0)?,
        max_upload_bytes: args.uint(MAX_BYTES, 0)?,
        ..Request::default()
    };
    add_artifacts(args, &mut request, repository, ARTIFACTS, None, SPEC)?;
    Ok(request)
}

fn condition(args: &Args<'_>) -> Result<Condition, Error> {
    let labels = |slot| {
        Ok::<_, Error>(Some(strings(args, slot)?).filter(|l| !l.is_empty()).map(|label| Labels { label }))
    };
    let os = args.string(OS)?;
    let known = Os::from_name(&os)
        .ok_or_else(|| Error::new(format!("os {os} is not known: windows, linux or darwin")))?;
    Ok(Condition {
        excluded_labels: labels(EXCLUDE_LABELS)?,
        labels: labels(INCLUDE_LABELS)?,
        os: (known != Os::All).then_some(OsCondition { os: known }),
    })
}

/// When a hunt ends, as its argument says: a time to come.
pub(super) fn expiry(args: &Args<'_>, slot: usize) -> Result<Option<u64>, Error> {
    if args.value(slot).is_null() {
        return Ok(None);
    }
    let time = args.time(slot)?.ok_or("expires should be a time")?;
    match u64::try_from(time.as_microsecond()) {
        Ok(expires) if expires > microseconds() => Ok(Some(expires)),
        _ => Err("expires is in the past".into()),
    }
}
