//! SQLite: a pool of readers and one writer.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::error::{DbError, DbResult};
use super::row::{Column, Row};
use super::tx::{On, Tx};
use super::value::Value;

mod writer;

/// Reads at a time.
const READERS: usize = 8;
/// Writes that wait for the writer; beyond that callers wait to be let in.
const WAITING: usize = 1024;
/// Statements each connection keeps prepared.
const PREPARED: usize = 256;
/// How long another process may hold the database.
const PATIENCE: Duration = Duration::from_secs(10);

/// An open SQLite database.
#[derive(Clone)]
pub struct Sqlite {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    readers: Semaphore,
    jobs: mpsc::Sender<writer::Job>,
}

impl std::fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Sqlite").field(&self.inner.path).finish()
    }
}

impl Sqlite {
    /// Opens the file, which is made (readable by its owner only) when missing.
    pub fn open(path: &Path) -> DbResult<Self> {
        create_private(path).map_err(DbError::Open)?;
        let connection = connect(path)?;
        let (jobs, waiting) = mpsc::channel(WAITING);
        writer::start(connection, waiting).map_err(DbError::Open)?;
        let inner =
            Inner { path: path.to_owned(), idle: Mutex::default(), readers: Semaphore::new(READERS), jobs };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Runs `work` on a reader.
    pub async fn read<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let inner = self.inner.clone();
        let permit = self.inner.readers.acquire().await.map_err(|_| DbError::Closed)?;
        let done =
            tokio::task::spawn_blocking(move || inner.read(work)).await.map_err(|_| DbError::Panicked)?;
        drop(permit);
        done
    }

    /// Runs `work` on a reader, on this thread. Those who block are bounded in number by their threads.
    pub fn read_blocking<T, E: From<DbError>>(
        &self,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.inner.read(work)
    }

    /// As [`Sqlite::write`], for threads that run no async code.
    pub fn write_blocking<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.inner.jobs.blocking_send(writer::Job::new(work, answer)).map_err(|_| DbError::Closed)?;
        answered.blocking_recv().unwrap_or_else(|_| Err(DbError::Closed.into()))
    }

    /// Runs `work` on the writer; returns when it is committed.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job = writer::Job::new(work, answer);
        self.inner.jobs.send(job).await.map_err(|_| DbError::Closed)?;
        answered.await.unwrap_or_else(|_| Err(DbError::Closed.into()))
    }
}

/// Copies a whole database into a new file while others use it. Its schema stays what it is, be it an older one.
pub fn copy_file(from: &Path, to: &Path) -> DbResult<()> {
    connect(from)?.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
    Ok(())
}

impl Inner {
    fn read<T, E: From<DbError>>(&self, work: impl FnOnce(&mut Tx<'_>) -> Result<T, E>) -> Result<T, E> {
        let connection = self.reader()?;
        connection.execute_batch("BEGIN").map_err(DbError::from)?;
        let result = guarded(|| work(&mut Tx { on: On::Sqlite(&connection) }));
        connection.execute_batch("ROLLBACK").map_err(DbError::from)?;
        let mut idle = self.idle.lock();
        if idle.len() < READERS {
            idle.push(connection);
        }
        drop(idle);
        result
    }

    fn reader(&self) -> DbResult<Connection> {
        let idle = self.idle.lock().pop();
        idle.map_or_else(|| connect_reader(&self.path), Ok)
    }
}

/// Made before SQLite does, which would make it readable by others.
fn create_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path).map(drop)
}

fn connect(path: &Path) -> DbResult<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    // Otherwise a statement is prepared anew whenever other values are bound to it that may change its plan.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cache_size = -65536;",
    )?;
    Ok(connection)
}

fn connect_reader(path: &Path) -> DbResult<Connection> {
    let connection = connect(path)?;
    connection.execute_batch("PRAGMA query_only = ON")?;
    Ok(connection)
}

/// `$1` is the name of a parameter in SQLite, which has to be looked up; `?1` is a number.
fn bind(statement: &mut rusqlite::Statement<'_>, params: &[Value<'_>]) -> DbResult<()> {
    let mut name = String::with_capacity(4);
    for (number, value) in params.iter().enumerate() {
        name.clear();
        name.push('$');
        name.push_str(itoa::Buffer::new().format(number + 1));
        if let Some(index) = statement.parameter_index(&name)? {
            statement.raw_bind_parameter(index, value)?;
        }
    }
    Ok(())
}

pub(super) fn execute(connection: &Connection, sql: &str, params: &[Value<'_>]) -> DbResult<u64> {
    let mut statement = connection.prepare_cached(sql)?;
    bind(&mut statement, params)?;
    Ok(statement.raw_execute()? as u64)
}

pub(super) fn each(
    connection: &Connection,
    sql: &str,
    params: &[Value<'_>],
    sink: &mut dyn FnMut(&mut Row) -> DbResult<ControlFlow<()>>,
) -> DbResult<()> {
    let mut statement = connection.prepare_cached(sql)?;
    let width = statement.column_count();
    bind(&mut statement, params)?;
    let mut rows = statement.raw_query();
    let mut filled = Row::with_width(width);
    while let Some(row) = rows.next()? {
        filled.fill((0..width).map(|index| Ok(row.get_ref(index).map(column)?)))?;
        if sink(&mut filled)?.is_break() {
            break;
        }
    }
    Ok(())
}

fn column(value: rusqlite::types::ValueRef<'_>) -> Column {
    use rusqlite::types::ValueRef;
    match value {
        ValueRef::Null => Column::Null,
        ValueRef::Integer(int) => Column::Int(int),
        ValueRef::Real(real) => Column::Real(real),
        ValueRef::Text(text) => Column::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(blob) => Column::Blob(blob.to_vec()),
    }
}

/// Runs the work of one transaction; a panic in it is its end alone.
fn guarded<T, E: From<DbError>>(work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(DbError::Panicked.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_not_prepared_anew_for_other_values() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        create_private(&path).unwrap();
        let connection = connect(&path).unwrap();
        connection
            .execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT); CREATE INDEX i ON t (name)")
            .unwrap();
        for sql in
            ["SELECT name FROM t WHERE id = $1", "SELECT id FROM t WHERE name = $1 AND id > $2 LIMIT $2"]
        {
            for id in 1..4 {
                each(&connection, sql, &[Value::Int(id), Value::Int(id)], &mut |_| {
                    Ok(ControlFlow::Continue(()))
                })
                .unwrap();
            }
            let statement = connection.prepare_cached(sql).unwrap();
            assert_eq!(statement.get_status(rusqlite::StatementStatus::RePrepare), 0, "{sql}");
        }
    }
}
