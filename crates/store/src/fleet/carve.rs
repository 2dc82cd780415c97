//! Carves: files that agents send in blocks (the Fleet reference, section 12.1).

use serde::Serialize;

use super::fault::{Fault, Outcome};
use super::list::{ListOptions, OrderKey, Owned};
use super::time::Time;
use crate::db::{DbError, DbResult, Row, Tx};
use crate::params;

/// A carve as on the wire.
#[derive(Clone, Debug, Serialize)]
pub struct Carve {
    pub id: u32,
    pub created_at: Time,
    pub host_id: u32,
    pub name: String,
    pub block_count: i64,
    pub block_size: i64,
    pub carve_size: i64,
    pub carve_id: String,
    pub request_id: String,
    pub session_id: String,
    pub expired: bool,
    /// The last block that is stored; -1 before the first.
    pub max_block: i64,
}

const COLUMNS: &str = "id, created_at, host_id, name, block_count, block_size, carve_size, carve_id, request_id, \
    session_id, expired, max_block";

fn from_row(row: &mut Row) -> DbResult<Carve> {
    Ok(Carve {
        id: row.take()?,
        created_at: row.take()?,
        host_id: row.take()?,
        name: row.take()?,
        block_count: row.take()?,
        block_size: row.take()?,
        carve_size: row.take()?,
        carve_id: row.take()?,
        request_id: row.take()?,
        session_id: row.take()?,
        expired: row.take()?,
        max_block: row.take()?,
    })
}

/// A carve that an agent begins.
#[derive(Clone, Debug)]
pub struct NewCarve {
    pub host_id: u32,
    pub name: String,
    pub block_count: i64,
    pub block_size: i64,
    pub carve_size: i64,
    pub carve_id: String,
    pub request_id: String,
    pub session_id: String,
}

/// Begins a carve; gives its id.
pub fn create(tx: &mut Tx<'_>, new: &NewCarve) -> Outcome<u32> {
    let sql = "INSERT INTO carves (created_at, host_id, name, block_count, block_size, carve_size, carve_id, \
        request_id, session_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id";
    let id = tx.value(
        sql,
        params![
            Time::now(),
            new.host_id,
            new.name,
            new.block_count,
            new.block_size,
            new.carve_size,
            new.carve_id,
            new.request_id,
            new.session_id
        ],
    )?;
    id.ok_or(Fault::Db(DbError::Closed))
}

/// The carve of a session.
pub fn by_session(tx: &mut Tx<'_>, session_id: &str) -> Outcome<Option<Carve>> {
    let sql = format!("SELECT {COLUMNS} FROM carves WHERE session_id = $1");
    Ok(tx.first(&sql, params![session_id], from_row)?)
}

/// The carve with this id.
pub fn by_id(tx: &mut Tx<'_>, id: u32) -> Outcome<Carve> {
    let sql = format!("SELECT {COLUMNS} FROM carves WHERE id = $1");
    tx.first(&sql, params![id], from_row)?.ok_or_else(|| Fault::not_found("Carve", id))
}

/// Notes that a block is stored. False when another one was expected.
pub fn block_stored(tx: &mut Tx<'_>, id: u32, block: i64) -> Outcome<bool> {
    let sql = "UPDATE carves SET max_block = $2 WHERE id = $1 AND max_block = $2 - 1";
    Ok(tx.execute(sql, params![id, block])? == 1)
}

const KEYS: &[OrderKey] =
    &[("id", "id"), ("created_at", "created_at"), ("host_id", "host_id"), ("name", "name")];

/// A page of carves.
pub fn list(tx: &mut Tx<'_>, expired_too: bool, options: &ListOptions) -> Outcome<Vec<Carve>> {
    let tail = options.tail(KEYS, 1)?;
    let shown = if expired_too { "1 = 1" } else { "expired = 0" };
    let sql = format!("SELECT {COLUMNS} FROM carves WHERE {shown}{}", tail.sql);
    let arguments: Vec<_> = tail.after.iter().map(Owned::value).collect();
    Ok(tx.all(&sql, &arguments, from_row)?)
}

/// Marks carves that began before `before`; their blocks may go.
pub fn expire(tx: &mut Tx<'_>, before: Time) -> Outcome<u64> {
    Ok(tx.execute("UPDATE carves SET expired = 1 WHERE expired = 0 AND created_at <= $1", params![before])?)
}

/// The carves whose blocks may be removed.
pub fn expired(tx: &mut Tx<'_>) -> Outcome<Vec<u32>> {
    Ok(tx.values("SELECT id FROM carves WHERE expired = 1 ORDER BY id", &[])?)
}
