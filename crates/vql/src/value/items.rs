//! The elements of a list, and letting go of values nested deeper than any stack.
//!
//! A program can nest values without end, a level for each statement or row. Dropping them the usual way takes a
//! few stack frames for each level; here, levels beyond some depth wait in a queue instead.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::{Deref, DerefMut};

use crate::value::Value;

/// The elements of a list: a vector that is safe to drop.
#[derive(Clone, Default)]
pub struct Items(Vec<Value>);

impl Deref for Items {
    type Target = Vec<Value>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Items {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl fmt::Debug for Items {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Vec<Value>> for Items {
    fn from(items: Vec<Value>) -> Self {
        Items(items)
    }
}

impl Drop for Items {
    fn drop(&mut self) {
        shed(&mut self.0);
    }
}

/// Levels that are dropped by recursion.
const MAX_DEPTH: usize = 100;

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    static WAITING: RefCell<Vec<Value>> = const { RefCell::new(Vec::new()) };
}

/// Drops the elements, which may hold more of their kind, in bounded stack.
pub fn shed(items: &mut Vec<Value>) {
    if items.iter().any(holds_values) {
        // While a thread ends its variables may be gone: then the usual way has to do.
        let _ = DEPTH.try_with(|depth| drop_within(std::mem::take(items), depth));
    }
}

fn holds_values(value: &Value) -> bool {
    matches!(value, Value::List(_) | Value::Dict(_) | Value::Rows(_))
}

fn drop_within(items: Vec<Value>, depth: &Cell<usize>) {
    let level = depth.get();
    if level >= MAX_DEPTH {
        let _ = WAITING.try_with(|waiting| waiting.borrow_mut().extend(items));
        return;
    }
    depth.set(level + 1);
    drop(items);
    if level == 0 {
        // Each of these is dropped as if one level down, so that no further queue is worked off meanwhile.
        while let Ok(Some(value)) = WAITING.try_with(|waiting| waiting.borrow_mut().pop()) {
            drop(value);
        }
    }
    depth.set(level);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Rows;

    #[test]
    fn any_depth_can_be_dropped() {
        let mut value = Value::Int(1);
        for i in 0..300_000 {
            value = match i % 3 {
                0 => Value::list(vec![value, Value::Int(2)]),
                1 => Value::dict([("a", value), ("b", Value::list(Vec::new()))]),
                _ => Value::Rows(Rows::in_memory(vec![value]).into()),
            };
        }
        drop(value);
        assert_eq!(DEPTH.with(Cell::get), 0);
        assert!(WAITING.with(|w| w.borrow().is_empty()));
    }
}
