//! Reading the stored rows of collections.

use store::flow::Flow as FlowRecord;
use store::rows::RowReader;
use vql::args::Args;
use vql::call::{Error, Flow, Sink, Stop};
use vql::schema::Name;
use vql::value::{Row, Value};

use crate::hunt;
use crate::server::{Server, failed, stored_row};

/// The sources of a collection whose rows are meant: `artifact` may be `Artifact` (all its sources) or
/// `Artifact/Source`; empty means all that gave rows.
pub fn sources(
    server: &Server,
    client: &str,
    id: &str,
    artifact: &str,
    source: &str,
) -> Result<Vec<String>, Error> {
    let flow = super::find(server, client, id)?;
    let flow = flow.ok_or_else(|| Error::new(format!("client {client} has no collection {id}")))?;
    Ok(sources_of(&flow, artifact, source))
}

/// As [`sources`], of a collection that was found.
pub fn sources_of(flow: &FlowRecord, artifact: &str, source: &str) -> Vec<String> {
    let wanted = match source {
        "" => artifact.to_owned(),
        source => format!("{artifact}/{source}"),
    };
    let below = format!("{wanted}/");
    let is_wanted = |name: &&String| wanted.is_empty() || **name == wanted || name.starts_with(&below);
    // Of a running collection the source in work has not been noted yet: its file tells.
    let mut found: Vec<String> = flow.artifacts_with_results.iter().filter(is_wanted).cloned().collect();
    if !wanted.is_empty() && !found.contains(&wanted) && found.is_empty() {
        found.push(wanted);
    }
    found
}

/// A part of a stream of rows.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    pub start: u64,
    pub count: u64,
}

impl Part {
    pub const ALL: Part = Part { start: 0, count: u64::MAX };

    /// From the arguments `start_row` and `count`.
    pub fn of(args: &Args<'_>, start: usize, count: Option<usize>) -> Result<Self, Error> {
        let at = |slot| Ok::<_, Error>(u64::try_from(args.int(slot, 0)?).unwrap_or_default());
        let count = match count.map(at).transpose()? {
            None | Some(0) => u64::MAX,
            Some(count) => count,
        };
        Ok(Part { start: at(start)?, count })
    }
}

/// Pushes the rows of several sources, one after another, as one stream.
pub fn push(
    args: &Args<'_>,
    server: &Server,
    (client, id): (&str, &str),
    sources: &[String],
    part: Part,
    sink: &mut dyn Sink,
) -> Flow {
    let mut at = 0;
    for source in sources {
        let rows = server.flows.results(client, id, source).map_err(failed)?;
        at = push_part(args, rows, at, part, sink)?;
    }
    Ok(())
}

/// Pushes the rows of all collections of a hunt as one stream, each with the columns that tell where it is from
/// unless `brief`.
pub fn push_hunt(
    args: &Args<'_>,
    server: &Server,
    id: &str,
    (artifact, source): (&str, &str),
    part: Part,
    brief: bool,
    sink: &mut dyn Sink,
) -> Flow {
    let mut at = 0;
    for of in hunt::parts(server, id)? {
        args.scope.tick()?;
        let of = of?;
        let Some(flow) = &of.flow else { continue };
        let origin: Vec<(Name, Value)> = match brief {
            true => Vec::new(),
            false => of.origin(server).map(|(name, text)| (Name::new(name), Value::from(text))).into(),
        };
        let mut tagged = Tagged { sink, origin: &origin };
        for source in sources_of(flow, artifact, source) {
            at = push_part(args, of.rows(server, &source)?, at, part, &mut tagged)?;
        }
    }
    Ok(())
}

/// Adds columns to rows.
struct Tagged<'a> {
    sink: &'a mut dyn Sink,
    origin: &'a [(Name, Value)],
}

impl Sink for Tagged<'_> {
    fn row(&mut self, row: &mut Row) -> Flow {
        for (name, value) in self.origin {
            row.set(name, value.clone());
        }
        self.sink.row(row)
    }

    fn value(&mut self, value: Value) -> Flow {
        self.row(&mut value.into_row())
    }
}

/// Pushes what of these rows lies in the part; `at` is the number of the first. Gives the number after the last.
pub fn push_part(
    args: &Args<'_>,
    rows: RowReader,
    mut at: u64,
    part: Part,
    sink: &mut dyn Sink,
) -> Result<u64, Stop> {
    let end = part.start.saturating_add(part.count);
    for text in rows {
        let text = text.map_err(failed)?;
        if at >= part.start && at < end {
            args.scope.tick()?;
            sink.row(&mut stored_row(&text)?)?;
        }
        at += 1;
        if at >= end {
            break;
        }
    }
    Ok(at)
}
