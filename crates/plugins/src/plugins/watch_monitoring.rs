//! `watch_monitoring(artifact=, cursor=)`: the rows of an event queue, as they come.

use std::time::Duration;

use store::event::{Event, Position};
use vql::args::Args;
use vql::call::{Arg, Category, Error, Flow, Plugin, Signature, Sink, Stop, Type};
use vql::permission::Permission;
use vql::schema::Name;

use crate::events::{self, Parser};
use crate::server::{Server, failed};

const ARTIFACT: usize = 0;
const CURSOR: usize = 1;

/// How often cancellation is looked at while no row comes.
const STEP: Duration = Duration::from_millis(200);

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "watch_monitoring",
        doc: "The rows pushed to an event queue from now on, with `_ts`, for ever; or those behind a cursor, first \
            the stored ones. `_cursor` is the row's place: give the last one back to go on without a loss.",
        category: Category::Events,
        args: &[
            Arg::required("artifact", Type::Str, "The name of the queue."),
            Arg::optional(
                "cursor",
                Type::Str,
                "A `_cursor` to go on behind, or \"oldest\" for all that is stored.",
            ),
        ],
        permissions: &[Permission::ReadResults],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let from = match args.string(CURSOR)? {
        text if text.is_empty() => Position::Newest,
        text if text == "oldest" => Position::Oldest,
        text => Position::After(text),
    };
    let events = &Server::of(args.scope)?.events;
    let mut watch = events.subscribe(&args.string(ARTIFACT)?, &from).map_err(failed)?;
    let (mut parser, cursor) = (Parser::default(), Name::new("_cursor"));
    loop {
        if args.scope.cancel().is_cancelled() {
            return Err(Stop::Done);
        }
        match watch.recv_timeout(STEP) {
            Event::Row(_, text) => {
                let Some(mut row) = parser.row(args, &text) else { continue };
                row.set(&cursor, watch.cursor().into());
                sink.row(&mut row)?;
            }
            Event::TimedOut => {}
            Event::LeftOut(error) => events::log(args, &error.to_string()),
            Event::Lost(rows) => {
                let text = format!("{rows} rows that are not stored were lost, this query does not keep up");
                events::log(args, &text);
            }
            Event::Closed => return Err(Error::from("the server is stopping").into()),
        }
    }
}
