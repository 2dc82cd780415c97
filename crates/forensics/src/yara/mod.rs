//! Scanning with YARA rules. The engine is named in this folder only, so that another can take its place.
//!
//! Rules are text from people who may mean harm: `include` is refused, since it would read files of this machine, and a
//! scan ends after [`SECONDS`].

#[cfg(not(feature = "yara"))]
mod absent;
#[cfg(feature = "yara")]
mod engine;
#[cfg(feature = "yara")]
mod lint;

use std::ops::Range;

#[cfg(not(feature = "yara"))]
pub use absent::{Rules, Scanner, lint};
#[cfg(feature = "yara")]
pub use engine::{Rules, Scanner};
#[cfg(feature = "yara")]
pub use lint::lint;

/// The longest that one scan may take.
pub const SECONDS: u64 = 300;

/// Rules of one source at most, in bytes.
pub const MAX_SOURCE: usize = 64 << 20;

/// Matches of one string of a rule that are told of.
pub const MAX_FOUND: usize = 10_000;

/// A value that rules can refer to by name, or one of their metadata.
#[derive(Clone, Debug, PartialEq)]
pub enum Variable {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
}

/// A rule that matched.
#[derive(Debug)]
pub struct Hit {
    pub rule: String,
    pub namespace: String,
    pub tags: Vec<String>,
    pub meta: Vec<(String, Variable)>,
    /// The strings found; none for rules without strings.
    pub strings: Vec<Found>,
}

/// A string of a rule, found.
#[derive(Debug)]
pub struct Found {
    /// With its `$`.
    pub name: String,
    pub range: Range<usize>,
}
