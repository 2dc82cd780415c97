//! Dicts: ordered, string-keyed, shared and changed in place by `set()` (reference, section 4.1).

use std::fmt;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::schema::{Name, Schema};
use crate::value::{Row, Value};

/// A shared dict. Clones refer to the same dict: a change through one is seen by all.
#[derive(Clone)]
pub struct Dict(Arc<Shared>);

struct Shared(RwLock<Row>);

impl Drop for Shared {
    fn drop(&mut self) {
        crate::value::items::shed(&mut self.0.get_mut().cells);
    }
}

impl Dict {
    pub fn new() -> Self {
        Row::default().into()
    }

    /// A dict of these pairs; a repeated key moves to the end with its later value.
    pub fn of<'a, I: IntoIterator<Item = (&'a str, Value)>>(pairs: I) -> Self {
        let mut row = Row::default();
        for (name, value) in pairs {
            row.set(&Name::new(name), value);
        }
        row.into()
    }

    pub fn get(&self, name: &Name) -> Option<Value> {
        let row = self.0.0.read_recursive();
        row.schema.find(name).map(|i| row.cells[i].clone())
    }

    pub fn get_str(&self, name: &str) -> Option<Value> {
        let row = self.0.0.read_recursive();
        row.schema.find_str(name).map(|i| row.cells[i].clone())
    }

    /// Sets a key; an existing one moves to the end.
    pub fn set(&self, name: &str, value: Value) {
        self.0.0.write().set(&Name::new(name), value);
    }

    /// Changes the pairs in place. Do not evaluate anything inside.
    pub fn update(&self, change: impl FnOnce(&mut Row)) {
        change(&mut self.0.0.write());
    }

    pub fn len(&self) -> usize {
        self.0.0.read().cells.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A copy of the pairs as they are now: cheap, the schema is shared.
    pub fn snapshot(&self) -> Row {
        self.0.0.read_recursive().clone()
    }

    /// Looks at the pairs under the read lock. Do not evaluate anything inside.
    pub fn with<T>(&self, look: impl FnOnce(&Row) -> T) -> T {
        look(&self.0.0.read_recursive())
    }

    /// Whether both are one and the same dict.
    pub fn same(&self, other: &Dict) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub fn schema(&self) -> Arc<Schema> {
        self.0.0.read().schema.clone()
    }
}

impl Default for Dict {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Row> for Dict {
    fn from(row: Row) -> Self {
        Dict(Arc::new(Shared(RwLock::new(row))))
    }
}

impl fmt::Debug for Dict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = self.snapshot();
        f.debug_map().entries(row.schema.names().iter().zip(&row.cells)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn setting_an_existing_key_moves_it_to_the_end() {
        let d = Dict::of([("a", Value::Int(1)), ("b", Value::Int(2))]);
        let other = d.clone();
        d.set("a", Value::Int(3));
        let row = other.snapshot();
        assert_eq!(row.schema.names().iter().map(Name::as_str).collect::<Vec<_>>(), ["b", "a"]);
        assert!(matches!(other.get_str("a"), Some(Value::Int(3))));
    }
}
