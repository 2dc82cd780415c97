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

use crate::stack::deep as with_stack;
