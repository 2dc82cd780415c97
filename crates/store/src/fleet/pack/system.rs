//! The packs behind the global schedule and the schedules of teams (the Fleet reference, sections 7.5 and 7.6).
//!
//! They are made when they are first used. Their names are kept free: packs of users cannot have them.

use super::target::{self, TargetKind};
use crate::db::{DbError, Tx};
use crate::fleet::fault::{Fault, Outcome};
use crate::fleet::name::key;
use crate::fleet::time::Time;
use crate::params;

/// The label that every host is in.
const ALL_HOSTS: u32 = 6;

/// Which schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    Global,
    Team(u32),
}

impl System {
    /// As in the database and on the wire.
    pub fn name(self) -> String {
        match self {
            Self::Global => "global".to_owned(),
            Self::Team(id) => format!("team-{id}"),
        }
    }

    /// The reverse.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("team-") {
            Some(id) => id.parse().ok().map(Self::Team),
            None => (text == "global").then_some(Self::Global),
        }
    }
}

/// Whether a name is kept for the packs behind schedules.
pub fn is_reserved(name: &str) -> bool {
    let key = key(name);
    key == "global" || key.starts_with("team: ")
}

fn pack_name(team: &str) -> String {
    format!("Team: {team}")
}

/// The id of the pack behind a schedule, `None` while nobody used it.
pub fn system_if_used(tx: &mut Tx<'_>, system: System) -> Outcome<Option<u32>> {
    Ok(tx.value("SELECT id FROM packs WHERE type = $1", params![system.name()])?)
}

/// The id of the pack behind a schedule, which is made when missing. The team must be there.
pub fn system(tx: &mut Tx<'_>, system: System) -> Outcome<u32> {
    if let Some(id) = system_if_used(tx, system)? {
        return Ok(id);
    }
    let (name, description, kind, target) = match system {
        System::Global => ("Global".to_owned(), "Global pack", TargetKind::Label, ALL_HOSTS),
        System::Team(id) => {
            let team = crate::fleet::team::by_id(tx, id)?;
            (pack_name(&team.name), "Schedule of the team", TargetKind::Team, id)
        }
    };
    let sql = "INSERT INTO packs (created_at, updated_at, name, name_key, description, type) \
        VALUES ($1, $1, $2, $3, $4, $5) RETURNING id";
    let id = tx
        .value(sql, params![Time::now(), name, key(&name), description, system.name()])
        .map_err(Fault::taken("Pack", &name))?;
    let id = id.ok_or(Fault::Db(DbError::Closed))?;
    target::replace(tx, id, kind, &[target])?;
    Ok(id)
}

/// Renames the pack behind the schedule of a team that was renamed.
pub fn rename_of_team(tx: &mut Tx<'_>, team_id: u32, team: &str) -> Outcome<()> {
    let name = pack_name(team);
    let sql = "UPDATE packs SET name = $2, name_key = $3, updated_at = $4 WHERE type = $1";
    tx.execute(sql, params![System::Team(team_id).name(), name, key(&name), Time::now()])?;
    Ok(())
}

/// Deletes the pack behind the schedule of a team.
pub fn delete_of_team(tx: &mut Tx<'_>, team_id: u32) -> Outcome<()> {
    tx.execute("DELETE FROM packs WHERE type = $1", params![System::Team(team_id).name()])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_as_they_are_written_and_names_are_kept_free() {
        for system in [System::Global, System::Team(12)] {
            assert_eq!(System::parse(&system.name()), Some(system));
        }
        assert_eq!(System::parse("team-x"), None);
        assert!(is_reserved(" GLOBAL ") && is_reserved("team: Blue"));
        assert!(!is_reserved("Global inventory") && !is_reserved("Teams"));
    }
}
