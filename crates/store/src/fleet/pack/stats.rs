//! What hosts reported about the queries of their packs (the Fleet reference, section 4.1).

use schemars::JsonSchema;
use serde::Serialize;

use super::APPLIES;
use crate::db::{DbResult, Row, Tx};
use crate::fleet::fault::Outcome;
use crate::fleet::host::Host;
use crate::fleet::time::Time;
use crate::params;

/// The queries of one pack on one host, as on the wire.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PackStats {
    pub pack_id: u32,
    pub pack_name: String,
    /// `global`, `team-<id>`, or `pack` for packs of users.
    #[serde(rename = "type")]
    pub kind: String,
    pub query_stats: Vec<QueryStats>,
}

/// One query on one host; all zero when it never ran there.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct QueryStats {
    pub scheduled_query_name: String,
    pub scheduled_query_id: u32,
    pub query_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    pub pack_name: String,
    pub pack_id: u32,
    /// Bytes.
    pub average_memory: i64,
    pub denylisted: bool,
    pub executions: i64,
    /// Seconds.
    pub interval: u32,
    pub last_executed: Time,
    pub output_size: i64,
    /// Milliseconds, all executions together; `wall_time` is in seconds.
    pub system_time: i64,
    pub user_time: i64,
    pub wall_time: i64,
}

fn from_row(row: &mut Row) -> DbResult<(String, QueryStats)> {
    let kind = row.take::<Option<String>>()?.unwrap_or_else(|| "pack".to_owned());
    let stats = QueryStats {
        pack_id: row.take()?,
        pack_name: row.take()?,
        scheduled_query_id: row.take()?,
        scheduled_query_name: row.take()?,
        query_name: row.take()?,
        description: row.take()?,
        interval: row.take()?,
        average_memory: row.take()?,
        denylisted: row.take()?,
        executions: row.take()?,
        last_executed: row.take()?,
        output_size: row.take()?,
        system_time: row.take()?,
        user_time: row.take()?,
        wall_time: row.take()?,
    };
    Ok((kind, stats))
}

/// The packs that apply to a host, with what it reported of their queries.
pub fn stats_of_host(tx: &mut Tx<'_>, host: &Host) -> Outcome<Vec<PackStats>> {
    let sql = format!(
        "SELECT p.type, p.id, p.name, s.id, s.name, q.name, s.description, s.interval, \
        COALESCE(t.average_memory, 0), COALESCE(t.denylisted, 0), COALESCE(t.executions, 0), \
        COALESCE(t.last_executed, 0), COALESCE(t.output_size, 0), COALESCE(t.system_time, 0), \
        COALESCE(t.user_time, 0), COALESCE(t.wall_time, 0) \
        FROM packs p JOIN scheduled_queries s ON s.pack_id = p.id JOIN queries q ON q.id = s.query_id \
        LEFT JOIN scheduled_query_stats t ON t.scheduled_query_id = s.id AND t.host_id = $1 \
        WHERE {APPLIES} ORDER BY p.id, s.id"
    );
    let mut packs: Vec<PackStats> = Vec::new();
    for (kind, stats) in tx.all(&sql, params![host.id, host.team_id], from_row)? {
        match packs.last_mut().filter(|pack| pack.pack_id == stats.pack_id) {
            Some(pack) => pack.query_stats.push(stats),
            None => packs.push(PackStats {
                pack_id: stats.pack_id,
                pack_name: stats.pack_name.clone(),
                kind,
                query_stats: vec![stats],
            }),
        }
    }
    Ok(packs)
}

/// What a host reported of one query; the time is when it last ran there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    pub average_memory: i64,
    pub denylisted: bool,
    pub executions: i64,
    pub interval: i64,
    /// Seconds since 1970.
    pub last_executed: i64,
    pub output_size: i64,
    pub system_time: i64,
    pub user_time: i64,
    pub wall_time: i64,
}

/// Writes down what a host reported, by the names of pack and entry. Names that are not known are left out.
pub fn report(tx: &mut Tx<'_>, host_id: u32, pack: &str, entry: &str, report: &Report) -> Outcome<()> {
    let sql = "INSERT INTO scheduled_query_stats (host_id, scheduled_query_id, average_memory, denylisted, executions, \
        interval, last_executed, output_size, system_time, user_time, wall_time) \
        SELECT h.id, s.id, $4, $5, $6, $7, $8, $9, $10, $11, $12 FROM hosts h, packs p, scheduled_queries s \
        WHERE h.id = $1 AND p.name = $2 AND s.pack_id = p.id AND s.name = $3 \
        ON CONFLICT (host_id, scheduled_query_id) DO UPDATE SET average_memory = excluded.average_memory, \
        denylisted = excluded.denylisted, executions = excluded.executions, interval = excluded.interval, \
        last_executed = excluded.last_executed, output_size = excluded.output_size, \
        system_time = excluded.system_time, user_time = excluded.user_time, wall_time = excluded.wall_time";
    tx.execute(
        sql,
        params![
            host_id,
            pack,
            entry,
            report.average_memory,
            report.denylisted,
            report.executions,
            report.interval,
            report.last_executed.saturating_mul(1_000_000),
            report.output_size,
            report.system_time,
            report.user_time,
            report.wall_time
        ],
    )?;
    Ok(())
}
