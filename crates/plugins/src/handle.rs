//! Objects of queries that hold values of queries: caches, generators, programs at work.
//!
//! What such an object holds may, by way of dicts, come to hold the object. So the program owns the contents, the object in
//! the query is a handle that does not keep them alive, and all are dropped when the program ends.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use vql::scope::Scope;

/// A number that no other call of this function gave.
pub fn unique() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The contents of all handles of one kind.
struct Owner<T>(Mutex<HashMap<u64, Arc<T>>>);

impl<T> Default for Owner<T> {
    fn default() -> Self {
        Owner(Mutex::default())
    }
}

/// Refers to a `T`, which lives until the handle is dropped or the program ends.
pub struct Handle<T> {
    id: u64,
    thing: Weak<T>,
    owner: Weak<Owner<T>>,
}

impl<T: Send + Sync + 'static> Handle<T> {
    pub fn new(scope: &Scope<'_>, thing: Arc<T>) -> Self {
        let owner = scope.kept::<Owner<T>>();
        let id = unique();
        let weak = Arc::downgrade(&thing);
        owner.0.lock().insert(id, thing);
        Handle { id, thing: weak, owner: Arc::downgrade(&owner) }
    }

    /// The thing; `None` after the end of the program.
    pub fn get(&self) -> Option<Arc<T>> {
        self.thing.upgrade()
    }
}

impl<T> Drop for Handle<T> {
    fn drop(&mut self) {
        let Some(owner) = self.owner.upgrade() else { return };
        // Dropped without the lock: the thing may hold further handles.
        let thing = owner.0.lock().remove(&self.id);
        drop(thing);
    }
}
