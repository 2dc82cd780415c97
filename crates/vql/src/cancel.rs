//! Cancellation: a tree of flags. Cancelling one cancels everything below it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

type Callback = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Inner {
    cancelled: AtomicBool,
    state: Mutex<State>,
    woken: Condvar,
}

#[derive(Default)]
struct State {
    children: Vec<Weak<Inner>>,
    callbacks: Vec<Callback>,
}

/// A flag that says "stop". Clones share the flag.
#[derive(Clone, Default)]
pub struct Cancel(Arc<Inner>);

impl Cancel {
    pub fn new() -> Self {
        Self::default()
    }

    /// A flag that is set when this one is, and may be set alone.
    #[must_use]
    pub fn child(&self) -> Cancel {
        let child = Cancel::new();
        let mut state = self.0.state.lock();
        if self.is_cancelled() {
            drop(state);
            child.cancel();
            return child;
        }
        if state.children.len() >= 16 && state.children.len().is_power_of_two() {
            state.children.retain(|c| c.strong_count() > 0);
        }
        state.children.push(Arc::downgrade(&child.0));
        child
    }

    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Relaxed)
    }

    /// Sets the flag, wakes every waiter, runs the callbacks; once.
    pub fn cancel(&self) {
        let (children, callbacks) = {
            let mut state = self.0.state.lock();
            if self.0.cancelled.swap(true, Ordering::Relaxed) {
                return;
            }
            self.0.woken.notify_all();
            (std::mem::take(&mut state.children), std::mem::take(&mut state.callbacks))
        };
        for child in children.iter().filter_map(Weak::upgrade) {
            Cancel(child).cancel();
        }
        for callback in callbacks {
            callback();
        }
    }

    /// Waits; returns true at once when cancelled, false when the time is over.
    pub fn wait(&self, time: Duration) -> bool {
        let mut state = self.0.state.lock();
        if !self.is_cancelled() {
            self.0.woken.wait_while_for(&mut state, |_| !self.is_cancelled(), time);
        }
        self.is_cancelled()
    }

    /// Runs `callback` when cancelled (at once if that has happened).
    pub fn on_cancel(&self, callback: impl FnOnce() + Send + 'static) {
        let mut state = self.0.state.lock();
        if self.is_cancelled() {
            drop(state);
            callback();
        } else {
            state.callbacks.push(Box::new(callback));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cancelling_reaches_children_and_waiters() {
        let parent = Cancel::new();
        let child = parent.child();
        let waiter = {
            let child = child.child();
            std::thread::spawn(move || child.wait(Duration::from_secs(60)))
        };
        parent.cancel();
        assert!(waiter.join().unwrap());
        assert!(child.is_cancelled() && parent.child().is_cancelled());
    }

    #[test]
    fn cancelling_a_child_leaves_the_parent_running() {
        let parent = Cancel::new();
        parent.child().cancel();
        assert!(!parent.is_cancelled());
        assert!(!parent.wait(Duration::from_millis(1)));
    }
}
