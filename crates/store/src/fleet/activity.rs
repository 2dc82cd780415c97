//! Activities: what users did (the Fleet reference, section 12.2).

use serde_json::Value as Json;

use super::fault::Outcome;
use super::time::Time;
use crate::db::Tx;
use crate::params;

/// Notes what a user did, in the transaction that does it. `by` is the user's id and name.
pub fn record(tx: &mut Tx<'_>, by: (u32, &str), kind: &str, details: &Json) -> Outcome<()> {
    let sql =
        "INSERT INTO activities (created_at, user_id, user_name, type, details) VALUES ($1, $2, $3, $4, $5)";
    tx.execute(sql, params![Time::now(), by.0, by.1, kind, details.to_string()])?;
    Ok(())
}
