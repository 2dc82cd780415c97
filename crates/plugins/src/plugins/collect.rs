//! `FROM collect(artifacts=, output=, args=, …)`: collects here and now, without a server.

use std::sync::Arc;
use std::time::Duration;

use store::DataDir;
use store::flow::{Flow as FlowRecord, Request, SERVER};
use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Flow, Plugin, Signature, Sink, Stop, Type};
use vql::cancel::Cancel;
use vql::host::Level;
use vql::permission::Permission;
use vql::schema::Schema;
use vql::text::Text;
use vql::value::{Row, Value, convert};

use crate::accessor::reason;
use crate::artifact::definition::Definition;
use crate::artifact::run::Tagged;
use crate::collection::archive::{Packing, pack};
use crate::collection::read::{Part, push_part};
use crate::collection::{self, Runtime, request};
use crate::server::{Server, failed, stored_row};
use crate::world::{Surroundings, World};
use crate::write_policy::destination;

const ARTIFACTS: usize = 0;
const OUTPUT: usize = 1;
const REPORT: usize = 2;
const ARGS: usize = 3;
const PASSWORD: usize = 4;
const FORMAT: usize = 5;
const DEFINITIONS: usize = 6;
const OPS_PER_SEC: usize = 9;
const CPU_LIMIT: usize = 10;
const IOPS_LIMIT: usize = 11;
const PROGRESS_TIMEOUT: usize = 12;
const TIMEOUT: usize = 13;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "collect",
        doc: "Collects artifacts here and now: their rows, or with output a ZIP file with rows, log lines and files.",
        category: Category::Server,
        args: &[
            Arg::required("artifacts", Type::StrList, "Names of artifacts, or Artifact/Source."),
            Arg::optional("output", Type::Str, "The ZIP file to write."),
            Arg::optional("report", Type::Str, "Reports are not made: leave it out."),
            Arg::optional("args", Type::Dict, "Parameters by the name of the artifact."),
            Arg::optional("password", Type::Str, "Encrypts what is inside the ZIP file with AES-256."),
            Arg::optional("format", Type::Str, "\"json\", or \"csv\" to have rows as CSV as well.")
                .with_default("\"json\""),
            Arg::optional("artifact_definitions", Type::StrList, "YAML texts of further artifacts."),
            Arg::optional("template", Type::Str, "Accepted and ignored."),
            Arg::optional("level", Type::Int, "Accepted and ignored."),
            Arg::optional("ops_per_sec", Type::Int, "Operations a second."),
            Arg::optional("cpu_limit", Type::Float, "Average share of a core, in percent."),
            Arg::optional("iops_limit", Type::Float, "Average disk operations a second."),
            Arg::optional(
                "progress_timeout",
                Type::Float,
                "Seconds without a row after which it is stopped.",
            ),
            Arg::optional("timeout", Type::Float, "Seconds it may take.").with_default("600"),
            Arg::optional("metadata", Type::Query, "Accepted and ignored."),
            Arg::optional("concurrency", Type::Int, "Accepted; artifacts are collected one after another."),
            Arg::optional("remapping", Type::Str, "Accepted and ignored."),
        ],
        permissions: &[Permission::FilesystemWrite],
        version: 2,
        examples: &[Example::new(
            "The rows",
            "SELECT Name, _Source FROM collect(artifacts='Generic.Server.Artifacts', \
             args=dict(`Generic.Server.Artifacts`=dict(NameRegex='^Linux.Sys.Users$')))",
            r#"[{"Name":"Linux.Sys.Users","_Source":"Generic.Server.Artifacts"}]"#,
        )],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    if !args.string(REPORT)?.is_empty() {
        return Err(Error::from("reports are not made: leave report out").into());
    }
    let surroundings = Surroundings::of(args.scope)?;
    let place = tempfile::Builder::new().prefix("collect").tempdir_in(&surroundings.world.temp_dir);
    let place = place.map_err(|e| Error::new(reason(&e)))?;
    let server = own_server(&DataDir::open(place.path().join("data")).map_err(failed)?).map_err(failed)?;
    let world = own_world(args, &surroundings.world)?;
    let request = request(args, &world, &server)?;
    let runtime = Runtime {
        world: world.clone(),
        registry: args.scope.context().registry.clone(),
        permissions: args.scope.context().permissions,
        user: surroundings.user.clone(),
    };
    let flow = collection::start(runtime, &server, request)?;
    let flow = wait(args, &server, &flow)?;
    for line in server.flows.log(SERVER, &flow.session_id).map_err(failed)? {
        log_again(args, &stored_row(&line.map_err(failed)?)?);
    }
    match args.optional_text(OUTPUT)? {
        None => rows(args, &server, &flow, sink),
        Some(output) => container(args, &server, &flow, output, sink),
    }
}

