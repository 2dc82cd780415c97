//! `FROM parallelize(query=, client_id=, flow_id=, …)`: a query over the parts of a result set, on several threads.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use parking_lot::Mutex;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Flow, Plugin, Signature, Sink, Stop, Type};
use vql::cancel::Cancel;
use vql::eval::parallel::{Shared, Threads, report};
use vql::permission::Permission;
use vql::schema::{Name, Schema};
use vql::scope::Layer;
use vql::value::{Row, Value};

use super::source::{PART, argument_or_variable};
use crate::collection::read::{self, Part};
use crate::server::Server;

const CLIENT_ID: usize = 0;
const FLOW_ID: usize = 1;
const HUNT_ID: usize = 2;
const ARTIFACT: usize = 3;
const SOURCE: usize = 4;
const START_TIME: usize = 5;
const END_TIME: usize = 6;
const NOTEBOOK_ID: usize = 7;
const QUERY: usize = 10;
const WORKERS: usize = 11;
const BATCH: usize = 12;

const DEFAULT_BATCH: i64 = 10_000;
const MAX_BATCH: i64 = 1_000_000;
const MAX_WORKERS: usize = 64;
/// A part that weighs so much is handed on, however few its rows are.
const MAX_PART_BYTES: usize = 32 << 20;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "parallelize",
        doc: "Runs a query over the rows of a collection, part by part and several at a time: source() without arguments \
              gives the rows of the part. What it emits comes in no order.",
        category: Category::Server,
        args: &[
            Arg::optional("client_id", Type::Str, "The client; the variable ClientId by default."),
            Arg::optional("flow_id", Type::Str, "The collection; the variable FlowId by default."),
            Arg::optional("hunt_id", Type::Str, "There are no hunts."),
            Arg::optional("artifact", Type::Str, "The artifact; the variable ArtifactName by default."),
            Arg::optional("source", Type::Str, "The source of the artifact."),
            Arg::optional("start_time", Type::Int, "Collections have no times: refused."),
            Arg::optional("end_time", Type::Int, "Collections have no times: refused."),
            Arg::optional("notebook_id", Type::Str, "There are no notebooks."),
            Arg::optional("notebook_cell_id", Type::Str, "There are no notebooks."),
            Arg::optional("notebook_cell_table", Type::Int, "There are no notebooks."),
            Arg::required("query", Type::Query, "What to run for each part."),
            Arg::optional(
                "workers",
                Type::Int,
                "How many parts at a time; as many as there are cores by default.",
            ),
            Arg::optional("batch", Type::Int, "How many rows make a part.").with_default("10000"),
        ],
        permissions: &[Permission::ReadResults],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let server = Server::of(args.scope)?;
    refuse_other_tables(args)?;
    let client = argument_or_variable(args, CLIENT_ID, "ClientId")?;
    let flow = argument_or_variable(args, FLOW_ID, "FlowId")?;
    let artifact = argument_or_variable(args, ARTIFACT, "ArtifactName")?;
    if client.is_empty() || flow.is_empty() {
        return Err(Error::from("name a collection: client_id and flow_id").into());
    }
    let sources = read::sources(server, &client, &flow, &artifact, &args.string(SOURCE)?)?;
    let batch = Some(args.int(BATCH, DEFAULT_BATCH)?).filter(|n| *n > 0).unwrap_or(DEFAULT_BATCH);
    let names = ["ClientId", "FlowId", "ArtifactName", PART];
    let bound = Row {
        schema: Schema::of(names.iter().map(|n| Name::new(n))),
        cells: vec![client.as_str().into(), flow.as_str().into(), artifact.as_str().into(), Value::Null],
    };
    over_parts(args, &bound, sink, |sender, cancel| {
        let size = batch.min(MAX_BATCH) as usize;
        let mut parts = Parts { sender, cancel, size, rows: Vec::new(), bytes: 0 };
        read::push(args, server, (&client, &flow), &sources, Part::ALL, &mut parts)?;
        parts.flush()
    })
}

fn refuse_other_tables(args: &Args<'_>) -> Result<(), Error> {
    for (slot, what) in [(HUNT_ID, "hunts"), (NOTEBOOK_ID, "notebooks")] {
        if !args.string(slot)?.is_empty() {
            return Err(Error::new(format!("there are no {what} yet")));
        }
    }
    if args.optional(START_TIME).is_some() || args.optional(END_TIME).is_some() {
        return Err("only collections can be read in parts, and they have no times".into());
    }
    Ok(())
}

fn workers(args: &Args<'_>) -> Result<usize, Error> {
    Ok(match usize::try_from(args.int(WORKERS, 0)?) {
        Ok(0) | Err(_) => std::thread::available_parallelism().map_or(1, usize::from),
        Ok(wanted) => wanted.min(MAX_WORKERS),
    })
}

/// Runs the query for each part that `read` sends; the last cell of `bound` is the place of the part.
fn over_parts(
    args: &Args<'_>,
    bound: &Row,
    sink: &mut dyn Sink,
    read: impl FnOnce(SyncSender<Value>, &Cancel) -> Flow,
) -> Flow {
    let scope = args.scope;
    let query = args.value(QUERY);
    let permits = Threads::take(scope, workers(args)?);
    let count = permits.count.max(1);
    let shared = Shared::new(scope, sink);
    // A short queue: a slow query holds the reader back.
    let (sender, receiver) = sync_channel(1);
    let receiver = Mutex::new(Some(receiver));
    let work = || {
        let scope = scope.with_cancel(shared.cancel());
        while let Some(part) = next(&receiver) {
            let mut row = bound.clone();
            if let Some(cell) = row.cells.last_mut() {
                *cell = part;
            }
            let flow = scope.with(Layer::Row(&row)).push_rows(&query, &mut &shared);
            report(&scope, "parallelize", flow);
            if shared.cancel().is_cancelled() {
                // Nobody takes rows any more: the reader notices when the queue is gone.
                receiver.lock().take();
                return;
            }
        }
    };
    let read = std::thread::scope(|threads| {
        for _ in 0..count {
            threads.spawn(work);
        }
        read(sender, shared.cancel())
    });
    match read {
        Err(Stop::Failed(e)) => Err(Stop::Failed(e)),
        _ => shared.flow(),
    }
}

fn next(receiver: &Mutex<Option<Receiver<Value>>>) -> Option<Value> {
    receiver.lock().as_ref()?.recv().ok()
}

/// Gathers rows into parts and hands them to the workers.
struct Parts<'a> {
    sender: SyncSender<Value>,
    cancel: &'a Cancel,
    size: usize,
    rows: Vec<Value>,
    bytes: usize,
}

impl Parts<'_> {
    fn flush(&mut self) -> Flow {
        self.bytes = 0;
        if self.rows.is_empty() {
            return Ok(());
        }
        let part = Value::list(std::mem::take(&mut self.rows));
        self.sender.send(part).map_err(|_| Stop::Done)
    }
}

impl Sink for Parts<'_> {
    fn row(&mut self, row: &mut Row) -> Flow {
        let cells = std::mem::take(&mut row.cells);
        self.value(Value::Dict(Row { schema: row.schema.clone(), cells }.into()))
    }

    fn value(&mut self, value: Value) -> Flow {
        if self.cancel.is_cancelled() {
            return Err(Stop::Done);
        }
        self.bytes += value.weight();
        self.rows.push(value);
        if self.rows.len() >= self.size || self.bytes >= MAX_PART_BYTES { self.flush() } else { Ok(()) }
    }
}
