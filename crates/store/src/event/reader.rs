//! Reading stored rows back, by number and by time, one block in memory.

use std::fs::File;
use std::io;
use std::sync::Arc;

use super::cursor::Period;
use super::plain::{Chunks, MARK_BYTES};
use super::queue::{Located, Queue};
use super::row::{Row, time_of};
use super::sealed::{Block, Sealed};
use super::segment::{Form, Mark};
use crate::error::{Error, Result};

/// How often a file is looked for that is replaced at the same time.
const TRIES: usize = 3;

/// Stored rows with their numbers, in order.
///
/// An error tells which rows are left out and why; the rows behind them follow.
pub struct Reader {
    queue: Arc<Queue>,
    /// The number of the next row to look at.
    next: u64,
    /// The number behind the last one.
    end: u64,
    period: Period,
    /// Matching rows still to be left out.
    skip: u64,
    source: Option<Source>,
    chunk: Chunk,
    /// Asked before each chunk; there may be very many without a matching row.
    is_stopped: Option<Box<dyn Fn() -> bool + Send>>,
}

/// Whole lines, and how far they were given out.
#[derive(Default)]
struct Chunk {
    lines: Vec<u8>,
    at: usize,
    /// The number of the line at `at`.
    number: u64,
}

/// An open segment.
struct Source {
    located: Located,
    kind: Kind,
}

enum Kind {
    Plain(Chunks<File>),
    Sealed { file: Sealed<File>, at: usize },
}

/// The lines of a chunk, without their line feeds.
pub fn lines(chunk: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr::memchr_iter(b'\n', chunk).map(move |end| {
        let line = &chunk[start..end];
        start = end + 1;
        line
    })
}

impl Reader {
    /// Reads the rows numbered from `next` up to, and without, `end`.
    pub fn new(queue: Arc<Queue>, next: u64, end: u64, period: Period) -> Self {
        Self { queue, next, end, period, skip: 0, source: None, chunk: Chunk::default(), is_stopped: None }
    }

    /// Leaves out the first so many rows.
    #[must_use]
    pub fn skipping(mut self, rows: u64) -> Self {
        self.skip = rows;
        self
    }

    /// Ends early when `is_stopped` says so.
    #[must_use]
    pub fn until(mut self, is_stopped: impl Fn() -> bool + Send + 'static) -> Self {
        self.is_stopped = Some(Box::new(is_stopped));
        self
    }

    /// The number of the next row to look at: all before it were given out or told about.
    pub fn next_number(&self) -> u64 {
        self.next
    }

    /// The text of the place behind a row, for [`super::Position::After`].
    pub fn cursor(&self, number: u64) -> Option<String> {
        self.queue.cursor(number)
    }

    /// The next matching row of the chunk in hand.
    fn next_in_chunk(&mut self) -> Option<(u64, Row)> {
        while let Some(len) = memchr::memchr(b'\n', &self.chunk.lines[self.chunk.at..]) {
            let (start, number) = (self.chunk.at, self.chunk.number);
            self.chunk.at += len + 1;
            self.chunk.number += 1;
            if number < self.next {
                continue;
            }
            if number >= self.end {
                self.next = self.end;
                return None;
            }
            self.next = number + 1;
            let line = &self.chunk.lines[start..start + len];
            if !self.period.is_always() && !self.period.holds(time_of(line)) {
                continue;
            }
            match self.skip.checked_sub(1) {
                Some(left) => self.skip = left,
                None => return Some((number, line.into())),
            }
        }
        None
    }

    /// Opens the segment that holds the next row.
    fn open(&mut self) -> Result<()> {
        for tries in 1.. {
            let Some(located) = self.queue.locate(self.next) else {
                self.next = self.end;
                return Ok(());
            };
            // What lies before the oldest segment was pruned since this position was told.
            if located.first > self.next {
                let count = located.first.min(self.end) - self.next;
                self.next += count;
                return Err(Error::RowsGone { queue: self.queue.name.clone(), count, next: self.next });
            }
            match Kind::open(&located, self.next) {
                Ok(kind) => {
                    self.source = Some(Source { located, kind });
                    return Ok(());
                }
                // It was sealed or pruned at this very moment.
                Err(error) if error.kind() == io::ErrorKind::NotFound && tries < TRIES => {}
                Err(error) => return Err(self.leave_out(located, error)),
            }
        }
        Ok(())
    }

