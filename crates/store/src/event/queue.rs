//! One queue: which files hold its rows, and who watches it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::civil::Date;
use parking_lot::{Mutex, RwLock};

use super::cursor::{Cursor, Incarnation, Position};
use super::hub::Watchers;
use super::plain::MARK_BYTES;
use super::recover;
use super::segment::{Form, Mark, Segment, plain_name};
use crate::data_dir::create_private_dir;
use crate::durable::sync_dir;
use crate::error::{Error, Result};

/// What is known of a queue's files.
///
/// The last segment is plain and the one that is appended to; it is never removed, so that the next row's number
/// is known as long as the queue is. A queue without a directory has no segments.
#[derive(Clone, Debug)]
pub struct State {
    pub incarnation: Option<Incarnation>,
    /// By the number of their first row.
    pub segments: BTreeMap<u64, Segment>,
    /// The number that the next row gets.
    pub next: u64,
}

impl Default for State {
    fn default() -> Self {
        Self { incarnation: None, segments: BTreeMap::new(), next: 1 }
    }
}

impl State {
    /// The number behind the last row that a segment can hold.
    pub fn end_of(&self, first: u64) -> u64 {
        let later = self.segments.range(first.saturating_add(1)..).next();
        later.map_or(self.next, |(first, _)| *first)
    }

    /// The number of the oldest row that may be there.
    pub fn oldest(&self) -> u64 {
        self.segments.first_key_value().map_or(self.next, |(first, _)| *first)
    }

    /// The first row of the segment that is appended to.
    fn active(&self) -> Option<u64> {
        self.segments.last_key_value().map(|(first, _)| *first)
    }
}

/// Where a row is.
#[derive(Debug)]
pub struct Located {
    pub path: PathBuf,
    pub segment: Segment,
    pub first: u64,
    /// The number behind the segment.
    pub end: u64,
}

/// How much lies behind a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    pub rows: u64,
    /// On disk, some of it compressed.
    pub bytes: u64,
}

/// A file to append to.
#[derive(Debug, PartialEq, Eq)]
pub struct Active {
    pub path: PathBuf,
    /// How much of it holds rows.
    pub len: u64,
    /// Whether another segment was finished for it.
    pub is_new: bool,
}

/// One queue.
#[derive(Debug)]
pub struct Queue {
    pub name: String,
    pub dir: PathBuf,
    pub watchers: Watchers,
    /// Held while files other than the last one are replaced or removed.
    pub upkeep: Mutex<()>,
    /// The first row that somebody still needs: from here on age is no reason to remove rows.
    held: AtomicU64,
    state: RwLock<State>,
}

impl Queue {
    /// A queue in `dir`, which need not exist. One that is held keeps everything until told what is needed.
    pub fn open(name: &str, dir: PathBuf, is_held: bool) -> Result<Self> {
        let state = if dir.is_dir() { recover::open(&dir)? } else { State::default() };
        let (watchers, upkeep) = (Watchers::default(), Mutex::default());
        let held = AtomicU64::new(if is_held { 0 } else { u64::MAX });
        Ok(Self { name: name.to_owned(), dir, watchers, upkeep, held, state: RwLock::new(state) })
    }

    /// Says which row is the first that somebody needs.
    pub fn hold(&self, number: u64) {
        self.held.store(number, Ordering::Relaxed);
    }

    /// The first row that somebody needs.
    pub fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// Whether it ever stored a row.
    pub fn is_kept(&self) -> bool {
        self.state.read().incarnation.is_some()
    }

