//! Reading directories ahead of the walk, on threads of their own.
//!
//! Threads take the directories in the order in which the walk comes to them, read, match and sort them, and add those
//! below them. A directory that no thread has begun when the walk comes to it, the walk reads itself. So threads never
//! change what is found, nor its order.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use smallvec::SmallVec;
use vql::cancel::Cancel;
use vql::path::{Folder, OsPath};
use vql::text::Text;

use super::scan::{Listing, scan};
use super::tree::{Active, Tree};
use crate::accessor::Lister;

/// Entries read ahead at most, one directory more or less.
const MAX_HELD: usize = 20_000;

/// Where the walk comes to a directory: its number in the one above, after the numbers of those above. The order of places is that
/// of the walk.
type Place = SmallVec<[u32; 14]>;

/// A directory to be read.
struct Job {
    path: Arc<OsPath>,
    active: Active,
    slot: Arc<Slot>,
}

/// Where what was read waits for the walk.
pub struct Slot {
    place: Place,
    read: Mutex<Option<Read>>,
    done: Condvar,
}

/// What was read of a directory.
pub struct Read {
    pub listing: Listing,
    pub folder: Arc<Folder>,
    /// Those of its entries that are directories to walk into, in order.
    pub children: Vec<Child>,
}

/// A directory that was found, and where its entries will be.
pub type Child = (Arc<OsPath>, Arc<Slot>);

#[derive(Default)]
struct State {
    /// What no one has begun.
    jobs: BTreeMap<Place, Job>,
    /// Entries read and not taken yet.
    held: usize,
    /// Threads that wait for something to do.
    idle: usize,
    is_over: bool,
}

/// The directories that are read ahead.
pub struct Ahead<'t> {
    tree: &'t Tree,
    list: Lister,
    cancel: &'t Cancel,
    state: Mutex<State>,
    changed: Condvar,
}

impl Slot {
    /// Where the walk starts.
    pub fn root() -> Arc<Slot> {
        Slot::at(Place::new())
    }

    fn at(place: Place) -> Arc<Slot> {
        Arc::new(Slot { place, read: Mutex::new(None), done: Condvar::new() })
    }

    fn below(&self, number: usize) -> Arc<Slot> {
        let mut place = Place::with_capacity(self.place.len() + 1);
        place.extend_from_slice(&self.place);
        place.push(number as u32);
        Slot::at(place)
    }
}

impl<'t> Ahead<'t> {
    pub fn new(tree: &'t Tree, list: Lister, cancel: &'t Cancel) -> Self {
        Ahead { tree, list, cancel, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Has the directories in a directory read.
    pub fn add(&self, slot: &Slot, folder: &Arc<Folder>, listing: &Listing) -> Vec<Child> {
        let mut children = Vec::new();
        let mut jobs = Vec::new();
        for (number, entry) in listing.directories().enumerate() {
            let path = Arc::new(folder.entry(Text::from(listing.name(entry))));
            let (slot, active) = (slot.below(number), listing.outcome(entry).next.clone());
            jobs.push(Job { path: path.clone(), active, slot: slot.clone() });
            children.push((path, slot));
        }
        if jobs.is_empty() {
            return children;
        }
        let mut state = self.state.lock();
        state.jobs.extend(jobs.into_iter().map(|job| (job.slot.place.clone(), job)));
        let wake = state.idle > 0 && state.held < MAX_HELD;
        drop(state);
        if wake {
            self.changed.notify_all();
        }
        children
    }

    /// What was read of a directory; `None` when the walk has to read it, as it has where it starts.
    pub fn take(&self, slot: &Slot) -> Option<Read> {
        if slot.place.is_empty() || self.state.lock().jobs.remove(&slot.place).is_some() {
            return None;
        }
        let mut read = slot.read.lock();
        while read.is_none() {
            slot.done.wait(&mut read);
        }
        let read = read.take()?;
        let mut state = self.state.lock();
        let was_full = state.held >= MAX_HELD;
        state.held -= read.listing.weight();
        let wake = was_full && state.held < MAX_HELD;
        drop(state);
        if wake {
            self.changed.notify_all();
        }
        Some(read)
    }

    /// Lets the threads end.
    pub fn close(&self) {
        self.state.lock().is_over = true;
        self.changed.notify_all();
    }

    /// What each thread does.
    pub fn work(&self) {
        while let Some(job) = self.next() {
            let list = || scan(self.tree, &job.active, self.cancel, |each| (self.list)(&job.path, each));
            // The walk must not wait for a thread that is no more.
            let listing = catch_unwind(AssertUnwindSafe(list)).unwrap_or_default();
            let folder = Folder::new(&job.path);
            self.state.lock().held += listing.weight();
            let children = self.add(&job.slot, &folder, &listing);
            *job.slot.read.lock() = Some(Read { listing, folder, children });
            job.slot.done.notify_one();
        }
    }

    /// The next directory to read; `None` at the end.
    fn next(&self) -> Option<Job> {
        let mut state = self.state.lock();
        loop {
            if state.is_over || self.cancel.is_cancelled() {
                return None;
            }
            if state.held < MAX_HELD
                && let Some((_, job)) = state.jobs.pop_first()
            {
                return Some(job);
            }
            state.idle += 1;
            self.changed.wait(&mut state);
            state.idle -= 1;
        }
    }
}
