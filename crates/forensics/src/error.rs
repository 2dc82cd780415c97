//! Why something could not be parsed.

use std::io;

/// What went wrong, with what was being read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is something else altogether.
    #[error("not {0}")]
    NotA(&'static str),
    /// It contradicts itself.
    #[error("broken {what}: {why}")]
    Broken { what: &'static str, why: String },
    /// It goes beyond what a parser is willing to hold.
    #[error("{what} beyond the limit of {limit}")]
    TooMuch { what: &'static str, limit: u64 },
    /// A form that is not read.
    #[error("unsupported {what}: {which}")]
    Unsupported { what: &'static str, which: String },
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub fn broken(what: &'static str, why: impl Into<String>) -> Self {
        Error::Broken { what, why: why.into() }
    }
}
