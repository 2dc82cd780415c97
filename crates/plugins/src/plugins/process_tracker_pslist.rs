//! `FROM process_tracker_pslist()`: the processes that the tracker knows, as `pslist()` shows them.

use vql::args::Args;
use vql::call::{Category, Example, Flow, Plugin, Signature, Sink};
use vql::permission::Permission;
use vql::schema::Name;
use vql::value::{Row, Value};

use crate::process_tracker::{Entry, Tracker};

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "process_tracker_pslist",
        doc: "The processes that the tracker knows: their numbers, when they began and ended, and the data of each.",
        category: Category::Host,
        permissions: &[Permission::MachineState],
        examples: &[Example::new(
            "This one",
            "SELECT Pid = getpid() AS Same, EndTime FROM process_tracker_pslist() WHERE Pid = getpid()",
            r#"[{"Same":true,"EndTime":null}]"#,
        )],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let entries: Vec<Entry> = Tracker::of(args.scope)?.look(|entries| entries.all().cloned().collect());
    for entry in entries {
        args.scope.tick()?;
        sink.row(&mut row(&entry))?;
    }
    Ok(())
}

fn row(entry: &Entry) -> Row {
    let mut row = Row::default();
    let mut set = |name: &str, value| row.set(&Name::new(name), value);
    set("Pid", number(&entry.id));
    set("Ppid", number(&entry.parent));
    set("StartTime", entry.started.map_or(Value::Null, Value::Time));
    set("EndTime", entry.ended.map_or(Value::Null, Value::Time));
    for (name, value) in entry.data.iter() {
        row.replace(name, value.clone());
    }
    row
}

/// A number where it is one: processes whose number was used again have a name instead.
fn number(id: &str) -> Value {
    id.parse().map_or_else(|_| Value::from(id), Value::Int)
}
