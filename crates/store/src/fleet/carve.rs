//! Carves: files that agents send in blocks (the Fleet reference, section 12.1).

use schemars::JsonSchema;
use serde::Serialize;

use super::fault::{Fault, Outcome};
use super::list::{ListOptions, OrderKey, Owned};
use super::time::Time;
use crate::db::{DbError, DbResult, Row, Tx};
use crate::params;

/// A carve as on the wire.
#[derive(Clone, Debug, Serialize, JsonSchema)]
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
    /// How many bytes are stored. Ours, as the next.
    pub archive_size: i64,
    /// What they hash to, once all are there and were read.
    pub sha256: Option<String>,
}

impl Carve {
    /// Whether all blocks are there.
    pub fn is_complete(&self) -> bool {
        self.max_block == self.block_count - 1
    }
}

const COLUMNS: &str = "id, created_at, host_id, name, block_count, block_size, carve_size, carve_id, request_id, \
    session_id, expired, max_block, archive_size, sha256";

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
        archive_size: row.take()?,
        sha256: row.take()?,
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

/// Notes that a block of `len` bytes is stored behind the others. False when another one was expected.
pub fn block_stored(tx: &mut Tx<'_>, carve: &Carve, block: i64, len: i64) -> Outcome<bool> {
    let sql = "UPDATE carves SET max_block = $2, archive_size = archive_size + $3 \
        WHERE id = $1 AND max_block = $2 - 1 AND expired = 0";
    if tx.execute(sql, params![carve.id, block, len])? == 0 {
        return Ok(false);
    }
    let missing = carve.block_size - len;
    if missing > 0 && block < carve.block_count - 1 {
        let sql = "INSERT INTO carve_short_blocks (carve_id, number, missing) VALUES ($1, $2, $3)";
        tx.execute(sql, params![carve.id, block, missing])?;
    }
    Ok(true)
}

/// Where a stored block lies in the archive: its first byte, and how many there are.
pub fn extent(tx: &mut Tx<'_>, carve: &Carve, block: i64) -> Outcome<(i64, i64)> {
    let sql = "SELECT CAST(COALESCE(SUM(missing), 0) AS BIGINT) FROM carve_short_blocks WHERE carve_id = $1 AND number < $2";
    let mut start_of = |block: i64| -> Outcome<i64> {
        let missing: i64 = tx.value(sql, params![carve.id, block])?.unwrap_or(0);
        Ok(block * carve.block_size - missing)
    };
    let start = start_of(block)?;
    let end = if block >= carve.max_block { carve.archive_size } else { start_of(block + 1)? };
    Ok((start, (end - start).max(0)))
}

/// Notes what a complete archive hashes to.
pub fn hashed(tx: &mut Tx<'_>, id: u32, sha256: &str) -> Outcome<()> {
    tx.execute("UPDATE carves SET sha256 = $2 WHERE id = $1", params![id, sha256])?;
    Ok(())
}

/// The complete archives that were not hashed yet.
pub fn unhashed(tx: &mut Tx<'_>) -> Outcome<Vec<u32>> {
    let sql = "SELECT id FROM carves WHERE sha256 IS NULL AND expired = 0 AND max_block = block_count - 1 ORDER BY id";
    Ok(tx.values(sql, &[])?)
}

/// What the list can be ordered by.
pub const ORDER_KEYS: &[OrderKey] =
    &[("id", "id"), ("created_at", "created_at"), ("host_id", "host_id"), ("name", "name")];

/// A page of carves.
pub fn list(tx: &mut Tx<'_>, expired_too: bool, options: &ListOptions) -> Outcome<Vec<Carve>> {
    let tail = options.tail(ORDER_KEYS, 1)?;
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
