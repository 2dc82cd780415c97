//! What can go wrong with stored state, each with what to do next.

use std::io;
use std::path::{Path, PathBuf};

/// The result of every call of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong. Texts that start with a capital letter are fixed by the published API.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("cannot {action} {path}, check that it exists, its owner and the free space", path = path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error("cannot understand {path}, restore it from a backup or delete it", path = path.display())]
    Damaged { path: PathBuf, source: serde_json::Error },
    #[error("{path} is in use by another process, stop that one first", path = path.display())]
    InUse { path: PathBuf },
    #[error("{path} can be changed by other users, give it to the user of the server and take write access from others", path = path.display())]
    Exposed { path: PathBuf },
    #[error("the rights of {name} cannot be understood, grant them anew after removing the user")]
    UserDamaged { name: String, source: serde_json::Error },
    #[error("{name} is the only global admin, make another one first")]
    LastAdmin { name: String },
    #[error(transparent)]
    Fault(crate::fleet::Fault),
    #[error(transparent)]
    Db(#[from] crate::db::DbError),
    #[error("User not found: {0}")]
    UserNotFound(String),
    #[error("Username is reserved: {0}")]
    NameReserved(String),
    #[error("{what} {name:?} is not usable: give {rule}")]
    NameInvalid { what: &'static str, name: String, rule: &'static str },
    #[error("no role is named {name:?}, choose from {known}")]
    RoleUnknown { name: String, known: String },
    #[error("line {line} is not a JSON object, send one object per line")]
    RowInvalid { line: usize, source: Option<serde_json::Error> },
    #[error("line {line} is longer than {limit} bytes, send smaller rows")]
    RowTooLong { line: usize, limit: usize },
    #[error("the rows take more than {limit} bytes together, send them in smaller parts")]
    BatchTooLong { limit: usize },
    #[error("the cursor {cursor:?} cannot be used for {queue}: {why}")]
    CursorInvalid { cursor: String, queue: String, why: &'static str },
    #[error("{count} rows of {queue} are no longer stored, going on with row {next}")]
    RowsGone { queue: String, count: u64, next: u64 },
    #[error("rows {first} to {last} are left out, {path} cannot be read: {source}", path = path.display())]
    RowsUnreadable { first: u64, last: u64, path: PathBuf, source: io::Error },
    #[error("{path} begins with the same row as another file beside it, keep one of them", path = path.display())]
    SegmentTwice { path: PathBuf },
    #[error("the writer of {what} has stopped, restart the server")]
    WriterStopped { what: &'static str },
    #[error("the audit log cannot keep up, try again later")]
    AuditFull,
    #[error("the secret {name:?} does not open with the key of this server, add it anew")]
    SecretSealed { name: String },
    #[error("client {0} is not known")]
    ClientUnknown(String),
    #[error("there is a client {0} already")]
    ClientKnown(String),
    #[error("hunt {0} is not known")]
    HuntUnknown(String),
    #[error("the metadata of one client may take {limit} bytes at most")]
    MetadataTooLong { limit: usize },
    #[error("{what} of a user may be {limit} at most, delete some first")]
    ProfileFull { what: &'static str, limit: usize },
    #[error("Invalid pathspec")]
    PathInvalid,
    #[error("Not Found")]
    FileNotFound,
}

impl From<crate::fleet::Fault> for Error {
    fn from(fault: crate::fleet::Fault) -> Self {
        match fault {
            crate::fleet::Fault::Db(error) => Self::Db(error),
            fault => Self::Fault(fault),
        }
    }
}

impl Error {
    /// Wraps a failed file operation; `action` is the verb of the message.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}
