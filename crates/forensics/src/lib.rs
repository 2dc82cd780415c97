//! Parsers of evidence: bytes in, facts out.
//!
//! One file or folder for each format. A parser is handed something to read and gives plain Rust values; it knows no query
//! language and opens nothing itself. All of them expect bytes that someone prepared: sizes, counts and depths have limits
//! with names, and what is broken gives an error or the part that could be read.

pub mod auditd;
pub mod binary;
