//! Hosts that go, and hosts that change their team (the Fleet reference, sections 4.3 and 4.4).

use super::Time;
use crate::db::Tx;
use crate::fleet::fault::{Fault, Outcome};
use crate::params;

/// The team of a host, or that there is no such host.
pub fn lives(tx: &mut Tx<'_>, id: u32) -> Outcome<Option<u32>> {
    let found = tx.value::<Option<u32>>("SELECT team_id FROM hosts WHERE id = $1", params![id])?;
    found.ok_or_else(|| Fault::not_found("Host", id))
}

/// Deletes hosts and everything that hangs off them. Carves stay.
pub fn delete(tx: &mut Tx<'_>, ids: &[u32]) -> Outcome<()> {
    for id in ids {
        tx.execute("DELETE FROM hosts WHERE id = $1", params![id])?;
        tx.execute("DELETE FROM pack_targets WHERE kind = 1 AND target_id = $1", params![id])?;
    }
    Ok(())
}

/// Gives hosts to a team, or to none. What they answered to policies of their old team is dropped.
pub fn transfer(tx: &mut Tx<'_>, ids: &[u32], team: Option<u32>) -> Outcome<()> {
    let now = Time::now();
    for id in ids {
        tx.execute("UPDATE hosts SET team_id = $2, updated_at = $3 WHERE id = $1", params![id, team, now])?;
        let sql = "DELETE FROM policy_membership WHERE host_id = $1 AND policy_id IN \
            (SELECT p.id FROM policies p WHERE p.team_id IS NOT NULL AND p.team_id <> $2)";
        tx.execute(sql, params![id, team.unwrap_or(0)])?;
    }
    Ok(())
}

/// Deletes hosts that enrolled before `before` and never told their hostname and version; gives their ids.
pub fn delete_unanswered(tx: &mut Tx<'_>, before: Time) -> Outcome<Vec<u32>> {
    let sql = "SELECT id FROM hosts WHERE hostname = '' AND osquery_version = '' AND created_at <= $1";
    let ids = tx.values(sql, params![before])?;
    delete(tx, &ids)?;
    Ok(ids)
}

/// Hosts whose last contact that is written down is before `before`.
pub fn unseen_since(tx: &mut Tx<'_>, before: Time) -> Outcome<Vec<u32>> {
    Ok(tx.values("SELECT id FROM hosts WHERE seen_time < $1 ORDER BY id", params![before])?)
}
