//! Removing rows of a period, on request. What is left keeps its numbers.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::civil::Date;

use super::cursor::Period;
use super::keeper::{remove, replace};
use super::queue::Queue;
use super::reader::{Reader, lines};
use super::row::time_of;
use super::sealed::{Block, Sealed};
use super::segment::{Form, Segment};
use crate::error::{Error, Result};

/// What was removed of one segment, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// The day the rows were stored.
    pub day: Date,
    /// The numbers of the first and the last of them.
    pub first: u64,
    pub last: u64,
    pub rows: u64,
    /// Whether nothing is left of the segment.
    pub is_whole: bool,
}

/// What becomes of a block.
enum Fate {
    Stays,
    Goes,
    /// Only these runs of lines stay: number of the first, and the lines.
    Shrinks(Vec<(u64, Vec<u8>)>),
}

/// Removes rows of a period from a sealed segment, or only tells which.
pub fn from_sealed(queue: &Queue, first: u64, period: Period, really: bool) -> Result<Option<Removed>> {
    let upkeep = queue.upkeep.lock();
    let segment = queue.with(|state| state.segments.get(&first).cloned());
    let Some(segment) = segment.filter(Segment::is_sealed) else { return Ok(None) };
    let path = queue.dir.join(segment.file_name(first));
    let file = File::open(&path).and_then(Sealed::open).map_err(Error::io("read", &path))?;
    let mut plan = Plan::new(file, path);
    let fates: Vec<(Block, Fate)> =
        plan.blocks().into_iter().map(|block| (block, plan.fate(block, period))).collect();
    let Some((from, to)) = plan.range else { return Ok(None) };
    let is_whole = fates.iter().all(|(_, fate)| matches!(fate, Fate::Goes));
    let removed = Removed { day: segment.day, first: from, last: to, rows: plan.rows, is_whole };
    if really && is_whole {
        drop(upkeep);
        remove(queue, first)?;
    } else if really {
        plan.rewrite(queue, first, &segment, fates)?;
    }
    Ok(Some(removed))
}

/// Tells which rows of a plain segment would go.
pub fn from_plain(queue: &Arc<Queue>, first: u64, segment: &Segment, period: Period) -> Option<Removed> {
    let end = queue.with(|state| state.end_of(first));
    let mut removed: Option<Removed> = None;
    for (number, _) in Reader::new(queue.clone(), first, end, period).flatten() {
        let found = removed.get_or_insert(Removed {
            day: segment.day,
            first: number,
            last: number,
            rows: 0,
            is_whole: false,
        });
        found.last = number;
        found.rows += 1;
        found.is_whole = found.rows == end - first;
    }
    removed
}

/// Which rows of a segment go.
struct Plan {
    file: Sealed<File>,
    path: PathBuf,
    rows: u64,
    range: Option<(u64, u64)>,
}

impl Plan {
    fn new(file: Sealed<File>, path: PathBuf) -> Self {
        Self { file, path, rows: 0, range: None }
    }

    fn blocks(&self) -> Vec<Block> {
        self.file.blocks().to_vec()
    }

    fn count(&mut self, first: u64, last: u64) {
        self.rows += last - first + 1;
        self.range = Some((self.range.map_or(first, |range| range.0), last));
    }

    fn fate(&mut self, block: Block, period: Period) -> Fate {
        if !period.touches(block.earliest, block.latest) {
            return Fate::Stays;
        }
        if period.holds(block.earliest) && period.holds(block.latest) {
            self.count(block.first, block.end() - 1);
            return Fate::Goes;
        }
        let mut text = Vec::new();
        if let Err(error) = self.file.read(&block, &mut text) {
            tracing::error!(path = %self.path.display(), row = block.first, %error, "a damaged block stays");
            return Fate::Stays;
        }
        self.split(block, &text, period)
    }

    /// The runs of lines that stay.
    fn split(&mut self, block: Block, text: &[u8], period: Period) -> Fate {
        let before = self.rows;
        let mut runs: Vec<(u64, Vec<u8>)> = Vec::new();
        let mut follows = false;
        for (line, number) in lines(text).zip(block.first..) {
            if period.holds(time_of(line)) {
                self.count(number, number);
                follows = false;
                continue;
            }
            if !std::mem::replace(&mut follows, true) {
                runs.push((number, Vec::new()));
            }
            if let Some((_, run)) = runs.last_mut() {
                run.extend_from_slice(line);
                run.push(b'\n');
            }
        }
        match runs {
            _ if self.rows == before => Fate::Stays,
            runs if runs.is_empty() => Fate::Goes,
            runs => Fate::Shrinks(runs),
        }
    }

    /// Writes the segment anew with what stays. Readers that have the old file open read on in it.
    fn rewrite(&self, queue: &Queue, first: u64, segment: &Segment, fates: Vec<(Block, Fate)>) -> Result<()> {
        let mut bytes = Vec::new();
        let written = replace(&self.path, None, |out| {
            for (block, fate) in fates {
                match fate {
                    Fate::Goes => {}
                    Fate::Shrinks(runs) => runs.iter().try_for_each(|(number, run)| out.add(*number, run))?,
                    Fate::Stays => {
                        // A damaged block is carried over as it is: its rows are told about when they are read.
                        if self.file.raw(&block, &mut bytes).is_err() {
                            tracing::error!(path = %self.path.display(), row = block.first, "a block is damaged");
                        }
                        out.copy(block, &bytes)?;
                    }
                }
            }
            Ok(())
        });
        let len = written.map_err(Error::io("write", &self.path))?;
        let form = Form::Sealed { len };
        queue.change(|state| state.segments.insert(first, Segment { day: segment.day, form }));
        Ok(())
    }
}
