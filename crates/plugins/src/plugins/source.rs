//! `FROM source(…)`: stored rows, of a collection or of an event queue.

use store::event::{Period, Position};
use vql::args::Args;
use vql::call::{Arg, Category, Error, Flow, Plugin, Signature, Sink, Type};
use vql::permission::Permission;
use vql::value::{Time, Value};

use crate::collection::read::{self, Part};
use crate::server::{Server, failed, stored_row};

const CLIENT_ID: usize = 0;
const FLOW_ID: usize = 1;
const HUNT_ID: usize = 2;
const ARTIFACT: usize = 3;
const SOURCE: usize = 4;
const START_TIME: usize = 5;
const END_TIME: usize = 6;
const NOTEBOOK_ID: usize = 7;
const START_ROW: usize = 11;
const COUNT: usize = 12;

/// The variable that holds the rows of a part, set by `parallelize()`. No query writes such a name by chance.
pub(super) const PART: &str = "part of parallelize()";

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "source",
        doc: "Stored rows: of a collection, or without flow_id of an event queue. Inside parallelize() and without \
              arguments: those of the part.",
        category: Category::Server,
        args: &[
            Arg::optional("client_id", Type::Str, "The client; the variable ClientId by default."),
            Arg::optional("flow_id", Type::Str, "The collection; the variable FlowId by default."),
            Arg::optional("hunt_id", Type::Str, "The hunt; the variable HuntId by default."),
            Arg::optional("artifact", Type::Str, "The artifact; the variable ArtifactName by default."),
            Arg::optional("source", Type::Str, "The source of the artifact."),
            Arg::optional("start_time", Type::Any, "Events from then on; the variable StartTime by default."),
            Arg::optional("end_time", Type::Any, "Events until then; the variable EndTime by default."),
            Arg::optional("notebook_id", Type::Str, "There are no notebooks."),
            Arg::optional("notebook_cell_id", Type::Str, "There are no notebooks."),
            Arg::optional("notebook_cell_version", Type::Str, "There are no notebooks."),
            Arg::optional("notebook_cell_table", Type::Int, "There are no notebooks."),
            Arg::optional("start_row", Type::Int, "Rows to leave out at the start.").with_default("0"),
            Arg::optional("count", Type::Int, "Rows to give at most; all by default."),
            Arg::optional("orgs", Type::StrList, "Only the present org is known."),
        ],
        permissions: &[Permission::ReadResults],
        version: 2,
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let server = Server::of(args.scope)?;
    if let Some(Value::List(rows)) = args.scope.variable(PART)
        && (CLIENT_ID..START_ROW).all(|slot| args.optional(slot).is_none())
    {
        return part_of_rows(args, &rows, sink);
    }
    let client = argument_or_variable(args, CLIENT_ID, "ClientId")?;
    let flow = argument_or_variable(args, FLOW_ID, "FlowId")?;
    let artifact = argument_or_variable(args, ARTIFACT, "ArtifactName")?;
    let part = Part::of(args, START_ROW, Some(COUNT))?;
    for (slot, what) in [(HUNT_ID, "hunts"), (NOTEBOOK_ID, "notebooks")] {
        if !args.string(slot)?.is_empty() {
            return Err(Error::new(format!("there are no {what} yet")).into());
        }
    }
    if flow.is_empty() {
        return events(args, server, &artifact, part, sink);
    }
    let sources = read::sources(server, &client, &flow, &artifact, &args.string(SOURCE)?)?;
    read::push(args, server, (&client, &flow), &sources, part, sink)
}

/// The rows of the part that `parallelize()` runs this query for.
fn part_of_rows(args: &Args<'_>, rows: &[Value], sink: &mut dyn Sink) -> Flow {
    let part = Part::of(args, START_ROW, Some(COUNT))?;
    let clamp = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    for row in rows.iter().skip(clamp(part.start)).take(clamp(part.count)) {
        args.scope.tick()?;
        sink.row(&mut row.clone().into_row())?;
    }
    Ok(())
}

/// The stored rows of an event queue.
fn events(args: &Args<'_>, server: &Server, artifact: &str, part: Part, sink: &mut dyn Sink) -> Flow {
    if artifact.is_empty() {
        return Err(Error::from("name a collection (client_id, flow_id) or an event queue (artifact)").into());
    }
    let queue = match args.string(SOURCE)? {
        source if source.is_empty() => artifact.to_owned(),
        source => format!("{artifact}/{source}"),
    };
    let start = time_or_variable(args, START_TIME, "StartTime")?;
    let end = time_or_variable(args, END_TIME, "EndTime")?;
    let rows = server.events.read(&queue, &Position::Oldest, Period { start, end }).map_err(failed)?;
    let last = part.start.saturating_add(part.count);
    for (at, row) in (0..last).zip(rows) {
        let (_, text) = row.map_err(failed)?;
        if at >= part.start {
            args.scope.tick()?;
            sink.row(&mut stored_row(&text)?)?;
        }
    }
    Ok(())
}

fn time_or_variable(args: &Args<'_>, slot: usize, variable: &str) -> Result<Option<Time>, Error> {
    if let Some(time) = args.time(slot)? {
        return Ok(Some(time));
    }
    let value = args.scope.variable(variable).unwrap_or_default();
    Ok(vql::time::from_value(&value, &args.scope.zones()))
}

/// An argument; when it is not given, the variable that a notebook sets in its place.
pub(super) fn argument_or_variable(args: &Args<'_>, slot: usize, variable: &str) -> Result<String, Error> {
    let given = args.string(slot)?;
    if !given.is_empty() {
        return Ok(given);
    }
    Ok(match args.scope.variable(variable) {
        Some(Value::Text(text)) => text.to_str_lossy().into_owned(),
        _ => String::new(),
    })
}
