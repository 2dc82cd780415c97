//! Labels (the Fleet reference, section 5).

use super::fault::Outcome;
use crate::db::Tx;

/// A dynamic label as agents are asked it.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelQuery {
    pub id: u32,
    /// Empty for all.
    pub platform: String,
    pub query: String,
}

/// Every label whose members agents tell.
pub fn dynamic(tx: &mut Tx<'_>) -> Outcome<Vec<LabelQuery>> {
    let sql = "SELECT id, platform, query FROM labels WHERE label_membership_type = 'dynamic' ORDER BY id";
    Ok(tx
        .all(sql, &[], |row| Ok(LabelQuery { id: row.take()?, platform: row.take()?, query: row.take()? }))?)
}
