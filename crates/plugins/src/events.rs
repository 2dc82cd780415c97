//! Event queues, as queries read them.

use store::event::{Period, Position};
use store::flow::SERVER;
use vql::args::Args;
use vql::call::{Error, Flow};
use vql::host::Level;
use vql::json;
use vql::time::ZERO;
use vql::value::{Row, Time, Value};

use crate::collection::read::Part;
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
    Ok(Period { start: bound(args, start, None)?, end: bound(args, end, None)? })
}

/// As [`period`]; in place of an argument that is left out the variables `StartTime` and `EndTime` count.
pub fn period_or_variables(args: &Args<'_>, start: usize, end: usize) -> Result<Period, Error> {
    Ok(Period { start: bound(args, start, Some("StartTime"))?, end: bound(args, end, Some("EndTime"))? })
}

/// A time that cannot be read is refused: without the bound there would be more rows than asked for.
fn bound(args: &Args<'_>, slot: usize, variable: Option<&str>) -> Result<Option<Time>, Error> {
    let given = Some(args.value(slot)).filter(|value| !value.is_null());
    let value = given.or_else(|| args.scope.variable(variable?)).unwrap_or_default();
    if value.is_null() {
        return Ok(None);
    }
    let time = vql::time::from_value(&value, &args.scope.zones());
    let name = args.signature.args[slot].name;
    let time = time.ok_or_else(|| Error::new(format!("{name} is no time: {}", value.type_name())))?;
    Ok(Some(time).filter(|time| *time > ZERO))
}

/// Does something with each row of a part of those that a queue stored in a period.
pub fn each_stored(
    args: &Args<'_>,
    queue: &str,
    period: Period,
    part: Part,
    mut each: impl FnMut(&mut Row) -> Flow,
) -> Flow {
    let cancel = args.scope.cancel().clone();
    let rows = Server::of(args.scope)?.events.read(queue, &Position::Oldest, period).map_err(failed)?;
    let mut rows = rows.skipping(part.start).until(move || cancel.is_cancelled());
    let (mut parser, mut left) = (Parser::default(), part.count);
    while left > 0
        && let Some(found) = rows.next()
    {
        args.scope.tick()?;
        match found {
            Ok((_, text)) => {
                left -= 1;
                parser.row(args, &text).map_or(Ok(()), |mut row| each(&mut row))?;
            }
            // What is damaged or gone is told about, and no reason to stop.
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
    /// The row; one that was damaged on disk is told about.
    pub fn row(&mut self, args: &Args<'_>, text: &[u8]) -> Option<Row> {
        let why = match self.0.parse(text) {
            Ok(Value::Dict(dict)) => return Some(dict.snapshot()),
            Ok(_) => "it is no object".to_owned(),
            Err(error) => error.to_string(),
        };
        log(args, &format!("a stored row is left out: {why}"));
        None
    }
}
