//! `collect_client(client_id=, artifacts=, …)`: starts a collection.

use store::flow::Request;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::value::{Row, Value};

use crate::artifact::repository::Repository;
use crate::collection::{self, Runtime, request};
use crate::server::{Server, check_org, shown, strings};
use crate::world::Surroundings;

const CLIENT_ID: usize = 0;
const FLOW_ID: usize = 1;
const ARTIFACTS: usize = 2;
const ENV: usize = 3;
const SPEC: usize = 4;
const TIMEOUT: usize = 5;
const OPS_PER_SEC: usize = 6;
const CPU_LIMIT: usize = 7;
const IOPS_LIMIT: usize = 8;
const MAX_ROWS: usize = 9;
const MAX_BYTES: usize = 10;
const URGENT: usize = 11;
const ORG_ID: usize = 12;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "collect_client",
        doc: "Starts to collect artifacts from a client, or on the server with the client id \"server\"; needs \
              COLLECT_CLIENT or COLLECT_SERVER, or COLLECT_BASIC for artifacts marked basic.",
        category: Category::Server,
        args: &[
            Arg::required("client_id", Type::Str, "The client, or \"server\"."),
            Arg::optional("flow_id", Type::Str, "The id of the new collection; made up by default."),
            Arg::required("artifacts", Type::StrList, "Names of artifacts, or Artifact/Source."),
            Arg::optional("env", Type::Dict, "Parameters for all of them."),
            Arg::optional("spec", Type::Dict, "Parameters by the name of the artifact."),
            Arg::optional("timeout", Type::Uint, "Seconds it may take.").with_default("600"),
            Arg::optional("ops_per_sec", Type::Float, "Operations a second."),
            Arg::optional("cpu_limit", Type::Float, "Average share of a core, in percent."),
            Arg::optional("iops_limit", Type::Float, "Average disk operations a second."),
            Arg::optional("max_rows", Type::Uint, "Rows it may give.").with_default("1000000"),
            Arg::optional("max_bytes", Type::Uint, "Bytes of files it may bring.").with_default("1073741824"),
            Arg::optional("urgent", Type::Bool, "Start it before others that wait."),
            Arg::optional("org_id", Type::Str, "The org; only the present one is known."),
        ],
        version: 3,
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let surroundings = Surroundings::of(args.scope)?;
    check_org(&args.string(ORG_ID)?)?;
    let request = request(args, &surroundings.world.artifacts)?;
    let flow = collection::collect(Runtime::of(args.scope)?, Server::of(args.scope)?, request)?;
    Ok(Value::dict([("flow_id", Value::from(flow.session_id.as_str())), ("request", shown(&flow.request)?)]))
}

fn request(args: &Args<'_>, repository: &Repository) -> Result<Request, Error> {
    let mut request = Request {
        client_id: args.string(CLIENT_ID)?,
        flow_id: args.string(FLOW_ID)?,
        urgent: args.bool(URGENT),
        timeout: args.uint(TIMEOUT, 0)?,
        ops_per_second: rate(args, OPS_PER_SEC)?,
        cpu_limit: rate(args, CPU_LIMIT)?,
        iops_limit: rate(args, IOPS_LIMIT)?,
        max_rows: args.uint(MAX_ROWS, 0)?,
        max_upload_bytes: args.uint(MAX_BYTES, 0)?,
        ..Request::default()
    };
    add_artifacts(args, &mut request, repository, ARTIFACTS, Some(ENV), SPEC)?;
    Ok(request)
}

/// A rate that an argument limits to; 0 is no limit.
pub(super) fn rate(args: &Args<'_>, slot: usize) -> Result<f32, Error> {
    Ok(args.float(slot, 0.0)?.max(0.0) as f32)
}

/// Adds the artifacts that arguments name, with the parameters that others give.
pub(super) fn add_artifacts(
    args: &Args<'_>,
    request: &mut Request,
    repository: &Repository,
    artifacts: usize,
    env: Option<usize>,
    spec: usize,
) -> Result<(), Error> {
    let row = |slot| Ok::<Row, Error>(args.dict(slot)?.map(|d| d.snapshot()).unwrap_or_default());
    let mut env = env.map(row).transpose()?.unwrap_or_default();
    let mut spec = row(spec)?;
    for cell in env.cells.iter_mut().chain(&mut spec.cells) {
        *cell = args.scope.listed(std::mem::take(cell));
    }
    request::add_artifacts(request, repository, &strings(args, artifacts)?, &env, &spec)
}
