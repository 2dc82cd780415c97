//! What the detail of a host shows besides its row (the Fleet reference, section 4.1).

use schemars::JsonSchema;
use serde::Serialize;

use super::more::HostUser;
use super::{Host, Time};
use crate::db::{DbResult, Row, Tx};
use crate::fleet::fault::Outcome;
use crate::fleet::pack;
use crate::fleet::software::{self, Software};
use crate::params;

/// Everything that hangs off a host.
#[derive(Clone, Debug, Serialize, JsonSchema)]
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
    pub pack_stats: Vec<pack::PackStats>,
    #[serde(skip)]
    pub additional: Option<String>,
}

/// A mail address found on the host, and the program that knew it.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct DeviceMapping {
    pub email: String,
    pub source: String,
}

/// A label.
#[derive(Clone, Debug, Serialize, JsonSchema)]
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
#[derive(Clone, Debug, Serialize, JsonSchema)]
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
#[derive(Clone, Debug, Serialize, JsonSchema)]
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

/// Reads all of it. `family` is the platform as policies name it: `linux`, `darwin` or `windows`.
pub fn detail(tx: &mut Tx<'_>, host: &Host, family: &str) -> Outcome<Detail> {
    let additional =
        tx.value::<Option<String>>("SELECT additional FROM hosts WHERE id = $1", params![host.id]);
    Ok(Detail {
        software: software::of_host(tx, host.id)?,
        users: users(tx, host.id)?,
        device_mapping: device_mapping(tx, host.id)?,
        labels: labels(tx, host.id)?,
        packs: packs(tx, host)?,
        policies: policies(tx, host, family)?,
        pack_stats: pack::stats_of_host(tx, host)?,
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
    let sql = format!(
        "SELECT p.created_at, p.updated_at, p.id, p.name, p.description, p.platform, p.disabled, p.type \
        FROM packs p WHERE {} ORDER BY p.id",
        pack::APPLIES
    );
    Ok(tx.all(&sql, params![host.id, host.team_id], |row| {
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
