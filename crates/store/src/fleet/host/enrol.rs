//! Enrolment: an agent with a good secret becomes a host, or the host it was before (the osquery reference, section 3).

use super::{Host, Time};
use crate::db::Tx;
use crate::fleet::fault::Outcome;
use crate::params;

/// What an agent says of itself, checked by the caller.
#[derive(Clone, Debug)]
pub struct Enrolment {
    /// How the agent names itself, not empty.
    pub identifier: String,
    /// The hash of its new node key.
    pub node_key_hash: Vec<u8>,
    /// The team of the secret.
    pub team_id: Option<u32>,
    /// Refuse when the last enrolment was less than so many seconds ago; 0 never refuses.
    pub cooldown: i64,
}

/// The label that every host is in.
const ALL_HOSTS: u32 = 6;

/// The host, and whether it is new; `None` when it enrolled a moment ago.
pub fn enrol(tx: &mut Tx<'_>, enrolment: &Enrolment) -> Outcome<Option<(Host, bool)>> {
    let now = Time::now();
    let known = tx.first(
        "SELECT id, last_enrolled_at FROM hosts WHERE osquery_host_id = $1",
        params![enrolment.identifier],
        |row| Ok((row.take::<u32>()?, row.take::<Time>()?)),
    )?;
    let id = match known {
        Some((_, last)) if enrolment.cooldown > 0 && last.plus_seconds(enrolment.cooldown) > now => {
            return Ok(None);
        }
        Some((id, _)) => {
            // A secret of no team does not take a host out of its team.
            let sql = "UPDATE hosts SET node_key_hash = $2, team_id = COALESCE($3, team_id), last_enrolled_at = $4, \
                seen_time = $4, updated_at = $4 WHERE id = $1";
            tx.execute(sql, params![id, enrolment.node_key_hash, enrolment.team_id, now])?;
            id
        }
        None => insert(tx, enrolment, now)?,
    };
    tx.execute(
        "INSERT INTO label_membership (label_id, host_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        params![ALL_HOSTS, id],
    )?;
    Ok(Some((super::by_id(tx, id)?, known.is_none())))
}

fn insert(tx: &mut Tx<'_>, enrolment: &Enrolment, now: Time) -> Outcome<u32> {
    let sql = "INSERT INTO hosts (created_at, updated_at, osquery_host_id, node_key_hash, seen_time, \
        detail_updated_at, label_updated_at, policy_updated_at, last_enrolled_at, team_id) \
        VALUES ($1, $1, $2, $3, $1, $4, $4, $4, $1, $5) RETURNING id";
    let values = params![now, enrolment.identifier, enrolment.node_key_hash, Time::NEVER, enrolment.team_id];
    Ok(tx.value(sql, values)?.unwrap_or_default())
}
