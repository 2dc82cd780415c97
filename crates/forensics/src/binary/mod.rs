//! Structures in files, described by a profile: names, offsets and types of fields as JSON.
//!
//! ```json
//! [["Header", 8, [["magic", 0, "String", {"length": 4}], ["count", 4, "uint32"]]]]
//! ```
//!
//! A field is parsed when it is asked for. Where a number or a value may depend on other fields the profile has a lambda
//! (`"x=>x.count"`), which only the [`Lambdas`] of the caller can evaluate.

mod field;
mod image;
mod object;
mod profile;
mod scalar;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

pub use image::Image;
pub use object::{Array, Struct};
pub use profile::Profile;

/// Evaluates the lambdas of a profile.
pub trait Lambdas: Send + Sync + Sized + 'static {
    /// A value of the caller's language.
    type Value: Clone + Send + Sync + 'static;

    /// Calls a lambda with one argument.
    fn call(&self, lambda: &str, argument: Item<Self>) -> Self::Value;

    /// The number a value stands for.
    fn number(&self, value: &Self::Value) -> Option<i64>;

    /// The text of a value, to choose by.
    fn text(&self, value: &Self::Value) -> String;

    fn truth(&self, value: &Self::Value) -> bool;
}

/// What is found in a file.
pub enum Item<L: Lambdas> {
    /// Beyond the end of the file, beyond a limit, or not there.
    Null,
    Int(i64),
    UInt(u64),
    Float(f64),
    Text(Vec<u8>),
    /// Seconds since 1970, and nanoseconds.
    Time(i64, u32),
    /// The names of the flags that are set.
    Names(Vec<String>),
    List(Arc<Array<L>>),
    Struct(Arc<Struct<L>>),
    /// What a lambda gave.
    Other(L::Value),
}

impl<L: Lambdas> Clone for Item<L> {
    fn clone(&self) -> Self {
        match self {
            Item::Null => Item::Null,
            Item::Int(i) => Item::Int(*i),
            Item::UInt(u) => Item::UInt(*u),
            Item::Float(f) => Item::Float(*f),
            Item::Text(t) => Item::Text(t.clone()),
            Item::Time(s, n) => Item::Time(*s, *n),
            Item::Names(names) => Item::Names(names.clone()),
            Item::List(list) => Item::List(list.clone()),
            Item::Struct(s) => Item::Struct(s.clone()),
            Item::Other(value) => Item::Other(value.clone()),
        }
    }
}

impl<L: Lambdas> Item<L> {
    /// The number it stands for.
    pub fn number(&self, lambdas: &L) -> Option<i64> {
        match self {
            Item::Int(i) => Some(*i),
            Item::UInt(u) => Some(*u as i64),
            Item::Float(f) => Some(*f as i64),
            Item::Other(value) => lambdas.number(value),
            _ => None,
        }
    }
}

/// A file, a profile, and how much work may be done with them.
pub struct Machine<L: Lambdas> {
    pub(crate) profile: Arc<Profile>,
    pub(crate) image: Image,
    pub(crate) lambdas: L,
    work: AtomicU64,
    depth: AtomicU32,
}

/// Items that are parsed in one file at most.
const MAX_WORK: u64 = 20_000_000;

/// How deep parsing may go: structures in structures, lambdas that ask for fields with lambdas.
const MAX_DEPTH: u32 = 100;

impl<L: Lambdas> Machine<L> {
    pub fn new(profile: Arc<Profile>, image: Image, lambdas: L) -> Arc<Self> {
        Arc::new(Machine { profile, image, lambdas, work: AtomicU64::new(0), depth: AtomicU32::new(0) })
    }

    /// The structure of that name at a place; `None` when the profile has none.
    pub fn parse(self: &Arc<Self>, name: &str, offset: u64) -> Option<Arc<Struct<L>>> {
        let def = self.profile.structs.get(name)?.clone();
        Some(Struct::new(self.clone(), def, offset))
    }

    pub fn lambdas(&self) -> &L {
        &self.lambdas
    }

    /// Charges one item; `None` when the budget is used up or parsing went too deep.
    pub(crate) fn enter(&self) -> Option<Level<'_>> {
        if self.work.fetch_add(1, Ordering::Relaxed) >= MAX_WORK {
            return None;
        }
        let level = Level(&self.depth);
        (self.depth.fetch_add(1, Ordering::Relaxed) < MAX_DEPTH).then_some(level)
    }
}

/// One level of depth, given back when dropped.
pub(crate) struct Level<'a>(&'a AtomicU32);

impl Drop for Level<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
