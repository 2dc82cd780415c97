//! Event queues, as queries read them.

use store::event::{Period, Position};
use store::flow::SERVER;
use vql::args::Args;
use vql::call::{Error, Flow, Sink};
use vql::host::Level;
use vql::json;
use vql::schema::Name;
use vql::time::ZERO;
use vql::value::{Row, Time, Value};

use crate::server::{Server, failed};

/// The name of a queue: that of an artifact, or of one of its sources. Only the server has queues.
pub fn queue_name(client: &str, artifact: &str, source: &str) -> Result<String, Error> {
    if !matches!(client, "" | SERVER) {
        return Err(Error::new(format!("client {client} has no event queues")));
    }
    Ok(if source.is_empty() { artifact.to_owned() } else { format!("{artifact}/{source}") })
}

/// The period that two arguments bound, each of which may be left out.
pub fn period(args: &Args<'_>, start: usize, end: usize) -> Result<Period, Error> {
    Ok(Period { start: bound(args, start)?, end: bound(args, end)? })
}

/// A time that cannot be read is refused: without the bound there would be more rows than asked for.
fn bound(args: &Args<'_>, slot: usize) -> Result<Option<Time>, Error> {
    let value = args.value(slot);
    if value.is_null() {
        return Ok(None);
    }
    let time = vql::time::from_value(&value, &args.scope.zones());
    let name = args.signature.args[slot].name;
    let time = time.ok_or_else(|| Error::new(format!("{name} is no time: {}", value.type_name())))?;
    Ok(Some(time).filter(|time| *time > ZERO))
}

/// Stored rows of a queue, but for the first `skip`.
pub fn push_stored(args: &Args<'_>, queue: &str, period: Period, skip: u64, sink: &mut dyn Sink) -> Flow {
    let events = &Server::of(args.scope)?.events;
    let cancel = args.scope.cancel().clone();
    let rows = events.read(queue, &Position::Oldest, period).map_err(failed)?;
    let mut rows = rows.skipping(skip).until(move || cancel.is_cancelled());
    let mut parser = Parser::default();
    while let Some(found) = rows.next() {
        match found {
            Ok((number, text)) => parser.push(args, &text, rows.cursor(number).into(), sink)?,
            Err(error) => log(args, &error.to_string()),
        }
    }
    args.scope.tick()
}

/// A log line of the plugin.
pub fn log(args: &Args<'_>, text: &str) {
    args.scope.log(Level::Warn, format!("{}: {text}", args.signature.name));
}

/// Makes rows of the text of events.
#[derive(Default)]
pub struct Parser(json::Parser);

impl Parser {
    /// Pushes a row with its place in the last column. A row that was damaged on disk is told about.
    pub fn push(&mut self, args: &Args<'_>, text: &[u8], cursor: Value, sink: &mut dyn Sink) -> Flow {
        match self.0.parse(text) {
            Ok(Value::Dict(dict)) => {
                let mut row: Row = dict.snapshot();
                row.set(&Name::new("_cursor"), cursor);
                sink.row(&mut row)
            }
            Ok(_) => {
                log(args, "a stored row is no object and is left out");
                Ok(())
            }
            Err(error) => {
                log(args, &format!("a stored row is left out: {error}"));
                Ok(())
            }
        }
    }
}
