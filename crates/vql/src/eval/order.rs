//! ORDER BY: collect, sort, emit (reference, section 6.6).
//!
//! Ascending is stable; DESC is the ascending order reversed, ties included. Rows beyond the memory limit are
//! sorted in runs that go to temporary files and are merged. With a LIMIT only the rows that can still win are
//! kept.

use std::cmp::Ordering;
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};

use crate::call::{Error, Flow, Sink, Stop};
use crate::codec;
use crate::host::{Level, Spill};
use crate::plan::OrderBy;
use crate::scope::Scope;
use crate::value::{Row, Value, compare};

/// Runs are merged into one when there are this many.
const MAX_RUNS: usize = 64;

pub(super) struct Sorter<'a> {
    scope: &'a Scope<'a>,
    order: &'a OrderBy,
    /// Only so many rows will be asked for.
    limit: Option<usize>,
    rows: Vec<Row>,
    bytes: usize,
    found: bool,
    runs: Vec<Run>,
}

/// A sorted run in a temporary file, being read.
struct Run {
    file: BufReader<Box<dyn Spill>>,
    next: Option<(Value, Row)>,
}

/// What a row is sorted by. `rank` decides most comparisons; equal ranks need the values.
struct Key {
    rank: u64,
    place: u32,
}

impl<'a> Sorter<'a> {
    pub fn new(scope: &'a Scope<'a>, order: &'a OrderBy, limit: Option<usize>) -> Self {
        Sorter { scope, order, limit, rows: Vec::new(), bytes: 0, found: false, runs: Vec::new() }
    }

    fn key<'r>(&self, row: &'r Row) -> Option<&'r Value> {
        row.get(&self.order.column)
    }

    fn push(&mut self, row: Row) -> Flow {
        self.found = self.found || self.key(&row).is_some();
        self.bytes += row.weight();
        self.rows.push(row);
        if let Some(limit) = self.limit
            && self.rows.len() >= limit.saturating_mul(2).max(4096)
        {
            self.sort();
            self.rows.truncate(limit);
            self.bytes = self.rows.iter().map(Row::weight).sum();
        }
        if self.bytes > self.scope.context().limits.operator_bytes {
            self.spill().map_err(Stop::Failed)?;
        }
        Ok(())
    }

    /// Sorts what is in memory.
    fn sort(&mut self) {
        if !self.found {
            return;
        }
        let null = Value::Null;
        let values: Vec<&Value> = self.rows.iter().map(|r| self.key(r).unwrap_or(&null)).collect();
        let ranks: Option<Vec<u64>> = values.iter().map(|v| rank(v)).collect();
        let ranked = ranks.is_some();
        let ranks = ranks.unwrap_or_else(|| vec![0; values.len()]);
        let mut keys: Vec<Key> =
            ranks.into_iter().enumerate().map(|(i, rank)| Key { rank, place: i as u32 }).collect();
        let by_value = |a: &Key, b: &Key| {
            let order = compare::sort_order(values[a.place as usize], values[b.place as usize]);
            order.then(a.place.cmp(&b.place))
        };
        keys.sort_unstable_by(|a, b| match a.rank.cmp(&b.rank) {
            Ordering::Equal => by_value(a, b),
            decided if ranked => decided,
            _ => by_value(a, b),
        });
        drop(values);
        if self.order.descending {
            keys.reverse();
        }
        let mut rows = Vec::with_capacity(keys.len());
        rows.extend(keys.iter().map(|k| std::mem::take(&mut self.rows[k.place as usize])));
        self.rows = rows;
    }

    /// Writes the rows in memory to a sorted run.
    fn spill(&mut self) -> Result<(), Error> {
        self.sort();
        let mut writer = RunWriter::new(self.scope)?;
        for row in std::mem::take(&mut self.rows) {
            writer.push(&row)?;
        }
        self.bytes = 0;
        self.runs.push(writer.finish(self.order)?);
        if self.runs.len() >= MAX_RUNS {
            let mut writer = RunWriter::new(self.scope)?;
            let runs = std::mem::take(&mut self.runs);
            let merged = self.merge(runs, &mut |row| writer.push(&row).map_err(Stop::Failed));
            if let Err(Stop::Failed(e)) = merged {
                return Err(e);
            }
            self.runs.push(writer.finish(self.order)?);
        }
        Ok(())
    }

    /// Emits everything in order.
    pub fn finish(mut self, sink: &mut dyn Sink) -> Flow {
        let any = !self.rows.is_empty() || !self.runs.is_empty();
        if any && !self.found {
            self.scope
                .log(Level::Default, format!("Order by column {} not present in row", self.order.column));
        }
        if self.runs.is_empty() {
            self.sort();
            for mut row in std::mem::take(&mut self.rows) {
                self.scope.tick()?;
                sink.row(&mut row)?;
            }
            return Ok(());
        }
        self.spill().map_err(Stop::Failed)?;
        let runs = std::mem::take(&mut self.runs);
        self.merge(runs, &mut |mut row| {
            self.scope.tick()?;
            sink.row(&mut row)
        })
    }

    fn merge(&self, mut runs: Vec<Run>, emit: &mut dyn FnMut(Row) -> Flow) -> Flow {
        while let Some(first) = self.first_of(&runs) {
            let Some((_, row)) = runs[first].next.take() else { break };
            emit(row)?;
            runs[first].advance(self.order).map_err(Stop::Failed)?;
        }
        Ok(())
    }

    /// The run whose next row comes first. Earlier runs hold earlier rows, which decides ties.
    fn first_of(&self, runs: &[Run]) -> Option<usize> {
        let mut best: Option<(usize, &Value)> = None;
        for (i, run) in runs.iter().enumerate() {
            let Some((key, _)) = &run.next else { continue };
            let wins = best.is_none_or(|(_, other)| match compare::sort_order(key, other) {
                Ordering::Less => !self.order.descending,
                Ordering::Equal => self.order.descending,
                Ordering::Greater => self.order.descending,
            });
            if wins {
                best = Some((i, key));
            }
        }
        best.map(|(i, _)| i)
    }
}

