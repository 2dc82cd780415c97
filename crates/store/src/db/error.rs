//! What can go wrong in the database.

/// The result of every call of the database.
pub type DbResult<T> = Result<T, DbError>;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DbError {
    /// A value that must be unique is there already; holds the constraint as the database names it.
    #[error("already there: {0}")]
    Duplicate(String),
    /// A row that others refer to, or one that is referred to and missing.
    #[error("refers to something that is not there, or is referred to: {0}")]
    Reference(String),
    /// No space left, or a limit reached. Nothing was changed.
    #[error("the disk of the database is full, free some space and try again")]
    Full,
    /// A column holds something else than the program asked for.
    #[error("column {column} of a row is not {wanted}")]
    Column { column: usize, wanted: &'static str },
    /// The schema was made by a newer version.
    #[error(
        "the database has schema {found}, this version knows up to {known}: install the newer version again"
    )]
    Newer { found: i64, known: i64 },
    /// A migration that was applied reads differently now.
    #[error("migration {number} is not the one that made this database: restore the released file")]
    Rewritten { number: i64 },
    #[error("SQLite: {0}")]
    Sqlite(#[source] rusqlite::Error),
    #[error("PostgreSQL: {0}")]
    Postgres(#[source] tokio_postgres::Error),
    #[error("cannot connect to PostgreSQL, check the address, the password and that it runs: {0}")]
    Connect(String),
    /// Others changed the same rows again and again.
    #[error("the database is too busy, try again")]
    Busy,
    /// The thread that writes has ended, or the program is stopping.
    #[error("the database was closed")]
    Closed,
    /// The work of a transaction panicked; nothing was changed.
    #[error("a transaction failed inside the program and was undone")]
    Panicked,
    #[error("cannot open the database: {0}")]
    Open(#[source] std::io::Error),
}

impl From<rusqlite::Error> for DbError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ffi;
        let Some(code) = error.sqlite_error().map(|e| e.extended_code) else { return Self::Sqlite(error) };
        match code {
            ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY => {
                Self::Duplicate(text(&error))
            }
            ffi::SQLITE_CONSTRAINT_FOREIGNKEY => Self::Reference(text(&error)),
            _ if code & 0xff == ffi::SQLITE_FULL => Self::Full,
            _ if code & 0xff == ffi::SQLITE_BUSY => Self::Busy,
            _ => Self::Sqlite(error),
        }
    }
}

/// An error and what caused it, for logs and people.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// The message alone, without the code in front.
fn text(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        other => other.to_string(),
    }
}

impl From<tokio_postgres::Error> for DbError {
    fn from(error: tokio_postgres::Error) -> Self {
        use tokio_postgres::error::SqlState;
        let Some(code) = error.code().cloned() else { return Self::Postgres(error) };
        let detail = || error.as_db_error().map_or_else(|| error.to_string(), |e| e.message().to_owned());
        match code {
            SqlState::UNIQUE_VIOLATION => Self::Duplicate(detail()),
            SqlState::FOREIGN_KEY_VIOLATION => Self::Reference(detail()),
            SqlState::DISK_FULL => Self::Full,
            SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => Self::Busy,
            _ => Self::Postgres(error),
        }
    }
}
