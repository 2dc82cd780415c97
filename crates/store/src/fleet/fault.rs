//! Why a change or a look-up was refused.

use crate::db::DbError;

/// The result of every function of a noun.
pub type Outcome<T> = Result<T, Fault>;

/// Why not. The Fleet reference, section 1.5, says how each is told to clients.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// No such thing, or not visible to the caller.
    #[error("{kind} {which} was not found in the datastore")]
    NotFound { kind: &'static str, which: String },
    /// The name is taken.
    #[error("{kind} \"{name}\" already exists")]
    Exists { kind: &'static str, name: String },
    /// A field holds something that it cannot.
    #[error("{reason}")]
    Invalid { field: &'static str, reason: String },
    /// The request as a whole makes no sense.
    #[error("{0}")]
    BadRequest(String),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl Fault {
    /// No such thing.
    pub fn not_found(kind: &'static str, which: impl ToString) -> Self {
        Self::NotFound { kind, which: which.to_string() }
    }

    /// A field holds something that it cannot.
    pub fn invalid(field: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid { field, reason: reason.into() }
    }

    /// Makes a duplicate into [`Fault::Exists`]; other errors stay.
    pub fn taken(kind: &'static str, name: &str) -> impl FnOnce(DbError) -> Self {
        let name = name.to_owned();
        move |error| match error {
            DbError::Duplicate(_) => Self::Exists { kind, name },
            other => Self::Db(other),
        }
    }
}
