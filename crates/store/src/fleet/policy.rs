//! Policies (the Fleet reference, section 9).

use super::fault::Outcome;
use crate::db::Tx;

/// A policy as agents are asked it.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyQuery {
    pub id: u32,
    pub team_id: Option<u32>,
    /// `windows`, `linux` and `darwin`, separated by commas; empty for all.
    pub platform: String,
    pub query: String,
}

/// Every policy.
pub fn queries(tx: &mut Tx<'_>) -> Outcome<Vec<PolicyQuery>> {
    Ok(tx.all("SELECT id, team_id, platform, query FROM policies ORDER BY id", &[], |row| {
        Ok(PolicyQuery { id: row.take()?, team_id: row.take()?, platform: row.take()?, query: row.take()? })
    })?)
}
