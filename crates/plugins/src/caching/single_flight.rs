//! Makes each thing once when several threads ask for it at the same time.

use std::cell::Cell;
use std::collections::HashMap;
use std::thread::ThreadId;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use vql::cancel::Cancel;
use vql::text::Text;

/// How often cancellation is looked at.
const STEP: Duration = Duration::from_millis(200);

thread_local! {
    /// How many things this thread is making.
    static MAKING: Cell<u32> = const { Cell::new(0) };
}

/// Who is making what.
#[derive(Default)]
pub struct SingleFlight {
    makers: Mutex<HashMap<Text, ThreadId>>,
    changed: Condvar,
}

/// What whoever asks should do.
pub enum Entry<'a> {
    /// Make it. Others wait until the permit is dropped.
    Make(Permit<'a>),
    /// Look again: somebody else was making it.
    Look,
    /// Making it asks for itself.
    Recursion,
    Cancelled,
}

pub struct Permit<'a> {
    flight: &'a SingleFlight,
    /// `None`: somebody else makes it as well.
    key: Option<Text>,
}

impl SingleFlight {
    /// Asks to make what `key` names, and waits while somebody else does.
    pub fn enter(&self, key: &Text, cancel: &Cancel) -> Entry<'_> {
        let mut makers = self.makers.lock();
        match makers.get(key) {
            Some(maker) if *maker == std::thread::current().id() => return Entry::Recursion,
            // Two threads that each wait for what the other makes would wait for ever.
            Some(_) if MAKING.get() > 0 => return Entry::Make(self.permit(None)),
            Some(_) => {}
            None => {
                makers.insert(key.clone(), std::thread::current().id());
                return Entry::Make(self.permit(Some(key.clone())));
            }
        }
        while makers.contains_key(key) {
            if cancel.is_cancelled() {
                return Entry::Cancelled;
            }
            self.changed.wait_for(&mut makers, STEP);
        }
        Entry::Look
    }

    fn permit(&self, key: Option<Text>) -> Permit<'_> {
        MAKING.set(MAKING.get() + 1);
        Permit { flight: self, key }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        MAKING.set(MAKING.get() - 1);
        if let Some(key) = &self.key {
            self.flight.makers.lock().remove(key);
            self.flight.changed.notify_all();
        }
    }
}
