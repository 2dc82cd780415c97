//! Queries in packs (the Fleet reference, section 7.4).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::db::{DbError, DbResult, Row, Tx, Value};
use crate::fleet::fault::{Fault, Outcome};
use crate::fleet::json::given;
use crate::fleet::list::{ListOptions, OrderKey};
use crate::fleet::name::check_line;
use crate::fleet::query::{self, Stats};
use crate::fleet::time::Time;
use crate::params;

/// A scheduled query as on the wire.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Scheduled {
    pub created_at: Time,
    pub updated_at: Time,
    pub id: u32,
    pub pack_id: u32,
    pub name: String,
    pub query_id: u32,
    pub query_name: String,
    pub query: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Seconds.
    pub interval: u32,
    pub snapshot: Option<bool>,
    pub removed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Percent of the hosts.
    pub shard: Option<u32>,
    pub denylist: Option<bool>,
    pub stats: Stats,
}

const SELECT: &str = "SELECT s.created_at, s.updated_at, s.id, s.pack_id, s.name, s.query_id, q.name, q.query, \
    s.description, s.interval, s.snapshot, s.removed, s.platform, s.version, s.shard, s.denylist \
    FROM scheduled_queries s JOIN queries q ON q.id = s.query_id";

fn from_row(row: &mut Row) -> DbResult<Scheduled> {
    Ok(Scheduled {
        created_at: row.take()?,
        updated_at: row.take()?,
        id: row.take()?,
        pack_id: row.take()?,
        name: row.take()?,
        query_id: row.take()?,
        query_name: row.take()?,
        query: row.take()?,
        description: row.take()?,
        interval: row.take()?,
        snapshot: row.take()?,
        removed: row.take()?,
        platform: row.take()?,
        version: row.take()?,
        shard: row.take()?,
        denylist: row.take()?,
        stats: Stats::default(),
    })
}

/// What the list can be ordered by.
pub const ORDER_KEYS: &[OrderKey] = &[
    ("id", "s.id"),
    ("name", "s.name"),
    ("query_id", "s.query_id"),
    ("query_name", "q.name_key"),
    ("platform", "s.platform"),
    ("version", "s.version"),
    ("created_at", "s.created_at"),
    ("updated_at", "s.updated_at"),
];

/// The queries of a pack; none when there is no pack yet.
pub fn list(tx: &mut Tx<'_>, pack_id: Option<u32>, options: &ListOptions) -> Outcome<Vec<Scheduled>> {
    let tail = options.tail(ORDER_KEYS, 2)?;
    let mut values = vec![Value::Int(pack_id.unwrap_or(0).into())];
    values.extend(tail.after.as_ref().map(|after| after.value()));
    let mut all = tx.all(&format!("{SELECT} WHERE s.pack_id = $1{}", tail.sql), &values, from_row)?;
    for scheduled in &mut all {
        scheduled.stats = query::stats_of(tx, query::StatsOf::ScheduledQuery, scheduled.id)?;
    }
    Ok(all)
}

/// The scheduled query with this id.
pub fn by_id(tx: &mut Tx<'_>, id: u32) -> Outcome<Scheduled> {
    let found = tx.first(&format!("{SELECT} WHERE s.id = $1"), params![id], from_row)?;
    let mut scheduled = found.ok_or_else(|| Fault::not_found("ScheduledQuery", id))?;
    scheduled.stats = query::stats_of(tx, query::StatsOf::ScheduledQuery, id)?;
    Ok(scheduled)
}

/// A scheduled query to be made.
#[derive(Clone, Debug, Default)]
pub struct NewScheduled {
    pub pack_id: u32,
    pub query_id: u32,
    pub name: String,
    pub description: String,
    pub interval: u32,
    pub snapshot: Option<bool>,
    pub removed: Option<bool>,
    pub platform: Option<String>,
    pub version: Option<String>,
    pub shard: Option<u32>,
    pub denylist: Option<bool>,
}

/// Puts a query into a pack; gives the id of the entry.
pub fn create(tx: &mut Tx<'_>, new: &NewScheduled) -> Outcome<u32> {
    check_line("name", &new.name)?;
    check(new.platform.as_deref(), new.version.as_deref(), new.shard)?;
    let sql = "INSERT INTO scheduled_queries (created_at, updated_at, pack_id, query_id, name, description, interval, \
        snapshot, removed, platform, version, shard, denylist) \
        VALUES ($1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id";
    let id = tx
        .value(
            sql,
            params![
                Time::now(),
                new.pack_id,
                new.query_id,
                new.name,
                new.description,
                new.interval,
                new.snapshot,
                new.removed,
                new.platform,
                new.version,
                new.shard,
                new.denylist
            ],
        )
        .map_err(Fault::taken("ScheduledQuery", &new.name))?;
    id.ok_or(Fault::Db(DbError::Closed))
}

fn check(platform: Option<&str>, version: Option<&str>, shard: Option<u32>) -> Outcome<()> {
    check_line("platform", platform.unwrap_or_default())?;
    check_line("version", version.unwrap_or_default())?;
    match shard {
        Some(shard) if shard > 100 => Err(Fault::invalid("shard", "must be 100 at most")),
        _ => Ok(()),
    }
}

/// A name that no entry of the pack has yet: the wanted one, with `-1` added until it is free.
pub fn free_name(tx: &mut Tx<'_>, pack_id: u32, wanted: &str) -> Outcome<String> {
    let sql = "SELECT name FROM scheduled_queries WHERE pack_id = $1";
    let taken: Vec<String> = tx.values(sql, params![pack_id])?;
    let mut name = wanted.to_owned();
    while taken.contains(&name) {
        name.push_str("-1");
    }
    Ok(name)
}

/// What of a scheduled query changes; what is not given stays.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub struct ScheduledPatch {
    pub query_id: Option<u32>,
    pub interval: Option<u32>,
    pub snapshot: Option<bool>,
    pub removed: Option<bool>,
    pub platform: Option<String>,
    pub version: Option<String>,
    /// `null` lets the query run on all hosts.
    #[serde(default, deserialize_with = "given")]
    pub shard: Option<Option<u32>>,
    pub denylist: Option<bool>,
}

/// Changes a scheduled query.
pub fn update(tx: &mut Tx<'_>, id: u32, patch: &ScheduledPatch) -> Outcome<()> {
    let before = by_id(tx, id)?;
    let query_id = patch.query_id.unwrap_or(before.query_id);
    query::owner(tx, query_id)?;
    let platform = patch.platform.as_ref().or(before.platform.as_ref());
    let version = patch.version.as_ref().or(before.version.as_ref());
    let shard = patch.shard.unwrap_or(before.shard);
    check(platform.map(String::as_str), version.map(String::as_str), shard)?;
    let sql = "UPDATE scheduled_queries SET query_id = $2, interval = $3, snapshot = $4, removed = $5, platform = $6, \
        version = $7, shard = $8, denylist = $9, updated_at = $10 WHERE id = $1";
    tx.execute(
        sql,
        params![
            id,
            query_id,
            patch.interval.unwrap_or(before.interval),
            patch.snapshot.or(before.snapshot),
            patch.removed.or(before.removed),
            platform,
            version,
            shard,
            patch.denylist.or(before.denylist),
            Time::now()
        ],
    )?;
    Ok(())
}

/// Takes a query out of its pack.
pub fn delete(tx: &mut Tx<'_>, id: u32) -> Outcome<()> {
    match tx.execute("DELETE FROM scheduled_queries WHERE id = $1", params![id])? {
        0 => Err(Fault::not_found("ScheduledQuery", id)),
        _ => Ok(()),
    }
}
