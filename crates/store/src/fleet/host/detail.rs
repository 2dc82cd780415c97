//! What the detail of a host shows besides its row (the Fleet reference, section 4.1).

use serde::Serialize;

use super::more::HostUser;
use super::{Host, Time};
use crate::db::{DbResult, Row, Tx};
use crate::fleet::fault::Outcome;
use crate::fleet::software::{self, Software};
use crate::params;

/// Everything that hangs off a host.
#[derive(Clone, Debug, Serialize)]
pub struct Detail {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub software: Vec<Software>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<HostUser>,
    pub device_mapping: Option<Vec<DeviceMapping>>,
    pub labels: Vec<HostLabel>,
    pub packs: Vec<HostPack>,
    pub policies: Vec<HostPolicy>,
    /// Shown where the row of the host has it.
    #[serde(skip)]
    pub pack_stats: Vec<PackStats>,
    #[serde(skip)]
    pub additional: Option<String>,
}

/// A mail address found on the host, and the program that knew it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeviceMapping {
    pub email: String,
    pub source: String,
}

/// A label.
#[derive(Clone, Debug, Serialize)]
pub struct HostLabel {
    pub created_at: Time,
    pub updated_at: Time,
    pub id: u32,
    pub name: String,
    pub description: String,
    pub query: String,
    pub platform: String,
    pub label_type: String,
    pub label_membership_type: String,
}

/// A pack. Whom else it is aimed at is not for everybody who sees the host.
#[derive(Clone, Debug, Serialize)]
pub struct HostPack {
    pub created_at: Time,
    pub updated_at: Time,
    pub id: u32,
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub platform: String,
    pub disabled: bool,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub labels: [(); 0],
    pub hosts: [(); 0],
    pub teams: [(); 0],
    pub label_ids: [(); 0],
    pub host_ids: [(); 0],
    pub team_ids: [(); 0],
}

/// A policy, and what the host answered.
#[derive(Clone, Debug, Serialize)]
pub struct HostPolicy {
    pub id: u32,
    pub name: String,
    pub query: String,
    pub description: String,
    pub author_id: Option<u32>,
    pub author_name: String,
    pub author_email: String,
    pub team_id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<String>,
    pub platform: String,
    pub created_at: Time,
    pub updated_at: Time,
    /// `pass`, `fail`, or empty while there is no answer.
    pub response: &'static str,
}

/// What the queries of a pack cost the host.
#[derive(Clone, Debug, Serialize)]
pub struct PackStats {
    pub pack_id: u32,
    pub pack_name: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub query_stats: Vec<QueryStats>,
}

/// What a query of a schedule costs: zeros while it never ran.
#[derive(Clone, Debug, Serialize)]
pub struct QueryStats {
    pub scheduled_query_name: String,
    pub scheduled_query_id: u32,
    pub query_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    pub pack_name: String,
    pub pack_id: u32,
    pub average_memory: i64,
    pub denylisted: bool,
    pub executions: i64,
    pub interval: i64,
    pub last_executed: Time,
    pub output_size: i64,
    pub system_time: i64,
    pub user_time: i64,
    pub wall_time: i64,
}

/// Reads all of it. `family` is the platform as policies name it: `linux`, `darwin` or `windows`.
pub fn detail(tx: &mut Tx<'_>, host: &Host, family: &str) -> Outcome<Detail> {
    let packs = packs(tx, host)?;
    let mut pack_stats = Vec::new();
    for pack in &packs {
        pack_stats.push(stats(tx, host.id, pack)?);
    }
    let additional =
        tx.value::<Option<String>>("SELECT additional FROM hosts WHERE id = $1", params![host.id]);
    Ok(Detail {
        software: software::of_host(tx, host.id)?,
        users: users(tx, host.id)?,
        device_mapping: device_mapping(tx, host.id)?,
        labels: labels(tx, host.id)?,
        packs,
        policies: policies(tx, host, family)?,
        pack_stats,
        additional: additional?.flatten(),
    })
}

/// The mail addresses of a host; `None` when there are none.
pub fn device_mapping(tx: &mut Tx<'_>, host: u32) -> Outcome<Option<Vec<DeviceMapping>>> {
    Ok(super::device_mappings(tx, &[host])?.remove(&host))
}

fn users(tx: &mut Tx<'_>, host: u32) -> Outcome<Vec<HostUser>> {
    let sql = "SELECT uid, username, type, groupname, shell FROM host_users WHERE host_id = $1 ORDER BY uid, username";
    Ok(tx.all(sql, params![host], |row| {
        Ok(HostUser {
            uid: row.take()?,
            username: row.take()?,
            kind: row.take()?,
            groupname: row.take()?,
            shell: row.take()?,
        })
    })?)
}

impl HostLabel {
    /// The columns, of `labels l`.
    pub const COLUMNS: &str = "l.created_at, l.updated_at, l.id, l.name, l.description, l.query, l.platform, \
        l.label_type, l.label_membership_type";

