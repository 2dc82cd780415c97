//! PostgreSQL: pooled connections, serializable transactions, run again when the server asks for it.

pub mod address;
mod tls;

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod};
use futures_util::TryStreamExt as _;
use tokio::runtime::{Handle, Runtime};
use tokio_postgres::Statement;
use tokio_postgres::config::{Host, SslMode as DriverMode};
use tokio_postgres::types::ToSql;

use address::{Address, SslMode};

use super::error::{DbError, DbResult, with_causes};
use super::row::{Column, Row};
use super::tx::{On, Tx};
use super::value::Value;

/// Connections at most.
const CONNECTIONS: usize = 16;
/// Statements that a connection keeps prepared, here and on the server: those with lists of ids differ each time.
const PREPARED: usize = 512;
/// How often a transaction is tried before its caller hears that the database is busy.
const ATTEMPTS: usize = 20;

/// A pool of connections.
#[derive(Clone)]
pub struct Postgres {
    pool: Pool,
    /// What drives the connections.
    handle: Handle,
    /// The runtime behind `handle` when it is nobody else's.
    _own: Option<Arc<Runtime>>,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres").finish_non_exhaustive()
    }
}

/// What a transaction may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Read,
    Write,
}

impl Mode {
    fn begin(self) -> &'static str {
        match self {
            Self::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Self::Write => "BEGIN ISOLATION LEVEL SERIALIZABLE",
        }
    }
}

impl Postgres {
    /// Connects once, to say early what is wrong with the address.
    pub async fn open(address: &str) -> DbResult<Self> {
        let address = Address::parse(address).map_err(DbError::Connect)?;
        let connector = tls::connector(&address).map_err(DbError::Connect)?;
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(protected(address), connector, recycling);
        let pool = Pool::builder(manager).max_size(CONNECTIONS).build();
        let pool = pool.map_err(|e| DbError::Connect(e.to_string()))?;
        drop(connection(&pool).await?);
        Ok(Self { pool, handle: Handle::current(), _own: None })
    }

    /// As [`Postgres::open`], without a runtime: connections need one, which is made and lives as long as they do.
    pub fn open_blocking(address: &str) -> DbResult<Self> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().map_err(DbError::Open)?;
        let opened = runtime.block_on(Self::open(address))?;
        Ok(Self { _own: Some(Arc::new(runtime)), ..opened })
    }

    /// As [`Postgres::run`], on this thread, which must run no async code.
    pub fn run_blocking<T, E: From<DbError>>(
        &self,
        mode: Mode,
        work: impl Fn(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let client = self.handle.block_on(connection(&self.pool))?;
        transact(&Session { client, handle: self.handle.clone() }, mode, &work)
    }

    /// Runs `work` as a transaction on a thread that may block.
    pub async fn run<T, E, F>(&self, mode: Mode, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let client = connection(&self.pool).await?;
        let handle = Handle::current();
        let run = move || transact(&Session { client, handle }, mode, &work);
        tokio::task::spawn_blocking(run).await.unwrap_or_else(|_| Err(DbError::Panicked.into()))
    }
}

async fn connection(pool: &Pool) -> DbResult<Object> {
    pool.get().await.map_err(|error| DbError::Connect(with_causes(&error)))
}

/// What the driver is told: it knows fewer modes.
fn protected(address: Address) -> tokio_postgres::Config {
    let hosts = address.config.get_hosts();
    let is_local = !hosts.is_empty() && hosts.iter().all(|host| matches!(host, Host::Unix(_)));
    let mode = match address.mode() {
        // Servers speak no TLS on Unix sockets.
        _ if is_local => DriverMode::Disable,
        SslMode::Disable => DriverMode::Disable,
        SslMode::Prefer => DriverMode::Prefer,
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => DriverMode::Require,
    };
    let mut config = address.config;
    config.ssl_mode(mode);
    config
}

#[cfg(test)]
impl Postgres {
    /// Runs a statement outside of transactions.
    pub async fn batch(&self, sql: &str) -> DbResult<()> {
        let client = connection(&self.pool).await?;
        Ok(client.batch_execute(sql).await?)
    }
}

struct Session {
    client: Object,
    handle: Handle,
}

impl Session {
    fn batch(&self, sql: &str) -> DbResult<()> {
        Ok(self.handle.block_on(self.client.batch_execute(sql))?)
    }
}

