//! Campaigns: live queries that were begun (the Fleet reference, section 11).

use super::fault::{Fault, Outcome};
use super::time::Time;
use super::visible::Visible;
use crate::db::{DbError, Tx};
use crate::params;

/// What a campaign is aimed at, by id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selected {
    pub hosts: Vec<u32>,
    pub labels: Vec<u32>,
    pub teams: Vec<u32>,
}

/// A host as a campaign knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    pub host_id: u32,
    pub hostname: String,
    pub created_at: Time,
    pub seen_time: Time,
    pub distributed_interval: u32,
    pub config_tls_refresh: u32,
}

/// The state of a campaign as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Waiting = 0,
    Running = 1,
    Complete = 2,
}

fn numbers(ids: &[u32]) -> String {
    // Zero is no id, and keeps the list from being empty.
    ids.iter().fold("0".to_owned(), |list, id| format!("{list}, {id}"))
}

/// The hosts that a selection means: listed ones, members of labels, hosts of teams; each once, and only visible ones.
pub fn targets(tx: &mut Tx<'_>, selected: &Selected, visible: &Visible) -> Outcome<Vec<Target>> {
    let sql = format!(
        "SELECT h.id, h.hostname, h.created_at, h.seen_time, h.distributed_interval, h.config_tls_refresh FROM hosts h \
            WHERE (h.id IN ({}) OR h.team_id IN ({}) \
            OR EXISTS (SELECT 1 FROM label_membership m WHERE m.host_id = h.id AND m.label_id IN ({}))) \
            AND {} ORDER BY h.id",
        numbers(&selected.hosts),
        numbers(&selected.teams),
        numbers(&selected.labels),
        visible.condition("h.team_id"),
    );
    Ok(tx.all(&sql, &[], |row| {
        Ok(Target {
            host_id: row.take()?,
            hostname: row.take()?,
            created_at: row.take()?,
            seen_time: row.take()?,
            distributed_interval: row.take()?,
            config_tls_refresh: row.take()?,
        })
    })?)
}

/// The ids of hosts with these names: host names, UUIDs, serial numbers, or as the agent names itself.
pub fn hosts_named(tx: &mut Tx<'_>, names: &[String]) -> Outcome<Vec<u32>> {
    let sql = "SELECT id FROM hosts WHERE hostname = $1 OR uuid = $1 OR hardware_serial = $1 OR osquery_host_id = $1";
    named(tx, names, sql, |name| name.to_owned())
}

/// The ids of labels with these names.
pub fn labels_named(tx: &mut Tx<'_>, names: &[String]) -> Outcome<Vec<u32>> {
    named(tx, names, "SELECT id FROM labels WHERE name_key = $1", super::name::key)
}

/// The ids of teams with these names.
pub fn teams_named(tx: &mut Tx<'_>, names: &[String]) -> Outcome<Vec<u32>> {
    named(tx, names, "SELECT id FROM teams WHERE name_key = $1", super::name::key)
}

fn named(
    tx: &mut Tx<'_>,
    names: &[String],
    sql: &str,
    as_compared: impl Fn(&str) -> String,
) -> Outcome<Vec<u32>> {
    let mut ids = Vec::new();
    for name in names.iter().filter(|name| !name.is_empty()) {
        ids.extend(tx.values::<u32>(sql, params![as_compared(name)])?);
    }
    Ok(ids)
}

/// Begins a campaign; gives its id.
pub fn create(tx: &mut Tx<'_>, query_id: u32, user_id: u32, targets_count: u32) -> Outcome<u32> {
    let sql = "INSERT INTO campaigns (created_at, updated_at, query_id, status, user_id, targets_count) \
        VALUES ($1, $1, $2, 0, $3, $4) RETURNING id";
    let id = tx.value(sql, params![Time::now(), query_id, user_id, targets_count])?;
    id.ok_or(Fault::Db(DbError::Closed))
}

/// Notes how far a campaign is.
pub fn set_state(tx: &mut Tx<'_>, id: u32, state: State) -> Outcome<()> {
    let sql = "UPDATE campaigns SET status = $2, updated_at = $3 WHERE id = $1";
    tx.execute(sql, params![id, state as i32, Time::now()])?;
    Ok(())
}

/// The campaign's user, unless there is no such campaign.
pub fn user_of(tx: &mut Tx<'_>, id: u32) -> Outcome<Option<u32>> {
    Ok(tx.value("SELECT user_id FROM campaigns WHERE id = $1", params![id])?)
}

/// Ends what a server left behind: nobody reads the results of its campaigns any more.
pub fn complete_all(tx: &mut Tx<'_>) -> Outcome<u64> {
    let sql = "UPDATE campaigns SET status = 2, updated_at = $1 WHERE status < 2";
    Ok(tx.execute(sql, params![Time::now()])?)
}
