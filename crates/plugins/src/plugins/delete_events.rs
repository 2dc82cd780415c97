//! `delete_events(artifact=, client_id=, start_time=, end_time=, really_do_it=)`: removes stored rows of an event
//! queue.

use serde_json::json;
use store::event::Removed;
use vql::args::Args;
use vql::call::{Arg, Category, Flow, Plugin, Signature, Sink, Type};
use vql::permission::Permission;
use vql::value::{Row, Value};

use crate::events::{period, queue_name};
use crate::server::{Server, failed};

const ARTIFACT: usize = 0;
const CLIENT_ID: usize = 1;
const START_TIME: usize = 2;
const END_TIME: usize = 3;
const REALLY_DO_IT: usize = 4;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "delete_events",
        doc: "Removes the rows of a period from an event queue; shows what would go unless really_do_it.",
        category: Category::Server,
        args: &[
            Arg::required("artifact", Type::Str, "The name of the queue: the artifact, or Artifact/Source."),
            Arg::required("client_id", Type::Str, "Only \"server\", or an empty text, has queues."),
            Arg::optional("start_time", Type::Time, "Rows of that time and later; all by default."),
            Arg::optional("end_time", Type::Time, "Rows before that time; all by default."),
            Arg::optional("really_do_it", Type::Bool, "Delete, and do not only show."),
        ],
        permissions: &[Permission::DeleteResults],
        ..Signature::NEW
    },
    columns: &["Type", "Data", "Error"],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let server = Server::of(args.scope)?;
    let queue = queue_name(&args.string(CLIENT_ID)?, &args.string(ARTIFACT)?, "")?;
    let period = period(args, START_TIME, END_TIME)?;
    let really = args.bool(REALLY_DO_IT);
    if really {
        let time = |bound: Option<vql::value::Time>| bound.map(|time| time.to_string());
        let (start, end) = (time(period.start), time(period.end));
        server.record(args.scope, "DeleteEvents", json!({ "queue": queue, "start": start, "end": end }))?;
    }
    for removed in server.events.delete(&queue, period, really).map_err(failed)? {
        let mut row = Row::new(args.columns());
        row.cells.extend(["EventRows".into(), shown(&queue, &removed), "".into()]);
        sink.row(&mut row)?;
    }
    Ok(())
}

/// What went of one segment.
fn shown(queue: &str, removed: &Removed) -> Value {
    let number = |number: u64| Value::Int(number as i64);
    Value::dict([
        ("Queue", Value::from(queue)),
        ("Day", Value::from(removed.day.to_string())),
        ("FirstRow", number(removed.first)),
        ("LastRow", number(removed.last)),
        ("Rows", number(removed.rows)),
        ("IsWholeSegment", Value::from(removed.is_whole)),
    ])
}
