//! Finding files by patterns (builtins page, section 2.2).
//!
//! Patterns are expanded ([`braces`]), merged into one [`tree`] of [`component`]s and matched in one [`walk`].

mod braces;
mod component;
mod tree;
mod walk;

pub use tree::Tree;
pub use walk::{Options, Walk};