impl Sink for Sorter<'_> {
    fn row(&mut self, row: &mut Row) -> Flow {
        let cells = std::mem::take(&mut row.cells);
        self.push(Row { schema: row.schema.clone(), cells })
    }

    fn value(&mut self, value: Value) -> Flow {
        match value {
            Value::Dict(dict) => self.push(dict.snapshot()),
            _ => Ok(()),
        }
    }
}

/// A number that orders most texts and integers as `<` does: equal ranks decide nothing. `None` for other types.
/// Texts come before numbers, and NULL is the empty text.
fn rank(value: &Value) -> Option<u64> {
    match value {
        Value::Null => Some(0),
        Value::Text(t) => {
            let mut head = [0; 8];
            let n = t.len().min(8);
            head[..n].copy_from_slice(&t[..n]);
            Some(u64::from_be_bytes(head) >> 1)
        }
        Value::Int(i) => Some(1 << 63 | ((*i as u64) ^ 1 << 63) >> 1),
        _ => None,
    }
}

struct RunWriter {
    file: BufWriter<Box<dyn Spill>>,
    buffer: Vec<u8>,
}

impl RunWriter {
    fn new(scope: &Scope<'_>) -> Result<Self, Error> {
        let file = scope.host().spill().map_err(failed)?;
        Ok(RunWriter { file: BufWriter::with_capacity(1 << 18, file), buffer: Vec::new() })
    }

    fn push(&mut self, row: &Row) -> Result<(), Error> {
        self.buffer.clear();
        codec::write_row(row, &mut self.buffer);
        self.file.write_all(&(self.buffer.len() as u64).to_le_bytes()).map_err(failed)?;
        self.file.write_all(&self.buffer).map_err(failed)
    }

    fn finish(self, order: &OrderBy) -> Result<Run, Error> {
        let mut file = self.file.into_inner().map_err(|e| failed(e.into_error()))?;
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let mut run = Run { file: BufReader::with_capacity(1 << 16, file), next: None };
        run.advance(order)?;
        Ok(run)
    }
}

impl Run {
    fn advance(&mut self, order: &OrderBy) -> Result<(), Error> {
        let mut length = [0; 8];
        match self.file.read_exact(&mut length) {
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
                self.next = None;
                return Ok(());
            }
            other => other.map_err(failed)?,
        }
        let mut bytes = vec![0; u64::from_le_bytes(length) as usize];
        self.file.read_exact(&mut bytes).map_err(failed)?;
        let Value::Dict(dict) = codec::read(&mut &bytes[..])? else {
            return Err("ORDER BY: damaged run".into());
        };
        let row = dict.snapshot();
        let key = row.get(&order.column).cloned().unwrap_or_default();
        self.next = Some((key, row));
        Ok(())
    }
}

fn failed(e: std::io::Error) -> Error {
    Error::new(format!("ORDER BY: temporary file: {e}"))
}
