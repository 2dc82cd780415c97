//! `FROM source(…)`: stored rows, of a collection or of an event queue.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Flow, Plugin, Signature, Sink, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::collection::read::{self, Part};
use crate::events::{each_stored, period_or_variables, queue_name};
use crate::server::Server;

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
        doc: "Stored rows: of a collection, of all collections of a hunt, or without flow_id of an event queue. \
              Inside parallelize() and without arguments: those of the part.",
        category: Category::Server,
        args: &[
            Arg::optional("client_id", Type::Str, "The client; the variable ClientId by default."),
            Arg::optional("flow_id", Type::Str, "The collection; the variable FlowId by default."),
            Arg::optional("hunt_id", Type::Str, "The hunt; the variable HuntId by default."),
            Arg::optional("artifact", Type::Str, "The artifact; the variable ArtifactName by default."),
            Arg::optional("source", Type::Str, "The source of the artifact."),
            Arg::optional(
                "start_time",
                Type::Any,
                "Events of then and later; the variable StartTime by default.",
            ),
            Arg::optional("end_time", Type::Any, "Events before then; the variable EndTime by default."),
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
    if !args.string(NOTEBOOK_ID)?.is_empty() {
        return Err(Error::from("there are no notebooks yet").into());
    }
    let hunt = argument_or_variable(args, HUNT_ID, "HuntId")?;
    if !hunt.is_empty() {
        let wanted = (&*artifact, &*args.string(SOURCE)?);
        return read::push_hunt(args, server, &hunt, wanted, part, false, sink);
    }
    if flow.is_empty() && artifact.is_empty() {
        return Err(Error::from("name a collection: client_id and flow_id, or the artifact of events").into());
    }
    if flow.is_empty() {
        let queue = queue_name(&client, &artifact, &args.string(SOURCE)?)?;
        let period = period_or_variables(args, START_TIME, END_TIME)?;
        return each_stored(args, &queue, period, part, |row| sink.row(row));
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
