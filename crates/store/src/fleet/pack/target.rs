//! What packs are aimed at: labels, hosts and teams.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use crate::db::{DbResult, Tx};
use crate::fleet::fault::{Fault, Outcome};
use crate::params;

/// A kind of target; the number is what the database holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TargetKind {
    Label = 0,
    Host = 1,
    Team = 2,
}

/// One target as on the wire.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Target {
    #[serde(rename = "type")]
    pub kind: TargetKind,
    pub id: u32,
    pub display_text: String,
}

impl TargetKind {
    fn table(self) -> (&'static str, &'static str) {
        match self {
            Self::Label => ("labels", "name"),
            Self::Host => ("hosts", "hostname"),
            Self::Team => ("teams", "name"),
        }
    }

    fn field(self) -> &'static str {
        match self {
            Self::Label => "label_ids",
            Self::Host => "host_ids",
            Self::Team => "team_ids",
        }
    }
}

/// The targets of one kind, by id.
pub fn of_pack(tx: &mut Tx<'_>, pack_id: u32, kind: TargetKind) -> DbResult<Vec<Target>> {
    let (table, name) = kind.table();
    let sql = format!(
        "SELECT o.id, o.{name} FROM pack_targets t JOIN {table} o ON o.id = t.target_id \
            WHERE t.pack_id = $1 AND t.kind = $2 ORDER BY o.id"
    );
    tx.all(&sql, params![pack_id, kind as i32], |row| {
        Ok(Target { kind, id: row.take()?, display_text: row.take()? })
    })
}

/// Replaces the targets of one kind. All of them must be there.
pub fn replace(tx: &mut Tx<'_>, pack_id: u32, kind: TargetKind, ids: &[u32]) -> Outcome<()> {
    tx.execute("DELETE FROM pack_targets WHERE pack_id = $1 AND kind = $2", params![pack_id, kind as i32])?;
    let (table, _) = kind.table();
    for id in ids.iter().collect::<BTreeSet<_>>() {
        let sql = format!(
            "INSERT INTO pack_targets (pack_id, kind, target_id) SELECT $1, $2, id FROM {table} WHERE id = $3"
        );
        if tx.execute(&sql, params![pack_id, kind as i32, id])? == 0 {
            return Err(Fault::invalid(kind.field(), format!("there is none with the id {id}")));
        }
    }
    Ok(())
}

/// Takes something that is deleted out of the targets of all packs.
pub fn forget_target(tx: &mut Tx<'_>, kind: TargetKind, id: u32) -> Outcome<()> {
    tx.execute("DELETE FROM pack_targets WHERE kind = $1 AND target_id = $2", params![kind as i32, id])?;
    Ok(())
}

/// How many hosts the targets mean, each counted once.
pub fn count_hosts(tx: &mut Tx<'_>, pack_id: u32) -> DbResult<u64> {
    let sql = "SELECT COUNT(*) FROM ( \
        SELECT m.host_id FROM pack_targets t JOIN label_membership m ON m.label_id = t.target_id \
            WHERE t.pack_id = $1 AND t.kind = 0 \
        UNION SELECT h.id FROM pack_targets t JOIN hosts h ON h.id = t.target_id WHERE t.pack_id = $1 AND t.kind = 1 \
        UNION SELECT h.id FROM pack_targets t JOIN hosts h ON h.team_id = t.target_id \
            WHERE t.pack_id = $1 AND t.kind = 2) all_of_them";
    Ok(tx.value(sql, params![pack_id])?.unwrap_or(0))
}
