//! `watch_monitoring(artifact=)`: the rows of an event queue, as they come.

use std::time::Duration;

use vql::args::Args;
use vql::call::{Arg, Category, Error, Flow, Plugin, Signature, Sink, Stop, Type};
use vql::json;
use vql::permission::Permission;
use vql::value::Value;

use crate::world::World;

/// How often cancellation is looked at while no row comes.
const STEP: Duration = Duration::from_millis(200);

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "watch_monitoring",
        doc: "The rows pushed to an event queue from now on, with `_ts`, for ever.",
        category: Category::Events,
        args: &[Arg::required("artifact", Type::Str, "The name of the queue.")],
        permissions: &[Permission::ReadResults],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let events = World::of(args.scope)?.events.as_ref();
    let events = events.ok_or_else(|| Error::from("event queues live on a server: use --api-config"))?;
    let mut subscription = events.subscribe(&args.string(0)?)?;
    loop {
        if args.scope.cancel().is_cancelled() {
            return Err(Stop::Done);
        }
        let Some(row) = subscription.next(STEP)? else { continue };
        match json::parse(&row)? {
            Value::Dict(dict) => sink.row(&mut dict.snapshot())?,
            other => sink.value(other)?,
        }
    }
}
