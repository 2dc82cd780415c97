//! Finding stored rows, the newest first: by key, by period, and by whatever the caller looks at.
//!
//! Of a sealed segment only the blocks are read that its index names. A plain one is read as a whole, from its end on.

use std::fs::File;
use std::io;

use jiff::civil::Date;

use super::cursor::{Period, Position};
use super::keys;
use super::plain::Chunks;
use super::queue::{Located, Queue};
use super::reader::lines;
use super::row::{Row, time_of};
use super::sealed::Sealed;
use super::segment::Form;
use crate::error::Result;

/// How often a file is looked for that is replaced at the same time.
const TRIES: usize = 3;

/// What is sought.
pub struct Search<'a> {
    /// Only rows before the one that this cursor names.
    pub before: Option<String>,
    /// Rows with any of these keys; all rows when there is none.
    pub keys: Vec<Vec<u8>>,
    pub period: Period,
    /// Segments begun on other days are left out, for callers that know how the days of their rows lie.
    pub days: Option<(Date, Date)>,
    /// Which of the rows with such a key are meant.
    pub matches: &'a dyn Fn(&[u8]) -> bool,
    pub most: Most,
}

/// Where a search ends that has not come to the oldest row.
#[derive(Clone, Copy, Debug)]
pub struct Most {
    pub rows: usize,
    /// Bytes of rows that are found. One row may be longer.
    pub bytes: usize,
    /// Bytes that are looked through.
    pub looked: usize,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// With their numbers, the newest first.
    pub rows: Vec<(u64, Row)>,
    /// Where to go on, when the search ended before the oldest row.
    pub next: Option<String>,
    /// How many bytes were looked through.
    pub looked: usize,
    /// Rows that could not be read.
    pub left_out: u64,
    bytes: usize,
}

/// Whether to go on.
#[derive(PartialEq, Eq)]
enum Step {
    On,
    /// Rows before this number were not looked at.
    Enough(u64),
}

/// Searches a queue.
pub fn run(queue: &Queue, search: &Search<'_>) -> Result<Found> {
    let mut found = Found::default();
    let mut end = match &search.before {
        // Its number, not the one behind it.
        Some(text) => queue.resolve(&Position::After(text.clone()))? - 1,
        None => queue.next(),
    };
    let hashes: Vec<u32> = search.keys.iter().map(|key| keys::hash(key)).collect();
    let mut tries = 0;
    while let Some(located) = before(queue, end) {
        let is_of_day =
            search.days.is_none_or(|(from, to)| from <= located.segment.day && located.segment.day <= to);
        let step = match is_of_day {
            true => segment(&located, end, search, &hashes, &mut found),
            false => Ok(Step::On),
        };
        match step {
            Ok(Step::On) => end = located.first,
            Ok(Step::Enough(number)) => {
                found.next = queue.cursor(number).filter(|_| number > queue.with(|state| state.oldest()));
                break;
            }
            // It was sealed or pruned at this very moment.
            Err(error) if error.kind() == io::ErrorKind::NotFound && tries < TRIES => {
                tries += 1;
                continue;
            }
            Err(error) => {
                tracing::error!(path = %located.path.display(), %error, "rows are left out of a search");
                found.left_out += end.min(located.end) - located.first;
                end = located.first;
            }
        }
        tries = 0;
    }
    Ok(found)
}

/// The last segment with rows before `end`.
fn before(queue: &Queue, end: u64) -> Option<Located> {
    queue.with(|state| {
        let (first, segment) = state.segments.range(..end).next_back()?;
        let path = queue.dir.join(segment.file_name(*first));
        Some(Located { path, segment: segment.clone(), first: *first, end: state.end_of(*first) })
    })
}

fn segment(
    located: &Located,
    end: u64,
    search: &Search<'_>,
    hashes: &[u32],
    found: &mut Found,
) -> io::Result<Step> {
    let file = File::open(&located.path)?;
    match &located.segment.form {
        Form::Plain { len, marks } => {
            let mut until = *len;
            for mark in marks.iter().rev() {
                if mark.number < end {
                    let mut text = Vec::new();
                    let size = (until - mark.offset) as usize;
                    let mut chunks = Chunks::new(&file, *mark, until, size);
                    if let Some(first) = chunks.next(&mut text)? {
                        let step = look(first, &text, end, search, found);
                        if step != Step::On {
                            return Ok(step);
                        }
                    }
                }
                until = mark.offset;
            }
            Ok(Step::On)
        }
        Form::Sealed { .. } => sealed(Sealed::open(file)?, located, end, search, hashes, found),
    }
}

fn sealed(
    mut file: Sealed<File>,
    located: &Located,
    end: u64,
    search: &Search<'_>,
    hashes: &[u32],
    found: &mut Found,
) -> io::Result<Step> {
    let chosen = match hashes.is_empty() {
        true => None,
        false => file.blocks_with(hashes).unwrap_or_else(|error| {
            tracing::error!(path = %located.path.display(), %error, "searching without the index of keys");
            None
        }),
    };
    let chosen = chosen.unwrap_or_else(|| (0..file.blocks().len()).collect());
    let mut text = Vec::new();
    for at in chosen.into_iter().rev() {
        let block = file.blocks()[at];
        if block.first >= end || !search.period.touches(block.earliest, block.latest) {
            continue;
        }
        if let Err(error) = file.read(&block, &mut text) {
            tracing::error!(path = %located.path.display(), row = block.first, %error, "a block is left out of a search");
            found.left_out += u64::from(block.rows);
            continue;
        }
        let step = look(block.first, &text, end, search, found);
        if step != Step::On {
            return Ok(step);
        }
    }
    Ok(Step::On)
}

/// Takes the matching lines of a chunk, the last first.
fn look(first: u64, text: &[u8], end: u64, search: &Search<'_>, found: &mut Found) -> Step {
    found.looked += text.len();
    let numbered = (first..end).zip(lines(text));
    let matching: Vec<(u64, &[u8])> = numbered.filter(|(_, line)| meant(line, search)).collect();
    for (number, line) in matching.into_iter().rev() {
        let is_full = found.rows.len() >= search.most.rows || found.bytes + line.len() > search.most.bytes;
        if is_full && !found.rows.is_empty() {
            return Step::Enough(number + 1);
        }
        found.bytes += line.len();
        found.rows.push((number, line.into()));
    }
    if found.looked >= search.most.looked { Step::Enough(first) } else { Step::On }
}

fn meant(line: &[u8], search: &Search<'_>) -> bool {
    (search.matches)(line) && (search.period.is_always() || search.period.holds(time_of(line)))
}
