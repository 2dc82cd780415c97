//! The VQL language: text in, lazy rows out.
//!
//! ```text
//! source --parser--> ast --compile--> plan --eval--> rows pushed into a Sink
//! ```
//!
//! This crate names no file, no network and no clock: what it needs of the world it asks of a [`host::Host`].
//! Start reading at [`session::Session`]; the language itself is described in `docs/reference/language.md`.

pub mod args;
pub mod ast;
pub(crate) mod base64;
pub mod call;
pub mod cancel;
pub mod canonical;
pub mod codec;
pub mod compile;
pub mod csv;
pub mod diagnostic;
pub mod dict;
pub mod eval;
pub mod explain;
pub mod format;
pub mod functions;
pub mod grok;
pub mod host;
pub mod json;
pub mod lambda;
mod lexer;
pub mod lint;
mod literal;
pub mod parser;
pub mod path;
pub mod permission;
pub mod plan;
pub mod plugins;
pub mod printf;
pub mod registry;
pub mod rows;
pub mod schema;
pub mod scope;
pub mod session;
pub mod span;
mod stack;
pub mod template;
pub mod text;
pub mod time;
pub mod value;
pub(crate) mod yaml;
