//! `collect_client(client_id=, artifacts=, …)`: starts a collection.

use serde_json::json;
use store::flow::{Request, SERVER};
use vql::args::Args;
use vql::call::{Arg, Category, Error, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::{Permission, Permissions};
use vql::value::{Row, Value};

use crate::artifact::repository::Repository;
use crate::collection::{self, Runtime, request};
use crate::server::{Server, failed, shown};
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
    let server = Server::of(args.scope)?;
    let surroundings = Surroundings::of(args.scope)?;
    let repository = &surroundings.world.artifacts;
    let mut request = request(args, repository)?;
    request.creator.clone_from(&surroundings.user);
    check_rights(args.scope.context().permissions, &request, repository)?;
    if request.client_id != SERVER {
        return Err(Error::new(format!("client {} is not known", request.client_id)));
    }
    if request.flow_id.is_empty() {
        request.flow_id = server.flows.new_id().map_err(failed)?;
    } else if collection::find(server, &request.client_id, &request.flow_id)?.is_some() {
        return Err(Error::new(format!("there is a collection {} already", request.flow_id)));
    }
    let details =
        json!({ "client": request.client_id, "flow_id": request.flow_id, "artifacts": request.artifacts });
    server.record(args.scope, "ScheduleFlow", details)?;
    let runtime = Runtime {
        world: surroundings.world.clone(),
        registry: args.scope.context().registry.clone(),
        permissions: args.scope.context().permissions,
        user: surroundings.user.clone(),
    };
    let flow = collection::start(runtime, server, request)?;
    Ok(Value::dict([("flow_id", Value::from(flow.session_id.as_str())), ("request", shown(&flow.request)?)]))
}

fn request(args: &Args<'_>, repository: &Repository) -> Result<Request, Error> {
    let org = args.string(ORG_ID)?;
    if !org.is_empty() && org != "root" {
        return Err(Error::new(format!("org {org} is not known")));
    }
    let rate = |slot| Ok::<f32, Error>(args.float(slot, 0.0)?.max(0.0) as f32);
    let mut request = Request {
        client_id: args.string(CLIENT_ID)?,
        flow_id: args.string(FLOW_ID)?,
        urgent: args.bool(URGENT),
        timeout: args.uint(TIMEOUT, 0)?,
        ops_per_second: rate(OPS_PER_SEC)?,
        cpu_limit: rate(CPU_LIMIT)?,
        iops_limit: rate(IOPS_LIMIT)?,
        max_rows: args.uint(MAX_ROWS, 0)?,
        max_upload_bytes: args.uint(MAX_BYTES, 0)?,
        ..Request::default()
    };
    let names: Vec<String> =
        args.text_list(ARTIFACTS)?.iter().map(|n| n.to_str_lossy().into_owned()).collect();
    let row = |slot| Ok::<Row, Error>(args.dict(slot)?.map(|d| d.snapshot()).unwrap_or_default());
    let mut env = row(ENV)?;
    let mut spec = row(SPEC)?;
    for cell in env.cells.iter_mut().chain(&mut spec.cells) {
        *cell = args.scope.listed(std::mem::take(cell));
    }
    request::add_artifacts(&mut request, repository, &names, &env, &spec)?;
    Ok(request)
}

fn check_rights(permissions: Permissions, request: &Request, repository: &Repository) -> Result<(), Error> {
    let needed = match request.client_id == SERVER {
        true => Permission::CollectServer,
        false => Permission::CollectClient,
    };
    let is_basic = |name: &String| {
        let artifact = name.split('/').next().unwrap_or_default();
        repository.find(artifact).is_some_and(|d| d.metadata.basic)
    };
    let basic = permissions.has(Permission::CollectBasic) && request.artifacts.iter().all(is_basic);
    if permissions.has(needed) || basic {
        return Ok(());
    }
    Err(Error::new(format!("PermissionDenied: Permission denied: [{needed}]")))
}
