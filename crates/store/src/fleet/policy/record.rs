//! Policies as the API shows them.

use schemars::JsonSchema;
use serde::Serialize;

use crate::db::{DbResult, Row, Tx};
use crate::fleet::fault::{Fault, Outcome};
use crate::fleet::time::Time;
use crate::fleet::visible::Visible;
use crate::params;

/// A policy as on the wire.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Policy {
    pub id: u32,
    pub name: String,
    pub query: String,
    pub description: String,
    pub author_id: Option<u32>,
    /// `<deleted>` when the author is gone.
    pub author_name: String,
    pub author_email: String,
    /// Null for policies of all hosts.
    pub team_id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<String>,
    /// `windows`, `linux` and `darwin`, separated by commas; empty for all.
    pub platform: String,
    pub created_at: Time,
    pub updated_at: Time,
    /// Of the hosts that the caller sees, as the next.
    pub passing_host_count: u64,
    pub failing_host_count: u64,
}

/// What shows in place of an author who is gone.
const GONE: &str = "<deleted>";

fn select(visible: &Visible) -> String {
    let of_visible = match visible {
        Visible::All => String::new(),
        some => {
            format!(" AND m.host_id IN (SELECT h.id FROM hosts h WHERE {})", some.condition("h.team_id"))
        }
    };
    let count = |passes: u8| {
        format!(
            "(SELECT COUNT(*) FROM policy_membership m WHERE m.policy_id = p.id AND m.passes = {passes}{of_visible})"
        )
    };
    format!(
        "SELECT p.id, p.name, p.query, p.description, p.author_id, u.name, u.email, p.team_id, p.resolution, \
            p.platform, p.created_at, p.updated_at, {}, {} FROM policies p LEFT JOIN users u ON u.id = p.author_id",
        count(1),
        count(0)
    )
}

fn from_row(row: &mut Row) -> DbResult<Policy> {
    Ok(Policy {
        id: row.take()?,
        name: row.take()?,
        query: row.take()?,
        description: row.take()?,
        author_id: row.take()?,
        author_name: row.take::<Option<String>>()?.unwrap_or_else(|| GONE.to_owned()),
        author_email: row.take::<Option<String>>()?.unwrap_or_default(),
        team_id: row.take()?,
        resolution: row.take()?,
        platform: row.take()?,
        created_at: row.take()?,
        updated_at: row.take()?,
        passing_host_count: row.take()?,
        failing_host_count: row.take()?,
    })
}

/// The policies of a team, or those of all hosts, by id.
pub fn list(tx: &mut Tx<'_>, team_id: Option<u32>, visible: &Visible) -> Outcome<Vec<Policy>> {
    let sql =
        format!("{} WHERE p.team_id = $1 OR ($2 = 1 AND p.team_id IS NULL) ORDER BY p.id", select(visible));
    Ok(tx.all(&sql, params![team_id, team_id.is_none()], from_row)?)
}

/// The policy with this id.
pub fn by_id(tx: &mut Tx<'_>, id: u32, visible: &Visible) -> Outcome<Policy> {
    let sql = format!("{} WHERE p.id = $1", select(visible));
    tx.first(&sql, params![id], from_row)?.ok_or_else(|| Fault::not_found("Policy", id))
}
