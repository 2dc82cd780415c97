//! Opening a queue's directory, whatever moment the last process ended at.
//!
//! | a process ended while | what is found | what is done |
//! | --- | --- | --- |
//! | appending | a last line without its line feed | it is cut off: it was never acknowledged |
//! | sealing or rewriting | a file `.tmp` | it is removed, the other still holds the rows |
//! | removing what was sealed | both forms of a segment | the plain one goes if the sealed one is whole, else the sealed |
//! | taking over files of days | files named by day alone | they get numbers, the oldest first |

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use jiff::civil::Date;

use super::cursor::Incarnation;
use super::plain::{Scan, scan};
use super::queue::{State, begin_file};
use super::sealed::Sealed;
use super::segment::{Form, Named, Segment, parse_name, plain_name, sealed_name};
use crate::durable::sync_dir;
use crate::error::{Error, Result};

/// Numbers left free when nobody can tell how many rows the last file held.
const UNKNOWN_ROWS: u64 = 1 << 32;

/// The files of a queue by what their names say.
#[derive(Debug, Default)]
struct Files {
    plain: BTreeMap<u64, Date>,
    sealed: BTreeMap<u64, Date>,
    days: Vec<Date>,
}

/// Reads what there is and makes it whole.
pub fn open(dir: &Path) -> Result<State> {
    let files = list(dir)?;
    if files.plain.is_empty() && files.sealed.is_empty() && files.days.is_empty() {
        return Ok(State::default());
    }
    let incarnation = match Incarnation::load(dir)? {
        Some(known) => known,
        None => Incarnation::create(dir)?,
    };
    let mut state = State { incarnation: Some(incarnation), ..State::default() };
    numbered(dir, files.sealed, files.plain, &mut state)?;
    for day in files.days {
        take_over(dir, day, &mut state)?;
    }
    if state.segments.last_key_value().is_none_or(|(_, last)| last.is_sealed()) {
        end_with_plain(dir, &mut state)?;
    }
    Ok(state)
}

fn list(dir: &Path) -> Result<Files> {
    let mut files = Files::default();
    for entry in fs::read_dir(dir).map_err(Error::io("list", dir))? {
        let path = entry.map_err(Error::io("list", dir))?.path();
        match path.file_name().and_then(|name| name.to_str()).map_or(Named::Other, parse_name) {
            Named::Plain { first, day } => remember(&mut files.plain, first, day, &path)?,
            Named::Sealed { first, day } => remember(&mut files.sealed, first, day, &path)?,
            Named::Day(day) => files.days.push(day),
            Named::Unfinished => fs::remove_file(&path).map_err(Error::io("remove", &path))?,
            Named::Other => {}
        }
    }
    files.days.sort_unstable();
    Ok(files)
}

/// Two files of one form cannot begin with the same row, unless somebody copied one.
fn remember(files: &mut BTreeMap<u64, Date>, first: u64, day: Date, path: &Path) -> Result<()> {
    match files.insert(first, day) {
        None => Ok(()),
        Some(_) => Err(Error::SegmentTwice { path: path.to_owned() }),
    }
}

/// Takes up the segments that have numbers.
fn numbered(
    dir: &Path,
    sealed: BTreeMap<u64, Date>,
    mut plain: BTreeMap<u64, Date>,
    state: &mut State,
) -> Result<()> {
    for (first, day) in sealed {
        let path = dir.join(sealed_name(first, day));
        if let Some(twin) = plain.get(&first).map(|day| dir.join(plain_name(first, *day))) {
            if !is_whole(&path) {
                tracing::warn!(path = %path.display(), "a segment was not sealed to its end, it is sealed anew");
                fs::remove_file(&path).map_err(Error::io("remove", &path))?;
                continue;
            }
            plain.remove(&first);
            fs::remove_file(&twin).map_err(Error::io("remove", &twin))?;
        }
        let len = fs::metadata(&path).map_err(Error::io("read", &path))?.len();
        state.segments.insert(first, Segment { day, form: Form::Sealed { len } });
    }
    for (first, day) in plain {
        state.segments.insert(first, Segment { day, form: Form::Plain { len: 0, marks: Vec::new() } });
    }
    let firsts: Vec<u64> = state.segments.keys().copied().collect();
    for (i, first) in firsts.iter().enumerate() {
        let end = firsts.get(i + 1).copied().unwrap_or(u64::MAX);
        measure(dir, *first, end, state)?;
    }
    Ok(())
}

