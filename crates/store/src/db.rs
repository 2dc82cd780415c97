//! The database: one face over SQLite and PostgreSQL.
//!
//! A repository is a set of plain functions over a [`Tx`]; SQL is written once, in the part of the language that both
//! understand, with `$1` markers. [`Db::read`] and [`Db::write`] run a closure of such calls as one transaction, off the
//! async threads; their `_blocking` forms do it for threads that run no async code.
//!
//! - SQLite: reads run side by side, each on a connection of its own. Writes go through one thread, which commits
//!   everything that waits with one sync (`synchronous=FULL`, WAL).
//! - PostgreSQL: each closure is a serializable transaction on a pooled connection, run again when the server asks for it.
//!
//! **A write is acknowledged after its commit is on disk, never before.** Queues are bounded; a full one makes callers wait.

mod error;
mod migrate;
mod postgres;
mod row;
mod sqlite;
mod tx;
mod value;

pub use error::{DbError, DbResult, with_causes};
pub use postgres::address::{Address, SslMode};
pub use row::{FromColumn, Row, Taken};
pub use sqlite::copy_file;
pub use tx::Tx;
pub use value::{Param, Value};

/// Where the database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A file, made when missing.
    Sqlite(std::path::PathBuf),
    /// A connection string or `postgres://` address, as [`Address`] reads it.
    Postgres(String),
}

/// The database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Db {
    backend: Backend,
}

#[derive(Clone, Debug)]
enum Backend {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

impl Db {
    /// Opens the database and brings its schema up to date.
    pub async fn open(location: &Location) -> DbResult<Self> {
        let db = Self { backend: Backend::open(location).await? };
        db.write(migrate::run).await?;
        Ok(db)
    }

    /// As [`Db::open`], for programs and threads without a runtime. PostgreSQL gets a small one of its own.
    pub fn open_blocking(location: &Location) -> DbResult<Self> {
        let db = Self::open_without_schema(location)?;
        db.write_blocking(migrate::run)?;
        Ok(db)
    }

    fn open_without_schema(location: &Location) -> DbResult<Self> {
        let backend = match location {
            Location::Sqlite(path) => Backend::Sqlite(sqlite::Sqlite::open(path)?),
            Location::Postgres(address) => Backend::Postgres(postgres::Postgres::open_blocking(address)?),
        };
        Ok(Self { backend })
    }

    /// Runs `work` on one consistent state. Writing in it is an error.
    pub async fn read<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.read(work).await,
            Backend::Postgres(postgres) => postgres.run(postgres::Mode::Read, work).await,
        }
    }

    /// Runs `work` as one transaction: all of it is on disk when this returns, or nothing was done. `work` may be run
    /// more than once, when somebody else changed what it read.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.write(work).await,
            Backend::Postgres(postgres) => postgres.run(postgres::Mode::Write, work).await,
        }
    }

    /// As [`Db::read`], for threads that run no async code; it blocks.
    pub fn read_blocking<T, E, F>(&self, work: F) -> Result<T, E>
    where
        E: From<DbError>,
        F: Fn(&mut Tx<'_>) -> Result<T, E>,
    {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.read_blocking(work),
            Backend::Postgres(postgres) => postgres.run_blocking(postgres::Mode::Read, work),
        }
    }

    /// As [`Db::write`], for threads that run no async code; it blocks.
    pub fn write_blocking<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.write_blocking(work),
            Backend::Postgres(postgres) => postgres.run_blocking(postgres::Mode::Write, work),
        }
    }
}

impl Backend {
    async fn open(location: &Location) -> DbResult<Self> {
        Ok(match location {
            Location::Sqlite(path) => Self::Sqlite(sqlite::Sqlite::open(path)?),
            Location::Postgres(address) => Self::Postgres(postgres::Postgres::open(address).await?),
        })
    }
}

#[cfg(test)]
pub(crate) mod fresh;
#[cfg(test)]
mod tests;
