//! `watch_auditd(filename=, accessor=, buffer_size=)`: new events of the Linux audit log, for ever.

use forensics::auditd::{Events, Record};
use vql::args::Args;
use vql::call::{Arg, Category, Flow, Platforms, Plugin, Signature, Sink, Type};

use super::parse_auditd::row;
use crate::accessor;
use crate::tail::{Event, Start, Tail, follow};
use crate::text::buffer_size;

const FILENAME: usize = 0;
const ACCESSOR: usize = 1;
const BUFFER_SIZE: usize = 2;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "watch_auditd",
        doc: "The events that are added to the Linux audit log from now on, for ever, a row for each.",
        category: Category::Events,
        args: &[
            Arg::required("filename", Type::PathList, "The files to watch."),
            Arg::optional("accessor", Type::Str, "How to read the files.").with_default("\"auto\""),
            Arg::optional("buffer_size", Type::Int, "The most bytes of a line.").with_default("1048576"),
        ],
        platforms: Platforms::Linux,
        ..Signature::NEW
    },
    columns: &[],
    run,
};

/// The records of one file that wait for more of their event.
#[derive(Default)]
struct Waiting {
    events: Events,
    /// Whether a line came since the file was looked at last.
    is_busy: bool,
}

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let limit = buffer_size(args, BUFFER_SIZE, 1 << 20)?;
    let targets = accessor::resolve_all(args, FILENAME, ACCESSOR)?;
    let mut files: Vec<Waiting> = targets.iter().map(|_| Waiting::default()).collect();
    let tails = targets.into_iter().map(|target| Tail::new(target, Start::End, limit)).collect();
    follow(args, tails, limit, None, &mut |place, event| {
        let file = &mut files[place];
        match event {
            Event::Line(line) | Event::Late(line) => {
                file.is_busy = true;
                match Record::parse(line).and_then(|record| file.events.push(record)) {
                    Some(event) => sink.row(&mut row(event)?),
                    None => Ok(()),
                }
            }
            Event::Restart => Ok(()),
            // The daemon writes the records of an event together: after a moment of silence there are no more.
            Event::Idle if !std::mem::take(&mut file.is_busy) && !file.events.is_empty() => {
                let events = std::mem::take(&mut file.events);
                events.finish().try_for_each(|event| sink.row(&mut row(event)?))
            }
            Event::Idle => Ok(()),
        }
    })
}
