//! Teams (the Fleet reference, section 8).

use serde::Serialize;
use serde_json::Value as Json;

use super::fault::{Fault, Outcome};
use super::name::key;
use super::time::Time;
use crate::db::{DbResult, Row, Tx};
use crate::params;

/// A team as on the wire, without its lists.
#[derive(Clone, Debug, Serialize)]
pub struct Team {
    pub id: u32,
    pub created_at: Time,
    pub name: String,
    pub description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_options: Option<Json>,
    pub webhook_settings: Json,
    pub user_count: u64,
    pub host_count: u64,
}

const COLUMNS: &str = "t.id, t.created_at, t.name, t.description, t.agent_options, t.webhook_settings, \
    (SELECT COUNT(*) FROM user_teams u WHERE u.team_id = t.id), (SELECT COUNT(*) FROM hosts h WHERE h.team_id = t.id)";

fn from_row(row: &mut Row) -> DbResult<Team> {
    Ok(Team {
        id: row.take()?,
        created_at: row.take()?,
        name: row.take()?,
        description: row.take()?,
        agent_options: row.take::<Option<String>>()?.and_then(|text| serde_json::from_str(&text).ok()),
        webhook_settings: serde_json::from_str(&row.take::<String>()?).unwrap_or_default(),
        user_count: row.take()?,
        host_count: row.take()?,
    })
}

/// The team with this id.
pub fn by_id(tx: &mut Tx<'_>, id: u32) -> Outcome<Team> {
    let sql = format!("SELECT {COLUMNS} FROM teams t WHERE t.id = $1");
    tx.first(&sql, params![id], from_row)?.ok_or_else(|| Fault::not_found("Team", id))
}

/// The team of this name.
pub fn by_name(tx: &mut Tx<'_>, name: &str) -> Outcome<Team> {
    let sql = format!("SELECT {COLUMNS} FROM teams t WHERE t.name_key = $1");
    tx.first(&sql, params![key(name)], from_row)?.ok_or_else(|| Fault::not_found("Team", name))
}
