//! Saved queries, and the hidden ones of live queries (the Fleet reference, section 6).

use super::fault::{Fault, Outcome};
use super::name::{check_line, key};
use super::time::Time;
use crate::db::{DbError, Tx};
use crate::params;

mod record;
mod spec;
mod sql;
mod stats;

pub use record::{ORDER_KEYS, Query, by_id, list};
pub use spec::{QuerySpec, apply, spec_named, specs};
pub use sql::check_sql;
pub use stats::{Of as StatsOf, Stats, aggregate, stats_of};

/// What a live query needs to know of a stored query.
#[derive(Clone, Debug)]
pub struct Runnable {
    pub id: u32,
    pub query: String,
    pub observer_can_run: bool,
}

/// The stored query with this id.
pub fn runnable(tx: &mut Tx<'_>, id: u32) -> Outcome<Runnable> {
    let sql = "SELECT id, query, observer_can_run FROM queries WHERE id = $1";
    let found = tx.first(sql, params![id], |row| {
        Ok(Runnable { id: row.take()?, query: row.take()?, observer_can_run: row.take()? })
    })?;
    found.ok_or_else(|| Fault::not_found("Query", id))
}

/// Keeps the text of a live query that was typed in, under a name that nobody else has.
pub fn create_hidden(tx: &mut Tx<'_>, author: (u32, &str), sql: &str) -> Outcome<u32> {
    let now = Time::now();
    let base = format!("distributed_{}_{}", author.1, now.as_second());
    let taken: u64 = tx
        .value(
            "SELECT COUNT(*) FROM queries WHERE name_key LIKE $1 ESCAPE '\\'",
            params![format!("{}%", key(&base).replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))],
        )?
        .unwrap_or(0);
    let name = if taken == 0 { base } else { format!("{base}_{taken}") };
    let insert = "INSERT INTO queries (created_at, updated_at, name, name_key, description, query, saved, author_id) \
        VALUES ($1, $1, $2, $3, '', $4, 0, $5) RETURNING id";
    let id = tx.value(insert, params![now, name, key(&name), sql, author.0]);
    id.map_err(Fault::taken("Query", &name))?.ok_or(Fault::Db(DbError::Closed))
}

/// The names under which agents log what a query found: its own under any pack, and those that schedules give it.
pub fn logged_names(tx: &mut Tx<'_>, id: u32) -> Outcome<Vec<String>> {
    let own: Option<String> = tx.value("SELECT name FROM queries WHERE id = $1", params![id])?;
    let mut names = vec![own.ok_or_else(|| Fault::not_found("Query", id))?];
    let sql = "SELECT p.name, s.name FROM scheduled_queries s JOIN packs p ON p.id = s.pack_id \
        WHERE s.query_id = $1 ORDER BY s.id";
    let scheduled = tx.all(sql, params![id], |row| Ok((row.take::<String>()?, row.take::<String>()?)))?;
    names.extend(scheduled.iter().map(|(pack, name)| format!("pack/{pack}/{name}")));
    Ok(names)
}

/// Whose a stored query is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    pub id: u32,
    pub name: String,
    /// 0 when the author is gone.
    pub author_id: u32,
}

/// The stored query of this name.
pub fn find(tx: &mut Tx<'_>, name: &str) -> Outcome<Option<Owned>> {
    owned(tx, "name_key = $1", params![key(name)])
}

/// The stored query with this id.
pub fn owner(tx: &mut Tx<'_>, id: u32) -> Outcome<Owned> {
    owned(tx, "id = $1", params![id])?.ok_or_else(|| Fault::not_found("Query", id))
}

fn owned(tx: &mut Tx<'_>, condition: &str, values: &[crate::db::Value<'_>]) -> Outcome<Option<Owned>> {
    let sql = format!("SELECT id, name, author_id FROM queries WHERE {condition}");
    Ok(tx.first(&sql, values, |row| {
        let (id, name, author) = (row.take()?, row.take()?, row.take::<Option<u32>>()?);
        Ok(Owned { id, name, author_id: author.unwrap_or(0) })
    })?)
}

/// A query to be made, or what one becomes.
#[derive(Clone, Debug, Default)]
pub struct NewQuery {
    pub name: String,
    pub description: String,
    pub query: String,
    pub observer_can_run: bool,
}

impl NewQuery {
    /// The stored query as it is, for changing part of it.
    pub fn of(query: &Query) -> Self {
        Self {
            name: query.name.clone(),
            description: query.description.clone(),
            query: query.query.clone(),
            observer_can_run: query.observer_can_run,
        }
    }

    fn check(&self) -> Outcome<()> {
        let refuse = |reason| Err(Fault::BadRequest(format!("query payload verification: {reason}")));
        if self.name.trim().is_empty() {
            return refuse("query name cannot be empty");
        }
        check_line("name", &self.name)?;
        check_sql(&self.query).or_else(refuse)
    }
}

/// Makes a saved query; gives its id.
pub fn create(tx: &mut Tx<'_>, new: &NewQuery, author_id: u32) -> Outcome<u32> {
    new.check()?;
    let insert = "INSERT INTO queries (created_at, updated_at, name, name_key, description, query, saved, \
        observer_can_run, author_id) VALUES ($1, $1, $2, $3, $4, $5, 1, $6, $7) RETURNING id";
    let id = tx
        .value(
            insert,
            params![
                Time::now(),
                new.name,
                key(&new.name),
                new.description,
                new.query,
                new.observer_can_run,
                author_id
            ],
        )
        .map_err(Fault::taken("Query", &new.name))?;
    id.ok_or(Fault::Db(DbError::Closed))
}

/// Replaces what a saved query says. Its author stays.
pub fn update(tx: &mut Tx<'_>, id: u32, new: &NewQuery) -> Outcome<()> {
    new.check()?;
    let sql = "UPDATE queries SET name = $2, name_key = $3, description = $4, query = $5, observer_can_run = $6, \
        updated_at = $7 WHERE id = $1";
    tx.execute(
        sql,
        params![id, new.name, key(&new.name), new.description, new.query, new.observer_can_run, Time::now()],
    )
    .map_err(Fault::taken("Query", &new.name))
    .map(drop)
}

/// Deletes a query, and with it what schedules it.
pub fn delete(tx: &mut Tx<'_>, id: u32) -> Outcome<()> {
    match tx.execute("DELETE FROM queries WHERE id = $1", params![id])? {
        0 => Err(Fault::not_found("Query", id)),
        _ => Ok(()),
    }
}
