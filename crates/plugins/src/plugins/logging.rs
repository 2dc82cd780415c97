//! `logging(component=, prelog=)`: the log of the server, line by line.

use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use vql::args::Args;
use vql::call::{Arg, Category, Error, Flow, Plugin, Signature, Sink, Stop, Type};
use vql::host::Level;
use vql::permission::Permission;
use vql::schema::Name;
use vql::value::{Row, Value};

use crate::log_lines::LogLine;
use crate::world::World;

const COMPONENT: usize = 0;
const PRELOG: usize = 1;

/// How often cancellation is looked at while no line comes.
const STEP: Duration = Duration::from_millis(200);

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "logging",
        doc: "The lines of the server's own log from now on, for ever: INFO and worse. What else a line tells is in further columns.",
        category: Category::Events,
        args: &[
            Arg::optional(
                "component",
                Type::StrList,
                "Only lines of these parts of the server; all by default.",
            ),
            Arg::optional("prelog", Type::Bool, "First the last lines from before, 1000 at most."),
        ],
        permissions: &[Permission::ServerAdmin],
        version: 2,
        ..Signature::NEW
    },
    columns: &["Timestamp", "Component", "Level", "Message"],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let logs = World::of(args.scope)?.logs.as_ref();
    let logs = logs.ok_or_else(|| Error::from("only a server keeps a log"))?;
    let components = args.text_list(COMPONENT)?;
    let components: Vec<String> = components.iter().map(|c| c.to_str_lossy().into_owned()).collect();
    let is_wanted = |line: &LogLine| {
        components.is_empty() || components.iter().any(|c| c.eq_ignore_ascii_case(&line.component))
    };
    let mut listener = logs.listen();
    let earlier = std::mem::take(&mut listener.earlier);
    if args.bool(PRELOG) {
        for line in earlier.iter().filter(|l| is_wanted(l)) {
            sink.row(&mut row(args, line))?;
        }
    }
    drop(earlier);
    loop {
        if args.scope.cancel().is_cancelled() {
            return Err(Stop::Done);
        }
        match listener.lines.recv_timeout(STEP) {
            Ok(line) if is_wanted(&line) => sink.row(&mut row(args, &line))?,
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        match listener.lost() {
            0 => {}
            lost => args
                .scope
                .log(Level::Warn, format!("logging: {lost} lines were lost, this query does not keep up")),
        }
    }
}

fn row(args: &Args<'_>, line: &LogLine) -> Row {
    let cells = vec![
        Value::Time(line.time),
        line.component.as_str().into(),
        line.level.into(),
        line.message.as_str().into(),
    ];
    let mut row = Row { schema: args.columns(), cells };
    for (name, value) in &line.fields {
        let name = Name::new(name);
        // The columns that every line has stay what they are.
        if row.get(&name).is_none() {
            row.set(&name, value.clone());
        }
    }
    row
}
