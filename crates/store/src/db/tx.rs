//! One transaction, on either database.

use std::ops::ControlFlow;

use super::error::DbResult;
use super::row::{FromColumn, Row};
use super::value::Value;
use super::{postgres, sqlite};

/// A running transaction. Calls block; closures given to [`super::Db`] run where that is allowed.
pub struct Tx<'a> {
    pub(super) on: On<'a>,
}

pub(super) enum On<'a> {
    Sqlite(&'a rusqlite::Connection),
    Postgres(postgres::Running<'a>),
}

impl Tx<'_> {
    /// Whether this is PostgreSQL, for the few statements that differ.
    pub fn is_postgres(&self) -> bool {
        matches!(self.on, On::Postgres(_))
    }

    /// The operator that matches a pattern whatever the case; SQLite's own is about ASCII letters only.
    pub fn like(&self) -> &'static str {
        if self.is_postgres() { "ILIKE" } else { "LIKE" }
    }

    /// Runs one statement; gives the number of rows it changed.
    pub fn execute(&mut self, sql: &str, params: &[Value<'_>]) -> DbResult<u64> {
        match &mut self.on {
            On::Sqlite(connection) => sqlite::execute(connection, sql, params),
            On::Postgres(running) => running.execute(sql, params),
        }
    }

    /// Runs several statements without arguments.
    pub fn script(&mut self, sql: &str) -> DbResult<()> {
        match &mut self.on {
            On::Sqlite(connection) => Ok(connection.execute_batch(sql)?),
            On::Postgres(running) => running.script(sql),
        }
    }

    /// All rows of a query, each made into something.
    pub fn all<T>(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        mut make: impl FnMut(&mut Row) -> DbResult<T>,
    ) -> DbResult<Vec<T>> {
        let mut all = Vec::new();
        self.each(sql, params, &mut |row| {
            all.push(make(row)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(all)
    }

    /// The first row of a query.
    pub fn first<T>(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        mut make: impl FnMut(&mut Row) -> DbResult<T>,
    ) -> DbResult<Option<T>> {
        let mut first = None;
        self.each(sql, params, &mut |row| {
            first = Some(make(row)?);
            Ok(ControlFlow::Break(()))
        })?;
        Ok(first)
    }

    /// The first column of the first row, `None` without rows.
    pub fn value<T: FromColumn>(&mut self, sql: &str, params: &[Value<'_>]) -> DbResult<Option<T>> {
        self.first(sql, params, Row::take)
    }

    /// The first column of each row.
    pub fn values<T: FromColumn>(&mut self, sql: &str, params: &[Value<'_>]) -> DbResult<Vec<T>> {
        self.all(sql, params, Row::take)
    }

    /// Hands over the rows of a query one by one, until it is enough.
    pub fn each(
        &mut self,
        sql: &str,
        params: &[Value<'_>],
        sink: &mut dyn FnMut(&mut Row) -> DbResult<ControlFlow<()>>,
    ) -> DbResult<()> {
        match &mut self.on {
            On::Sqlite(connection) => sqlite::each(connection, sql, params, sink),
            On::Postgres(running) => running.each(sql, params, sink),
        }
    }
}
