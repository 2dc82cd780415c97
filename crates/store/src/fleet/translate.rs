//! Names into numbers (the Fleet reference, section 12.4).

use super::fault::{Fault, Outcome};
use super::name::key;
use super::visible::Visible;
use crate::db::Tx;
use crate::params;

/// The label of this name.
pub fn label(tx: &mut Tx<'_>, name: &str) -> Outcome<u32> {
    let found = tx.value("SELECT id FROM labels WHERE name_key = $1", params![key(name)])?;
    found.ok_or_else(|| Fault::not_found("Label", name))
}

/// The visible host that this names: by the agent's own identifier, the UUID, or the name; the first one of that name.
pub fn host(tx: &mut Tx<'_>, identifier: &str, visible: &Visible) -> Outcome<Option<u32>> {
    for column in ["osquery_host_id", "uuid", "hostname"] {
        let sql = format!(
            "SELECT id FROM hosts WHERE {column} = $1 AND {} ORDER BY id LIMIT 1",
            visible.condition("team_id")
        );
        let found = tx.value(&sql, params![identifier])?;
        if found.is_some() && !identifier.is_empty() {
            return Ok(found);
        }
    }
    Ok(None)
}
