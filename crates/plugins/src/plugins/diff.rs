//! `diff(query=, key=, period=60)`: what changes between runs of a query (builtins page, section 4.2).

use std::collections::HashMap;
use std::time::Instant;

use vql::args::Args;
use vql::call::{Arg, Category, Flow, Plugin, Signature, Sink, Stop, Type};
use vql::schema::Name;
use vql::text::Text;
use vql::value::{Row, Value, convert};

use crate::period;

const QUERY: usize = 0;
const KEY: usize = 1;
const PERIOD: usize = 2;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "diff",
        doc: "Runs a query again and again, and emits the rows that are new (`Diff` is added) or gone (removed) since the run \
              before.",
        category: Category::Events,
        args: &[
            Arg::required("query", Type::Query, "What to run."),
            Arg::required("key", Type::Str, "The column that tells rows apart."),
            Arg::optional("period", Type::Int, "Seconds from one run to the next.").with_default("60"),
        ],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let scope = args.scope;
    let query = args.value(QUERY);
    let period = period::positive(args, PERIOD, 60)?;
    let mut watch = Watch {
        key: Name::new(&args.string(KEY)?),
        column: Name::new("Diff"),
        limit: scope.context().limits.list_bytes,
        round: 0,
        bytes: 0,
        known: HashMap::new(),
        order: Vec::new(),
    };
    let mut next = Instant::now();
    loop {
        watch.round += 1;
        scope.each(&query, &mut |row| watch.see(row.into_row(), sink))?;
        if scope.cancel().is_cancelled() {
            // A run that was cut short says nothing of what is gone.
            return Err(Stop::Done);
        }
        watch.report_removed(sink)?;
        next = (next + period).max(Instant::now());
        if scope.cancel().wait(next.saturating_duration_since(Instant::now())) {
            return Err(Stop::Done);
        }
    }
}

/// The rows of the run before.
struct Watch {
    key: Name,
    column: Name,
    limit: usize,
    round: u64,
    bytes: usize,
    /// Each row, its weight, and the round that saw it last.
    known: HashMap<Text, (Row, usize, u64)>,
    /// Keys in the order in which they appeared.
    order: Vec<Text>,
}

impl Watch {
    fn see(&mut self, row: Row, sink: &mut dyn Sink) -> Flow {
        let key = convert::to_text(row.get(&self.key).unwrap_or(&Value::Null));
        if let Some((_, _, round)) = self.known.get_mut(&key) {
            *round = self.round;
            return Ok(());
        }
        let weight = row.weight();
        self.bytes += weight;
        if self.bytes > self.limit {
            return Err(format!("the rows of one run exceed {} MiB", self.limit >> 20).into());
        }
        let mut added = (self.round > 1).then(|| self.marked(row.clone(), "added"));
        self.order.push(key.clone());
        self.known.insert(key, (row, weight, self.round));
        added.as_mut().map_or(Ok(()), |row| sink.row(row))
    }

    fn report_removed(&mut self, sink: &mut dyn Sink) -> Flow {
        let round = self.round;
        let is_gone = |known: &HashMap<Text, (Row, usize, u64)>, key: &Text| known[key].2 != round;
        let gone: Vec<Text> = self.order.iter().filter(|key| is_gone(&self.known, key)).cloned().collect();
        if gone.is_empty() {
            return Ok(());
        }
        self.order.retain(|key| !is_gone(&self.known, key));
        for key in gone {
            if let Some((row, weight, _)) = self.known.remove(&key) {
                self.bytes -= weight;
                sink.row(&mut self.marked(row, "removed"))?;
            }
        }
        Ok(())
    }

    fn marked(&self, mut row: Row, what: &str) -> Row {
        row.set(&self.column, Value::from(what));
        row
    }
}
