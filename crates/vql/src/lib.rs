//! The VQL language: text in, lazy rows out.

pub mod ast;
pub mod permission;
pub mod span;