/// A server of its own, in a directory that goes with the query.
fn own_server(data: &DataDir) -> store::Result<Arc<Server>> {
    let events = Arc::new(data.events(store::event::Retention::default())?);
    Server::open(data, events, None, Value::Null, Cancel::new()).map(Arc::new)
}

/// The present world, with the definitions that were given.
fn own_world(args: &Args<'_>, now: &Arc<World>) -> Result<Arc<World>, Error> {
    let given = args.text_list(DEFINITIONS)?;
    if given.is_empty() {
        return Ok(now.clone());
    }
    let parse = |yaml: &Text| {
        Definition::parse(&yaml.to_str_lossy())
            .map_err(|problems| Error::new(format!("artifact_definitions: {}", problems[0])))
    };
    let definitions = given.iter().map(parse).collect::<Result<_, _>>()?;
    let artifacts = Arc::new(now.artifacts.extended(definitions));
    Ok(Arc::new(World { artifacts, ..World::clone(now) }))
}

fn request(args: &Args<'_>, world: &World, server: &Server) -> Result<Request, Error> {
    let mut request = Request {
        client_id: SERVER.into(),
        flow_id: server.flows.new_id().map_err(failed)?,
        timeout: args.float(TIMEOUT, 0.0)?.max(0.0).ceil() as u64,
        ops_per_second: args.int(OPS_PER_SEC, 0)?.max(0) as f32,
        cpu_limit: args.float(CPU_LIMIT, 0.0)?.max(0.0) as f32,
        iops_limit: args.float(IOPS_LIMIT, 0.0)?.max(0.0) as f32,
        progress_timeout: args.float(PROGRESS_TIMEOUT, 0.0)?.max(0.0) as f32,
        ..Request::default()
    };
    let names: Vec<String> =
        args.text_list(ARTIFACTS)?.iter().map(|n| n.to_str_lossy().into_owned()).collect();
    let spec = args.dict(ARGS)?.map(|d| d.snapshot()).unwrap_or_default();
    request::add_artifacts(&mut request, &world.artifacts, &names, &Row::default(), &spec)?;
    Ok(request)
}

/// The record when the collection is over; it is stopped when the query is.
fn wait(args: &Args<'_>, server: &Server, flow: &FlowRecord) -> Result<FlowRecord, Stop> {
    loop {
        let running = server.running.lock().get(&flow.session_id).cloned();
        let Some(running) = running else { break };
        if args.scope.cancel().wait(Duration::from_millis(20)) {
            running.stop("Cancelled");
            // What runs still uses the directory.
            while server.running.lock().contains_key(&flow.session_id) {
                std::thread::sleep(Duration::from_millis(20));
            }
            return Err(Stop::Done);
        }
    }
    let flow = server.flows.find(SERVER, &flow.session_id).map_err(failed)?;
    Ok(flow.ok_or_else(|| Error::from("the collection left no record"))?)
}

fn log_again(args: &Args<'_>, line: &Row) {
    let text = |name: &str| {
        line.get_str(name).map(|v| convert::to_text(v).to_str_lossy().into_owned()).unwrap_or_default()
    };
    let level = Level::from_name(&text("level")).unwrap_or(Level::Default);
    args.scope.log(level, text("message"));
}

fn rows(args: &Args<'_>, server: &Server, flow: &FlowRecord, sink: &mut dyn Sink) -> Flow {
    for source in &flow.artifacts_with_results {
        let rows = server.flows.results(SERVER, &flow.session_id, source).map_err(failed)?;
        push_part(args, rows, 0, Part::ALL, &mut Tagged::new(sink, source))?;
    }
    Ok(())
}

fn container(args: &Args<'_>, server: &Server, flow: &FlowRecord, output: Text, sink: &mut dyn Sink) -> Flow {
    let failed_io = |e: std::io::Error| Error::new(reason(&e));
    let path = destination(args.scope, &output)?;
    let packing = Packing { password: args.string(PASSWORD)?, csv: args.string(FORMAT)? == "csv" };
    let mut written = World::of(args.scope)?.writes.replace(&path, Some(0o600)).map_err(failed_io)?;
    pack(server, flow, &packing, args.scope.cancel(), &mut written)?;
    written.finish().map_err(failed_io)?;
    let cells = vec![Value::Text(output), Value::from(flow.status.as_str())];
    sink.row(&mut Row { schema: Schema::of(["Container", "Error"]), cells })
}