fn transact<T, E: From<DbError>>(
    session: &Session,
    mode: Mode,
    work: &impl Fn(&mut Tx<'_>) -> Result<T, E>,
) -> Result<T, E> {
    for attempt in 0..ATTEMPTS {
        session.batch(mode.begin())?;
        let mut tx = Tx { on: On::Postgres(Running { session, conflicted: false }) };
        let result = catch_unwind(AssertUnwindSafe(|| work(&mut tx)));
        let conflicted = matches!(&tx.on, On::Postgres(running) if running.conflicted);
        let result = result.unwrap_or_else(|_| Err(DbError::Panicked.into()));
        if !conflicted && let Ok(value) = result {
            match session.batch("COMMIT") {
                Ok(()) => return Ok(value),
                Err(DbError::Busy) => {}
                Err(error) => return Err(error.into()),
            }
        } else {
            session.batch("ROLLBACK")?;
            if !conflicted {
                return result;
            }
        }
        // Those who collided should not collide again.
        std::thread::sleep(std::time::Duration::from_millis(attempt as u64 * 2));
    }
    Err(DbError::Busy.into())
}

/// A transaction in the making.
pub(super) struct Running<'a> {
    session: &'a Session,
    /// The server asked to run it again; what the work made of that error does not matter.
    conflicted: bool,
}

impl Running<'_> {
    pub fn script(&mut self, sql: &str) -> DbResult<()> {
        self.session.batch(sql)
    }

    pub fn execute(&mut self, sql: &str, params: &[Value<'_>]) -> DbResult<u64> {
        let done = self.session.handle.block_on(async {
            let statement = self.prepare(sql).await?;
            Ok(self.session.client.execute_raw(&statement, slice(params)).await?)
        });
        self.noted(done)
    }

    pub fn each(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        sink: &mut dyn FnMut(&mut Row) -> DbResult<ControlFlow<()>>,
    ) -> DbResult<()> {
        let done = self.session.handle.block_on(async {
            let statement = self.prepare(sql).await?;
            let rows = self.session.client.query_raw(&statement, slice(params)).await?;
            let mut rows = std::pin::pin!(rows);
            let mut filled = Row::with_width(statement.columns().len());
            while let Some(row) = rows.try_next().await? {
                filled.fill((0..row.len()).map(|index| column(&row, index)))?;
                if sink(&mut filled)?.is_break() {
                    break;
                }
            }
            Ok(())
        });
        self.noted(done)
    }

    async fn prepare(&self, sql: &str) -> DbResult<Statement> {
        let client = &self.session.client;
        if client.statement_cache.size() >= PREPARED {
            client.statement_cache.clear();
        }
        Ok(client.prepare_cached(sql).await?)
    }

    fn noted<T>(&mut self, done: DbResult<T>) -> DbResult<T> {
        self.conflicted |= matches!(done, Err(DbError::Busy));
        done
    }
}

fn slice<'a>(params: &'a [Value<'a>]) -> impl ExactSizeIterator<Item = &'a dyn ToSql> + 'a {
    params.iter().map(|value| value as &dyn ToSql)
}

fn column(row: &tokio_postgres::Row, index: usize) -> DbResult<Column> {
    use tokio_postgres::types::Type;
    let ty = row.columns()[index].type_();
    Ok(if *ty == Type::INT8 {
        row.try_get::<_, Option<i64>>(index)?.map_or(Column::Null, Column::Int)
    } else if *ty == Type::INT4 {
        row.try_get::<_, Option<i32>>(index)?.map_or(Column::Null, |int| Column::Int(int.into()))
    } else if *ty == Type::BOOL {
        row.try_get::<_, Option<bool>>(index)?.map_or(Column::Null, |is| Column::Int(is.into()))
    } else if *ty == Type::FLOAT8 {
        row.try_get::<_, Option<f64>>(index)?.map_or(Column::Null, Column::Real)
    } else if *ty == Type::BYTEA {
        row.try_get::<_, Option<Vec<u8>>>(index)?.map_or(Column::Null, Column::Blob)
    } else {
        row.try_get::<_, Option<String>>(index)?.map_or(Column::Null, Column::Text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Location, fresh};
    use crate::params;

    #[tokio::test(flavor = "multi_thread")]
    async fn statements_that_always_differ_do_not_pile_up_on_the_server() {
        let Some(Location::Postgres(address)) = fresh::postgres_place().await else { return };
        let postgres = Postgres::open(&address).await.unwrap();
        let held = postgres.run(Mode::Read, |tx| {
            for number in 0..PREPARED + 50 {
                tx.values::<i64>(&format!("SELECT {number}::bigint"), &[])?;
            }
            tx.value::<i64>("SELECT COUNT(*) FROM pg_prepared_statements", params![])
        });
        let held = held.await.unwrap().unwrap();
        assert!(held > 0 && held <= PREPARED as i64, "{held}");
    }
}
