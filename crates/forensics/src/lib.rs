//! Parsers of evidence: bytes in, facts out.
//!
//! One file or folder for each format. A parser is handed something to read and gives plain Rust values; it knows no query
//! language and opens nothing itself. All of them expect bytes that someone prepared: sizes, counts and depths have limits
//! with names, and what is broken gives an [`Error`] or the part that could be read.

pub mod auditd;
pub mod binary;
pub mod bytes;
mod error;
pub mod evtx;
pub mod filetype;
pub mod hash;
pub mod journal;
pub mod lzxpress;
pub mod mft;
pub mod ole;
pub mod pe;
pub mod prefetch;
pub mod recyclebin;
pub mod regf;
pub mod sigma;
pub mod usn;
mod xpress;
pub mod yara;

pub use error::{Error, Result};

use std::io::{Read, Seek};

/// Something to read from, at any place.
pub trait Source: Read + Seek {}

impl<T: Read + Seek + ?Sized> Source for T {}