    /// Goes behind a segment that cannot be read.
    fn leave_out(&mut self, located: Located, source: io::Error) -> Error {
        let first = self.next;
        self.next = located.end.min(self.end);
        Error::RowsUnreadable { first, last: self.next - 1, path: located.path, source }
    }

    /// Reads the next chunk that may hold matching rows; false at the end of the segment.
    fn fill(&mut self) -> Result<bool> {
        let Some(source) = &mut self.source else { return Ok(false) };
        self.chunk.at = 0;
        let wanted = Wanted { next: self.next, end: self.end, period: self.period, skip: &mut self.skip };
        match source.kind.read(wanted, &mut self.chunk.lines) {
            Ok(Some(first)) => {
                self.chunk.number = first;
                Ok(true)
            }
            Ok(None) => {
                self.next = self.next.max(source.located.end).min(self.end);
                self.source = None;
                Ok(false)
            }
            Err(Unread { first, end, source: error }) => {
                let (first, end) = (first.max(self.next), end.min(source.located.end).min(self.end));
                self.next = end.max(self.next);
                let path = source.located.path.clone();
                Err(Error::RowsUnreadable { first, last: end.max(first + 1) - 1, path, source: error })
            }
        }
    }
}

impl Iterator for Reader {
    type Item = Result<(u64, Row)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(found) = self.next_in_chunk() {
                return Some(Ok(found));
            }
            self.chunk.lines.clear();
            self.chunk.at = 0;
            if self.next >= self.end || self.is_stopped.as_ref().is_some_and(|is_stopped| is_stopped()) {
                return None;
            }
            let step = if self.source.is_some() { self.fill().map(drop) } else { self.open() };
            if let Err(error) = step {
                return Some(Err(error));
            }
        }
    }
}

/// Which rows a chunk is wanted for.
struct Wanted<'a> {
    next: u64,
    end: u64,
    period: Period,
    skip: &'a mut u64,
}

impl Wanted<'_> {
    /// Whether a block may hold such rows. A block that is skipped as a whole is counted.
    fn wants(&mut self, block: &Block) -> bool {
        if block.end() <= self.next || !self.period.touches(block.earliest, block.latest) {
            return false;
        }
        let is_skipped =
            self.period.is_always() && block.first >= self.next && u64::from(block.rows) <= *self.skip;
        if is_skipped {
            *self.skip -= u64::from(block.rows);
        }
        !is_skipped
    }
}

/// Rows that could not be read.
struct Unread {
    first: u64,
    end: u64,
    source: io::Error,
}

impl Kind {
    fn open(located: &Located, number: u64) -> io::Result<Self> {
        let file = File::open(&located.path)?;
        match &located.segment.form {
            Form::Plain { len, marks } => {
                let start = Mark { number: located.first, offset: 0 };
                let start = marks.iter().rev().find(|mark| mark.number <= number).copied().unwrap_or(start);
                Ok(Self::Plain(Chunks::new(file, start, *len, MARK_BYTES as usize)))
            }
            Form::Sealed { .. } => {
                let file = Sealed::open(file)?;
                if !file.is_whole() {
                    tracing::error!(path = %located.path.display(), "an index is damaged, reading without it");
                }
                Ok(Self::Sealed { file, at: 0 })
            }
        }
    }

    /// Fills `lines`; gives the number of the first, or `None` at the end.
    fn read(
        &mut self,
        mut wanted: Wanted<'_>,
        lines: &mut Vec<u8>,
    ) -> std::result::Result<Option<u64>, Unread> {
        match self {
            Self::Plain(chunks) => {
                let before = chunks.place().number;
                chunks.next(lines).map_err(|source| {
                    let after = chunks.place().number;
                    // Nothing more can be read unless just one line was left out.
                    Unread { first: before, end: if after > before { after } else { u64::MAX }, source }
                })
            }
            Self::Sealed { file, at } => loop {
                let Some(block) = file.blocks().get(*at).copied().filter(|block| block.first < wanted.end)
                else {
                    return Ok(None);
                };
                *at += 1;
                if wanted.wants(&block) {
                    let read = file.read(&block, lines).inspect_err(|_| lines.clear());
                    return match read {
                        Ok(()) => Ok(Some(block.first)),
                        Err(source) => Err(Unread { first: block.first, end: block.end(), source }),
                    };
                }
            },
        }
    }
}

#[cfg(test)]
mod tests;