    pub fn from_row(row: &mut Row) -> DbResult<Self> {
        Ok(Self {
            created_at: row.take()?,
            updated_at: row.take()?,
            id: row.take()?,
            name: row.take()?,
            description: row.take()?,
            query: row.take()?,
            platform: row.take()?,
            label_type: row.take()?,
            label_membership_type: row.take()?,
        })
    }
}

fn labels(tx: &mut Tx<'_>, host: u32) -> Outcome<Vec<HostLabel>> {
    let sql = format!(
        "SELECT {} FROM labels l JOIN label_membership m ON m.label_id = l.id WHERE m.host_id = $1 ORDER BY l.id",
        HostLabel::COLUMNS
    );
    Ok(tx.all(&sql, params![host], HostLabel::from_row)?)
}

fn packs(tx: &mut Tx<'_>, host: &Host) -> Outcome<Vec<HostPack>> {
    let sql = "SELECT p.created_at, p.updated_at, p.id, p.name, p.description, p.platform, p.disabled, p.type \
        FROM packs p WHERE p.disabled = 0 AND EXISTS (SELECT 1 FROM pack_targets t WHERE t.pack_id = p.id AND ( \
            (t.kind = 0 AND t.target_id IN (SELECT m.label_id FROM label_membership m WHERE m.host_id = $1)) \
            OR (t.kind = 1 AND t.target_id = $1) OR (t.kind = 2 AND t.target_id = $2))) ORDER BY p.id";
    Ok(tx.all(sql, params![host.id, host.team_id.unwrap_or(0)], |row| {
        Ok(HostPack {
            created_at: row.take()?,
            updated_at: row.take()?,
            id: row.take()?,
            name: row.take()?,
            description: row.take()?,
            platform: row.take()?,
            disabled: row.take()?,
            kind: row.take()?,
            labels: [],
            hosts: [],
            teams: [],
            label_ids: [],
            host_ids: [],
            team_ids: [],
        })
    })?)
}

fn stats(tx: &mut Tx<'_>, host: u32, pack: &HostPack) -> Outcome<PackStats> {
    let sql = "SELECT s.name, s.id, q.name, s.description, x.average_memory, x.denylisted, x.executions, x.interval, \
        x.last_executed, x.output_size, x.system_time, x.user_time, x.wall_time \
        FROM scheduled_queries s JOIN queries q ON q.id = s.query_id \
        LEFT JOIN scheduled_query_stats x ON x.scheduled_query_id = s.id AND x.host_id = $1 \
        WHERE s.pack_id = $2 ORDER BY s.id";
    let query_stats = tx.all(sql, params![host, pack.id], |row| {
        let (scheduled_query_name, scheduled_query_id) = (row.take()?, row.take()?);
        let (query_name, description) = (row.take()?, row.take()?);
        let mut number = || row.take::<Option<i64>>().map(Option::unwrap_or_default);
        Ok(QueryStats {
            scheduled_query_name,
            scheduled_query_id,
            query_name,
            description,
            pack_name: pack.name.clone(),
            pack_id: pack.id,
            average_memory: number()?,
            denylisted: number()? != 0,
            executions: number()?,
            interval: number()?,
            last_executed: Time(0).plus_seconds(number()?),
            output_size: number()?,
            system_time: number()?,
            user_time: number()?,
            wall_time: number()?,
        })
    })?;
    let kind = pack.kind.clone().unwrap_or_else(|| "pack".into());
    Ok(PackStats { pack_id: pack.id, pack_name: pack.name.clone(), kind, query_stats })
}

/// The policies that the host is asked, failing ones first.
fn policies(tx: &mut Tx<'_>, host: &Host, family: &str) -> Outcome<Vec<HostPolicy>> {
    let sql = "SELECT p.id, p.name, p.query, p.description, p.author_id, u.name, u.email, p.team_id, p.resolution, \
        p.platform, p.created_at, p.updated_at, m.passes FROM policies p LEFT JOIN users u ON u.id = p.author_id \
        LEFT JOIN policy_membership m ON m.policy_id = p.id AND m.host_id = $1 \
        WHERE p.team_id IS NULL OR p.team_id = $2 ORDER BY p.id";
    let mut all = tx.all(sql, params![host.id, host.team_id.unwrap_or(0)], |row| {
        Ok(HostPolicy {
            id: row.take()?,
            name: row.take()?,
            query: row.take()?,
            description: row.take()?,
            author_id: row.take()?,
            author_name: row.take::<Option<_>>()?.unwrap_or_else(|| "<deleted>".into()),
            author_email: row.take::<Option<_>>()?.unwrap_or_default(),
            team_id: row.take()?,
            resolution: row.take()?,
            platform: row.take()?,
            created_at: row.take()?,
            updated_at: row.take()?,
            response: match row.take::<Option<bool>>()? {
                Some(true) => "pass",
                Some(false) => "fail",
                None => "",
            },
        })
    })?;
    all.retain(|policy| policy.platform.is_empty() || policy.platform.split(',').any(|name| name == family));
    all.sort_by_key(|policy| policy.response != "fail");
    Ok(all)
}
