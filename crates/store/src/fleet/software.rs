//! Programs that hosts have (the Fleet reference, section 12.3).
//!
//! How many hosts have a program is counted now and then, by [`count_hosts`] and [`store_counts`]: lists do not count.

use schemars::JsonSchema;
use serde::Serialize;

use super::fault::Outcome;
use super::list::{ListOptions, OrderKey, Owned};
use super::time::Time;
use crate::db::{DbResult, Row, Tx, Value};
use crate::params;

/// A program as on the wire.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Software {
    pub id: u32,
    pub name: String,
    pub version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub bundle_identifier: String,
    pub source: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub release: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub vendor: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub arch: String,
    pub generated_cpe: &'static str,
    /// Nothing is known of any.
    pub vulnerabilities: Option<()>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hosts_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_opened_at: Option<Time>,
}

const COLUMNS: &str = "s.id, s.name, s.version, s.bundle_identifier, s.source, s.release, s.vendor, s.arch";

/// What the list can be ordered by.
pub const ORDER_KEYS: &[OrderKey] = &[
    ("id", "s.id"),
    ("hosts_count", "c.hosts_count"),
    ("name", "s.name"),
    ("version", "s.version"),
    ("source", "s.source"),
    ("release", "s.release"),
    ("vendor", "s.vendor"),
    ("arch", "s.arch"),
    ("bundle_identifier", "s.bundle_identifier"),
];

fn from_row(row: &mut Row) -> DbResult<Software> {
    Ok(Software {
        id: row.take()?,
        name: row.take()?,
        version: row.take()?,
        bundle_identifier: row.take()?,
        source: row.take()?,
        release: row.take()?,
        vendor: row.take()?,
        arch: row.take()?,
        generated_cpe: "",
        vulnerabilities: None,
        hosts_count: None,
        last_opened_at: None,
    })
}

/// Which programs a list shows.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Programs of hosts of this team.
    pub team: Option<u32>,
    /// Part of a name.
    pub query: String,
    /// With known vulnerabilities, of which there are none.
    pub vulnerable: bool,
}

/// The condition on `software s JOIN software_counts c`, and its arguments.
fn conditions(wanted: &Wanted) -> (String, Vec<Owned>) {
    let mut sql = "c.team_id = $1 AND c.hosts_count > 0".to_owned();
    let mut arguments = vec![Owned::Int(wanted.team.unwrap_or(0).into())];
    if let Some(pattern) = super::list::pattern(&wanted.query) {
        arguments.push(Owned::Text(pattern));
        sql.push_str(" AND lower(s.name) LIKE $2 ESCAPE '\\'");
    }
    if wanted.vulnerable {
        sql.push_str(" AND 1 = 0");
    }
    (sql, arguments)
}

/// A page of programs, those on the most hosts first unless asked otherwise.
pub fn list(tx: &mut Tx<'_>, wanted: &Wanted, options: &ListOptions) -> Outcome<Vec<Software>> {
    let (sql, mut arguments) = conditions(wanted);
    let mut options = options.clone();
    if options.order_key.is_none() {
        options =
            ListOptions { order_key: Some("hosts_count".into()), descending: true, after: None, ..options };
    }
    let tail = options.tail(ORDER_KEYS, arguments.len() + 1)?;
    let by_count = options.order_key.as_deref().is_some_and(|key| key.ends_with("hosts_count"));
    arguments.extend(match tail.after {
        Some(Owned::Text(text)) if by_count => Some(Owned::Int(
            text.parse().map_err(|_| super::Fault::invalid("after", format!("{text} is not a number")))?,
        )),
        after => after,
    });
    let values: Vec<Value<'_>> = arguments.iter().map(Owned::value).collect();
    let sql = format!(
        "SELECT {COLUMNS}, c.hosts_count FROM software s JOIN software_counts c ON c.software_id = s.id WHERE {sql}{}",
        tail.sql
    );
    Ok(tx.all(&sql, &values, |row| {
        let program = from_row(row)?;
        Ok(Software { hosts_count: row.take()?, ..program })
    })?)
}

/// How many programs fit.
pub fn count(tx: &mut Tx<'_>, wanted: &Wanted) -> Outcome<u64> {
    let (sql, arguments) = conditions(wanted);
    let values: Vec<Value<'_>> = arguments.iter().map(Owned::value).collect();
    let sql =
        format!("SELECT COUNT(*) FROM software s JOIN software_counts c ON c.software_id = s.id WHERE {sql}");
    Ok(tx.value(&sql, &values)?.unwrap_or(0))
}

/// When hosts were last counted.
pub fn counted_at(tx: &mut Tx<'_>, team: Option<u32>) -> Outcome<Option<Time>> {
    let sql = "SELECT MAX(updated_at) FROM software_counts WHERE team_id = $1";
    Ok(tx.value::<Option<Time>>(sql, params![team.unwrap_or(0)])?.flatten())
}

/// The program with this id, if there is one.
pub fn by_id(tx: &mut Tx<'_>, id: u32) -> Outcome<Option<Software>> {
    Ok(tx.first(&format!("SELECT {COLUMNS} FROM software s WHERE s.id = $1"), params![id], from_row)?)
}

/// The programs of a host.
pub fn of_host(tx: &mut Tx<'_>, host: u32) -> Outcome<Vec<Software>> {
    let sql = format!(
        "SELECT {COLUMNS}, h.last_opened_at FROM software s JOIN host_software h ON h.software_id = s.id \
            WHERE h.host_id = $1 ORDER BY s.name, s.version, s.id"
    );
    Ok(tx.all(&sql, params![host], |row| {
        let program = from_row(row)?;
        Ok(Software { last_opened_at: row.take()?, ..program })
    })?)
}

/// Hosts that have a program: of one team, or of all (0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostsCount {
    pub software_id: u32,
    pub team_id: u32,
    pub hosts_count: i64,
}

/// Counts the hosts of every program.
pub fn count_hosts(tx: &mut Tx<'_>) -> Outcome<Vec<HostsCount>> {
    let make = |row: &mut Row| {
        Ok(HostsCount { software_id: row.take()?, team_id: row.take()?, hosts_count: row.take()? })
    };
    let mut all =
        tx.all("SELECT software_id, 0, COUNT(*) FROM host_software GROUP BY software_id", &[], make)?;
    let of_teams = "SELECT s.software_id, h.team_id, COUNT(*) FROM host_software s JOIN hosts h ON h.id = s.host_id \
        WHERE h.team_id IS NOT NULL GROUP BY s.software_id, h.team_id";
    all.extend(tx.all(of_teams, &[], make)?);
    Ok(all)
}

/// Replaces all counts, and drops programs that no host has any more.
pub fn store_counts(tx: &mut Tx<'_>, counts: &[HostsCount]) -> Outcome<()> {
    let now = Time::now();
    tx.execute("DELETE FROM software_counts", &[])?;
    let unused = "DELETE FROM software WHERE NOT EXISTS \
        (SELECT 1 FROM host_software h WHERE h.software_id = software.id)";
    tx.execute(unused, &[])?;
    for count in counts {
        let sql = "INSERT INTO software_counts (software_id, team_id, hosts_count, updated_at) \
            SELECT s.id, $2, $3, $4 FROM software s WHERE s.id = $1";
        tx.execute(sql, params![count.software_id, count.team_id, count.hosts_count, now])?;
    }
    Ok(())
}
