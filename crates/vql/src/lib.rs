//! The VQL language: text in, lazy rows out.

pub mod ast;
pub mod canonical;
pub mod diagnostic;
pub mod lexer;
pub mod literal;
pub mod parser;
pub mod permission;
pub mod span;
pub mod stack;
