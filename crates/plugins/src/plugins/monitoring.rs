//! `monitoring(client_id=, artifact=, source=, start_time=, end_time=, start_row=)`: stored rows of an event queue.

use vql::args::Args;
use vql::call::{Arg, Category, Flow, Plugin, Signature, Sink, Type};
use vql::permission::Permission;

use crate::collection::read::Part;
use crate::events::{each_stored, period, queue_name};

const CLIENT_ID: usize = 0;
const ARTIFACT: usize = 1;
const SOURCE: usize = 2;
const START_TIME: usize = 3;
const END_TIME: usize = 4;
const START_ROW: usize = 5;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "monitoring",
        doc: "The stored rows of an event queue, oldest first.",
        category: Category::Events,
        args: &[
            Arg::required("client_id", Type::Str, "Only \"server\", or an empty text, has queues."),
            Arg::required("artifact", Type::Str, "The artifact that the queue is named by."),
            Arg::optional("source", Type::Str, "The source of the artifact."),
            Arg::optional("start_time", Type::Any, "Rows of that time and later; all by default."),
            Arg::optional("end_time", Type::Any, "Rows before that time; all by default."),
            Arg::optional("start_row", Type::Int, "Rows to leave out at the start.").with_default("0"),
        ],
        permissions: &[Permission::ReadResults],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let queue = queue_name(&args.string(CLIENT_ID)?, &args.string(ARTIFACT)?, &args.string(SOURCE)?)?;
    let period = period(args, START_TIME, END_TIME)?;
    each_stored(args, &queue, period, Part::of(args, START_ROW, None)?, |row| sink.row(row))
}
