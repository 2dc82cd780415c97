//! `FROM process_tracker_updates()`: processes that start and end, for ever.

use std::time::Duration;

use vql::args::Args;
use vql::call::{Category, Flow, Plugin, Signature, Sink, Stop};
use vql::host::Level;
use vql::permission::Permission;
use vql::value::{Row, Value};

use crate::process_tracker::Tracker;

/// How often the tracker is asked.
const PERIOD: Duration = Duration::from_millis(200);

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "process_tracker_updates",
        doc: "What the tracker of the program learns from now on: processes that start and exit.",
        category: Category::Events,
        permissions: &[Permission::MachineState],
        ..Signature::NEW
    },
    columns: &["update_type", "id", "parent_id", "start_time", "end_time", "data"],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let tracker = Tracker::of(args.scope)?;
    let listener = tracker.listen();
    args.scope.log(Level::Debug, "process_tracker_updates: watching");
    loop {
        for (change, entry) in listener.take() {
            let cells = vec![
                Value::from(change.name()),
                Value::from(&*entry.id),
                Value::from(&*entry.parent),
                entry.started.map_or(Value::Null, Value::Time),
                entry.ended.map_or(Value::Null, Value::Time),
                Value::from(entry.data),
            ];
            sink.row(&mut Row { schema: args.columns(), cells })?;
        }
        if args.scope.cancel().wait(PERIOD) {
            return Err(Stop::Done);
        }
    }
}
