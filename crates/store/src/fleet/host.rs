//! Hosts: what agents told of themselves, and when (the Fleet reference, section 4).

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use super::fault::{Fault, Outcome};
use super::time::Time;
use super::visible::Visible;
use crate::db::{DbResult, Row, Tx};
use crate::params;

mod change;
mod detail;
mod enrol;
mod filter;
mod ingest;
mod macadmins;
mod more;
mod page;
mod status;
mod summary;

pub use change::{delete, delete_unanswered, lives, transfer, unseen_since};
pub use detail::{Detail, DeviceMapping, HostLabel, HostPolicy, detail, device_mapping};
pub use enrol::{Enrolment, enrol};
pub use filter::{Filter, Moment, StatusFilter, label_exists};
pub use ingest::{Facts, label_results, policy_results, save_additional, save_facts, seen};
pub use macadmins::{Aggregated, MacAdmins, aggregated_macadmins, macadmins};
pub use more::{HostUser, Inventory, Mdm, More, Software, save_more};
pub use page::{AdditionalNames, ORDER_KEYS, With, count, device_mappings, ids, list};
pub use status::{Counts, Status, status};
pub use summary::{OsVersion, PlatformCount, Summary, os_versions, summary};

/// A host as on the wire, as far as its own row tells.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Host {
    pub created_at: Time,
    pub updated_at: Time,
    pub id: u32,
    pub detail_updated_at: Time,
    pub label_updated_at: Time,
    pub policy_updated_at: Time,
    pub last_enrolled_at: Time,
    pub seen_time: Time,
    pub refetch_requested: bool,
    pub hostname: String,
    pub uuid: String,
    pub platform: String,
    pub osquery_version: String,
    pub os_version: String,
    pub build: String,
    pub platform_like: String,
    pub code_name: String,
    /// Nanoseconds.
    pub uptime: i64,
    /// Bytes.
    pub memory: i64,
    pub cpu_type: String,
    pub cpu_subtype: String,
    pub cpu_brand: String,
    pub cpu_physical_cores: i64,
    pub cpu_logical_cores: i64,
    pub hardware_vendor: String,
    pub hardware_model: String,
    pub hardware_version: String,
    pub hardware_serial: String,
    pub computer_name: String,
    pub public_ip: String,
    pub primary_ip: String,
    pub primary_mac: String,
    /// Seconds, as this and the next two.
    pub distributed_interval: u32,
    pub config_tls_refresh: u32,
    pub logger_tls_period: u32,
    pub team_id: Option<u32>,
    pub team_name: Option<String>,
    /// Always null in lists; details fill it.
    pub pack_stats: Option<Vec<serde_json::Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional: Option<Box<RawValue>>,
    pub gigs_disk_space_available: f64,
    pub percent_disk_space_available: f64,
    pub issues: Issues,
    /// How the agent names itself; never shown.
    #[serde(skip)]
    pub osquery_host_id: String,
}

/// How many policies a host fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Issues {
    pub total_issues_count: u64,
    pub failing_policies_count: u64,
}

/// The columns of [`Host`], of `hosts h` left joined with `teams t`. Queries of lists go on from here.
pub const COLUMNS: &str = "h.created_at, h.updated_at, h.id, h.detail_updated_at, h.label_updated_at, \
    h.policy_updated_at, h.last_enrolled_at, h.seen_time, h.refetch_requested, h.hostname, h.uuid, h.platform, \
    h.osquery_version, h.os_version, h.build, h.platform_like, h.code_name, h.uptime, h.memory, h.cpu_type, \
    h.cpu_subtype, h.cpu_brand, h.cpu_physical_cores, h.cpu_logical_cores, h.hardware_vendor, h.hardware_model, \
    h.hardware_version, h.hardware_serial, h.computer_name, h.public_ip, h.primary_ip, h.primary_mac, \
    h.distributed_interval, h.config_tls_refresh, h.logger_tls_period, h.team_id, t.name, \
    h.gigs_disk_space_available, h.percent_disk_space_available, h.osquery_host_id";

/// Where the columns come from.
pub const FROM: &str = "hosts h LEFT JOIN teams t ON t.id = h.team_id";

/// A host from the columns of [`COLUMNS`]; `additional` and `issues` are left to those who ask for them.
pub fn from_row(row: &mut Row) -> DbResult<Host> {
    Ok(Host {
        created_at: row.take()?,
        updated_at: row.take()?,
        id: row.take()?,
        detail_updated_at: row.take()?,
        label_updated_at: row.take()?,
        policy_updated_at: row.take()?,
        last_enrolled_at: row.take()?,
        seen_time: row.take()?,
        refetch_requested: row.take()?,
        hostname: row.take()?,
        uuid: row.take()?,
        platform: row.take()?,
        osquery_version: row.take()?,
        os_version: row.take()?,
        build: row.take()?,
        platform_like: row.take()?,
        code_name: row.take()?,
        uptime: row.take()?,
        memory: row.take()?,
        cpu_type: row.take()?,
        cpu_subtype: row.take()?,
        cpu_brand: row.take()?,
        cpu_physical_cores: row.take()?,
        cpu_logical_cores: row.take()?,
        hardware_vendor: row.take()?,
        hardware_model: row.take()?,
        hardware_version: row.take()?,
        hardware_serial: row.take()?,
        computer_name: row.take()?,
        public_ip: row.take()?,
        primary_ip: row.take()?,
        primary_mac: row.take()?,
        distributed_interval: row.take()?,
        config_tls_refresh: row.take()?,
        logger_tls_period: row.take()?,
        team_id: row.take()?,
        team_name: row.take()?,
        pack_stats: None,
        additional: None,
        gigs_disk_space_available: row.take()?,
        percent_disk_space_available: row.take()?,
        issues: Issues::default(),
        osquery_host_id: row.take()?,
    })
}

/// The host with this id.
pub fn by_id(tx: &mut Tx<'_>, id: u32) -> Outcome<Host> {
    let sql = format!("SELECT {COLUMNS} FROM {FROM} WHERE h.id = $1");
    tx.first(&sql, params![id], from_row)?.ok_or_else(|| Fault::not_found("Host", id))
}

/// The ids of all hosts that count for a caller.
pub fn visible_ids(tx: &mut Tx<'_>, visible: &Visible) -> Outcome<Vec<u32>> {
    Ok(tx.values(&format!("SELECT id FROM hosts WHERE {}", visible.condition("team_id")), &[])?)
}

/// The hosts of this identifier: hostname, UUID, serial number, node key, or as the agent names itself.
pub fn by_identifier(tx: &mut Tx<'_>, identifier: &str) -> Outcome<Vec<Host>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM {FROM} WHERE h.hostname = $1 OR h.uuid = $1 OR h.hardware_serial = $1 \
            OR h.osquery_host_id = $1 OR h.node_key_hash = $2 ORDER BY h.id"
    );
    if identifier.is_empty() {
        return Ok(Vec::new());
    }
    Ok(tx.all(&sql, params![identifier, super::token::hash(identifier)], from_row)?)
}

/// The host whose node key has this hash.
pub fn by_node_key(tx: &mut Tx<'_>, hash: &[u8]) -> Outcome<Option<Host>> {
    let sql = format!("SELECT {COLUMNS} FROM {FROM} WHERE h.node_key_hash = $1");
    Ok(tx.first(&sql, params![hash], from_row)?)
}

/// Asks the agent for all details at its next contact.
pub fn request_refetch(tx: &mut Tx<'_>, id: u32) -> Outcome<()> {
    tx.execute("UPDATE hosts SET refetch_requested = 1 WHERE id = $1", params![id])?;
    Ok(())
}
