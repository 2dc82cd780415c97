//! Saved queries as the API shows them (the Fleet reference, section 6.1).

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::stats::{self, Of, Stats};
use crate::db::{DbResult, Row, Tx, Value};
use crate::fleet::fault::{Fault, Outcome};
use crate::fleet::list::{ListOptions, OrderKey};
use crate::fleet::pack::{self, PackHead};
use crate::fleet::time::Time;
use crate::params;

/// A query as on the wire.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Query {
    pub created_at: Time,
    pub updated_at: Time,
    pub id: u32,
    pub name: String,
    pub description: String,
    pub query: String,
    /// False for the texts of live queries.
    pub saved: bool,
    pub observer_can_run: bool,
    pub author_id: Option<u32>,
    pub author_name: String,
    pub author_email: String,
    /// The packs that schedule it. Those of teams' schedules are left out: not everybody may know of these teams.
    pub packs: Vec<PackHead>,
    pub stats: Stats,
}

const SELECT: &str = "SELECT q.created_at, q.updated_at, q.id, q.name, q.description, q.query, q.saved, \
    q.observer_can_run, q.author_id, u.name, u.email FROM queries q LEFT JOIN users u ON u.id = q.author_id";

/// What a list shows in place of an author who is gone.
const GONE: &str = "<deleted>";

fn from_row(row: &mut Row) -> DbResult<Query> {
    Ok(Query {
        created_at: row.take()?,
        updated_at: row.take()?,
        id: row.take()?,
        name: row.take()?,
        description: row.take()?,
        query: row.take()?,
        saved: row.take()?,
        observer_can_run: row.take()?,
        author_id: row.take()?,
        author_name: row.take::<Option<String>>()?.unwrap_or_default(),
        author_email: row.take::<Option<String>>()?.unwrap_or_default(),
        packs: Vec::new(),
        stats: Stats::default(),
    })
}

/// What the list can be ordered by.
pub const ORDER_KEYS: &[OrderKey] = &[
    ("id", "q.id"),
    ("name", "q.name_key"),
    ("description", "q.description"),
    ("query", "q.query"),
    ("author_id", "q.author_id"),
    ("created_at", "q.created_at"),
    ("updated_at", "q.updated_at"),
];

/// The saved queries whose name matches, all or only those that observers can run.
pub fn list(tx: &mut Tx<'_>, options: &ListOptions, only_for_observers: bool) -> Outcome<Vec<Query>> {
    let tail = options.tail(ORDER_KEYS, 3)?;
    let pattern = options.pattern().unwrap_or_else(|| "%".into());
    let sql = format!(
        "{SELECT} WHERE q.saved = 1 AND q.observer_can_run >= $1 AND q.name_key LIKE $2 ESCAPE '\\'{}",
        tail.sql
    );
    let mut values = vec![Value::Int(only_for_observers.into()), Value::Text(&pattern)];
    values.extend(tail.after.as_ref().map(|after| after.value()));
    let mut queries = tx.all(&sql, &values, from_row)?;
    let stats = stats::all(tx, Of::Query)?;
    let mut packs = packs(tx)?;
    for query in &mut queries {
        query.stats = stats.get(&query.id).copied().unwrap_or_default();
        query.packs = packs.remove(&query.id).unwrap_or_default();
        if query.author_id.is_none() {
            query.author_name = GONE.to_owned();
        }
    }
    Ok(queries)
}

/// The query with this id.
pub fn by_id(tx: &mut Tx<'_>, id: u32) -> Outcome<Query> {
    let found = tx.first(&format!("{SELECT} WHERE q.id = $1"), params![id], from_row)?;
    let mut query = found.ok_or_else(|| Fault::not_found("Query", id))?;
    query.stats = stats::stats_of(tx, Of::Query, id)?;
    query.packs = packs(tx)?.remove(&id).unwrap_or_default();
    Ok(query)
}

/// By query, the packs that schedule it.
fn packs(tx: &mut Tx<'_>) -> Outcome<HashMap<u32, Vec<PackHead>>> {
    let heads: HashMap<u32, PackHead> =
        pack::heads_without_teams(tx)?.into_iter().map(|head| (head.id, head)).collect();
    let sql = "SELECT DISTINCT query_id, pack_id FROM scheduled_queries ORDER BY query_id, pack_id";
    let pairs = tx.all(sql, &[], |row| Ok((row.take::<u32>()?, row.take::<u32>()?)))?;
    let mut packs: HashMap<u32, Vec<PackHead>> = HashMap::new();
    for (query, pack) in pairs {
        if let Some(head) = heads.get(&pack) {
            packs.entry(query).or_default().push(head.clone());
        }
    }
    Ok(packs)
}
