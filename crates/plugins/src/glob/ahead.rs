//! Reading directories ahead of the walk, on threads of their own.
//!
//! The walk hands out the directories it will come to, in the order in which it will; threads read, match and sort them.
//! A directory that no thread has begun when the walk comes to it, the walk reads itself. So threads never change what
//! is found, nor its order.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use vql::cancel::Cancel;
use vql::path::OsPath;

use super::scan::{Listing, scan};
use super::tree::{Active, Tree};
use crate::accessor::Lister;

/// Entries read ahead at one level of depth: what is deeper is needed sooner, so it has a budget of its own.
const MAX_HELD: usize = 20_000;

/// A directory to be read, and how deep it is.
struct Job {
    path: Arc<OsPath>,
    active: Active,
    depth: usize,
    slot: Arc<Slot>,
}

/// Where what was read waits for the walk.
pub struct Slot {
    progress: Mutex<Progress>,
    done: Condvar,
    depth: usize,
}

enum Progress {
    /// Nobody has begun.
    Waiting,
    /// A thread is at work.
    Begun,
    Done(Listing),
    /// The walk has it.
    Taken,
}

#[derive(Default)]
struct State {
    /// The next one that the walk comes to is last.
    jobs: Vec<Job>,
    /// Entries read and not taken yet, by depth.
    held: Vec<usize>,
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

impl<'t> Ahead<'t> {
    pub fn new(tree: &'t Tree, list: Lister, cancel: &'t Cancel) -> Self {
        Ahead { tree, list, cancel, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Has a directory read; the one added last is the first that the walk comes to.
    pub fn add(&self, path: Arc<OsPath>, active: Active, depth: usize) -> Arc<Slot> {
        let slot = Arc::new(Slot { progress: Mutex::new(Progress::Waiting), done: Condvar::new(), depth });
        self.state.lock().jobs.push(Job { path, active, depth, slot: slot.clone() });
        self.changed.notify_one();
        slot
    }

    /// What was read of a directory; `None` when the walk has to read it.
    pub fn take(&self, slot: &Slot) -> Option<Listing> {
        let mut progress = slot.progress.lock();
        loop {
            match std::mem::replace(&mut *progress, Progress::Taken) {
                Progress::Waiting | Progress::Taken => return None,
                Progress::Begun => {
                    *progress = Progress::Begun;
                    slot.done.wait(&mut progress);
                }
                Progress::Done(listing) => {
                    drop(progress);
                    let mut state = self.state.lock();
                    state.held[slot.depth] -= listing.weight();
                    drop(state);
                    self.changed.notify_one();
                    return Some(listing);
                }
            }
        }
    }

    /// Lets the threads end.
    pub fn close(&self) {
        self.state.lock().is_over = true;
        self.changed.notify_all();
    }

    /// What each thread does.
    pub fn work(&self) {
        while let Some(job) = self.next() {
            let read =
                || scan(self.tree, &job.path, &job.active, self.cancel, |each| (self.list)(&job.path, each));
            // The walk must not wait for a thread that is no more.
            let listing = catch_unwind(AssertUnwindSafe(read)).unwrap_or_default();
            let mut state = self.state.lock();
            if state.held.len() <= job.depth {
                state.held.resize(job.depth + 1, 0);
            }
            state.held[job.depth] += listing.weight();
            drop(state);
            *job.slot.progress.lock() = Progress::Done(listing);
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
            let depth = state.jobs.last().map(|job| job.depth);
            match depth {
                Some(depth) if state.held.get(depth).is_none_or(|held| *held < MAX_HELD) => {
                    let Some(job) = state.jobs.pop() else { continue };
                    let mut progress = job.slot.progress.lock();
                    if matches!(*progress, Progress::Waiting) {
                        *progress = Progress::Begun;
                        drop(progress);
                        return Some(job);
                    }
                }
                _ => self.changed.wait(&mut state),
            }
        }
    }
}
