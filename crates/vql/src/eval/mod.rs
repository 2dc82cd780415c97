//! Running a compiled program: expressions to values, SELECTs to rows pushed into a sink.

pub mod lazy;

mod expr;
mod group;
mod order;
pub mod parallel;
mod query;
mod select;
mod source;
mod symbol;

pub use query::Flattened;
pub use source::push_elements;

/// Stack that must be left before a nested evaluation, and how much is added when it is not.
const RED_ZONE: usize = 128 << 10;
const STACK_PIECE: usize = 4 << 20;

/// Runs `work` with enough stack for one more level.
fn with_stack<T>(work: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(RED_ZONE, STACK_PIECE, work)
}