/// Counts the rows of a plain segment; the last one says which number is next.
fn measure(dir: &Path, first: u64, end: u64, state: &mut State) -> Result<()> {
    let Some(segment) = state.segments.get_mut(&first) else { return Ok(()) };
    if segment.is_sealed() {
        return Ok(());
    }
    let path = dir.join(segment.file_name(first));
    let is_last = end == u64::MAX;
    let Scan { rows, len, marks } =
        heal(&path, first, end - first, is_last).map_err(Error::io("read", &path))?;
    segment.form = Form::Plain { len, marks };
    match is_last {
        true => state.next = first.saturating_add(rows),
        false if rows < end - first => {
            tracing::error!(path = %path.display(), missing = end - first - rows, "a segment lost rows");
        }
        false => {}
    }
    Ok(())
}

/// Counts lines and cuts off, from the file that is appended to, what follows the last line feed.
fn heal(path: &Path, first: u64, most: u64, is_last: bool) -> io::Result<Scan> {
    let found = scan(File::open(path)?, first, most)?;
    let size = fs::metadata(path)?.len();
    if is_last && found.len < size {
        tracing::warn!(path = %path.display(), bytes = size - found.len, "cut off a line that a crash left unfinished");
        let file = File::options().write(true).open(path)?;
        file.set_len(found.len)?;
        file.sync_all()?;
    }
    Ok(found)
}

fn is_whole(path: &Path) -> bool {
    File::open(path).and_then(Sealed::open).is_ok_and(|sealed| sealed.is_whole())
}

/// Numbers the rows of a file from before segments.
fn take_over(dir: &Path, day: Date, state: &mut State) -> Result<()> {
    let next = match state.segments.last_key_value() {
        Some((first, last)) if last.is_sealed() => end_of_sealed(dir, *first, last),
        _ => state.next,
    };
    let (old, new) = (dir.join(format!("{day}.jsonl")), dir.join(plain_name(next, day)));
    // A file that holds no row yet gives its number up.
    if let Some((first, last)) = state.segments.last_key_value().map(|(first, last)| (*first, last.clone()))
        && first == next
    {
        remove(dir.join(last.file_name(first)))?;
    }
    let renamed = fs::rename(&old, &new).and_then(|()| sync_dir(dir));
    renamed.map_err(Error::io("rename", &old))?;
    state.segments.insert(next, Segment { day, form: Form::Plain { len: 0, marks: Vec::new() } });
    measure(dir, next, u64::MAX, state)
}

fn remove(path: PathBuf) -> Result<()> {
    fs::remove_file(&path).map_err(Error::io("remove", &path))
}

/// Begins an empty file behind a sealed one: somebody took the one away that was there.
fn end_with_plain(dir: &Path, state: &mut State) -> Result<()> {
    let Some((first, last)) = state.segments.last_key_value() else { return Ok(()) };
    let (next, day) = (end_of_sealed(dir, *first, last), last.day);
    let path = dir.join(plain_name(next, day));
    begin_file(&path, dir).map_err(Error::io("create", &path))?;
    state.segments.insert(next, Segment { day, form: Form::Plain { len: 0, marks: Vec::new() } });
    state.next = next;
    Ok(())
}

/// The number behind the last row of a sealed segment.
fn end_of_sealed(dir: &Path, first: u64, segment: &Segment) -> u64 {
    let path = dir.join(segment.file_name(first));
    let sealed = File::open(&path).and_then(Sealed::open).ok().filter(Sealed::is_whole);
    let end = sealed.and_then(|sealed| sealed.blocks().last().map(super::sealed::Block::end));
    end.unwrap_or_else(|| {
        tracing::error!(path = %path.display(), "cannot tell how many rows there are, leaving numbers free");
        first.saturating_add(UNKNOWN_ROWS)
    })
}

#[cfg(test)]
mod tests;