    /// Reads the state.
    pub fn with<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.read())
    }

    /// Changes the state; only what the disk already says.
    pub fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.write())
    }

    /// The number that the next row gets.
    pub fn next(&self) -> u64 {
        self.state.read().next
    }

    /// The text of the place behind a row; none before the first row was ever stored.
    pub fn cursor(&self, number: u64) -> Option<String> {
        let incarnation = self.state.read().incarnation?;
        Some(Cursor { incarnation, number }.to_string())
    }

    /// The number of the first row behind a position.
    pub fn resolve(&self, position: &Position) -> Result<u64> {
        let state = self.state.read();
        let text = match position {
            Position::Oldest => return Ok(state.oldest()),
            Position::Newest => return Ok(state.next),
            Position::Row(number) => return Ok((*number).max(1)),
            Position::After(text) => text,
        };
        let refused = |why| Error::CursorInvalid { cursor: text.clone(), queue: self.name.clone(), why };
        let cursor: Cursor = text.parse().map_err(|()| refused("it is no cursor"))?;
        if state.incarnation != Some(cursor.incarnation) {
            return Err(refused("it came from another queue, or from one that was since made anew"));
        }
        if cursor.number >= state.next {
            return Err(refused("it is ahead of the queue, which may have been restored from a backup"));
        }
        Ok(cursor.number + 1)
    }

    /// Where the first kept row is whose number is not less than `number`.
    pub fn locate(&self, number: u64) -> Option<Located> {
        let state = self.state.read();
        if number >= state.next {
            return None;
        }
        let before = state.segments.range(..=number).next_back();
        let (first, segment) = before.or_else(|| state.segments.range(number..).next())?;
        let path = self.dir.join(segment.file_name(*first));
        Some(Located { path, segment: segment.clone(), first: *first, end: state.end_of(*first) })
    }

    /// The file to append to today. A new one is begun when the last is of another day or has `limit` bytes.
    /// Only the writer calls this.
    pub fn active(&self, today: Date, limit: u64) -> Result<Active> {
        if !self.is_kept() {
            self.create(today)?;
        }
        let (last, next) = self.with(|state| {
            let last = state.segments.last_key_value();
            (last.map(|(first, segment)| (*first, segment.day, segment.bytes())), state.next)
        });
        match last {
            Some((first, day, len)) if day == today && len < limit => {
                Ok(Active { path: self.dir.join(plain_name(first, day)), len, is_new: false })
            }
            // An empty one is given the name of its day.
            Some((first, day, 0)) => self.rename_active(first, day, today),
            _ => self.begin(next, today),
        }
    }

    fn rename_active(&self, first: u64, day: Date, today: Date) -> Result<Active> {
        let (old, new) = (self.dir.join(plain_name(first, day)), self.dir.join(plain_name(first, today)));
        let renamed = fs::rename(&old, &new).and_then(|()| sync_dir(&self.dir));
        renamed.map_err(Error::io("rename", &old))?;
        self.insert_active(first, today);
        Ok(Active { path: new, len: 0, is_new: false })
    }

    /// Makes the directory with its first file.
    fn create(&self, today: Date) -> Result<()> {
        create_private_dir(&self.dir)?;
        if let Some(parent) = self.dir.parent() {
            sync_dir(parent).map_err(Error::io("sync", parent))?;
        }
        let incarnation = Incarnation::create(&self.dir)?;
        self.begin(self.next(), today)?;
        self.change(|state| state.incarnation = Some(incarnation));
        Ok(())
    }

    /// Begins a file for the rows from `next` on.
    fn begin(&self, next: u64, today: Date) -> Result<Active> {
        let path = self.dir.join(plain_name(next, today));
        begin_file(&path, &self.dir).map_err(Error::io("create", &path))?;
        self.insert_active(next, today);
        Ok(Active { path, len: 0, is_new: true })
    }

    fn insert_active(&self, first: u64, day: Date) {
        let form = Form::Plain { len: 0, marks: Vec::new() };
        self.change(|state| state.segments.insert(first, Segment { day, form }));
    }

    /// Notes that rows are on disk; gives the number of the first.
    pub fn appended(&self, rows: u64, bytes: u64) -> u64 {
        self.change(|state| {
            let first = state.next;
            state.next += rows;
            if let Some(mut last) = state.segments.last_entry()
                && let Form::Plain { len, marks } = &mut last.get_mut().form
            {
                if marks.last().is_none_or(|mark| *len - mark.offset >= MARK_BYTES) {
                    marks.push(Mark { number: first, offset: *len });
                }
                *len += bytes;
            }
            first
        })
    }

    /// What lies from row `number` on; of the segment that it is in, the part that its place says.
    pub fn extent(&self, number: u64) -> Extent {
        self.with(|state| {
            let rows = state.next.saturating_sub(number.max(state.oldest()));
            let mut bytes = 0;
            for (first, segment) in state.segments.iter().rev() {
                let end = state.end_of(*first);
                let (all, behind) = (end - first, end.saturating_sub(number).min(end - first));
                if behind == 0 {
                    break;
                }
                bytes += (u128::from(segment.bytes()) * u128::from(behind) / u128::from(all)) as u64;
            }
            Extent { rows, bytes }
        })
    }

    /// The segments that are finished but not sealed.
    pub fn unsealed(&self) -> Vec<u64> {
        self.with(|state| {
            let active = state.active();
            let plain = state.segments.iter().filter(|(_, segment)| !segment.is_sealed());
            plain.map(|(first, _)| *first).filter(|first| Some(*first) != active).collect()
        })
    }
}

/// Makes an empty file whose name survives a power loss.
pub fn begin_file(path: &Path, dir: &Path) -> io::Result<()> {
    File::options().create(true).append(true).mode(0o600).open(path)?;
    sync_dir(dir)
}
