//! Finding files by patterns (builtins page, section 2.2).
//!
//! Patterns are expanded ([`braces`]), merged into one [`tree`] of [`component`]s and matched in one [`walk`], which has
//! directories [`scan`]ned [`ahead`] of it.

mod ahead;
mod braces;
mod component;
mod scan;
mod tree;
mod walk;

pub use tree::Tree;
pub use walk::{Options, Walk};
