//! Specs of packs (the Fleet reference, section 7.3).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::record::{self, NewPack};
use super::scheduled::{self, NewScheduled};
use super::system::is_reserved;
use super::target::{self, TargetKind};
use crate::db::{DbResult, Row, Tx};
use crate::fleet::fault::{Fault, Outcome};
use crate::fleet::json::or_default;
use crate::fleet::name::key;
use crate::fleet::{label, query, team};
use crate::params;

/// A pack as files describe it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct PackSpec {
    /// Told, but not asked: packs are matched by name.
    #[serde(skip_deserializing)]
    pub id: u32,
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub platform: String,
    #[serde(default, deserialize_with = "or_default")]
    pub disabled: bool,
    #[serde(default, deserialize_with = "or_default")]
    pub targets: Targets,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub queries: Vec<Entry>,
}

/// Names; null when there are none.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Targets {
    #[serde(default)]
    pub labels: Option<Vec<String>>,
    #[serde(default)]
    pub teams: Option<Vec<String>>,
}

/// A query of the pack.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// The name of a stored query.
    #[serde(default, deserialize_with = "or_default")]
    pub query: String,
    /// Of the entry; the query's when it is not given.
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub description: String,
    /// Seconds.
    #[serde(default, deserialize_with = "or_default")]
    pub interval: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denylist: Option<bool>,
}

const COLUMNS: &str = "id, name, description, platform, disabled";

fn from_row(row: &mut Row) -> DbResult<PackSpec> {
    Ok(PackSpec {
        id: row.take()?,
        name: row.take()?,
        description: row.take()?,
        platform: row.take()?,
        disabled: row.take()?,
        ..PackSpec::default()
    })
}

/// The specs of all packs of users, by id.
pub fn specs(tx: &mut Tx<'_>) -> Outcome<Vec<PackSpec>> {
    let sql = format!("SELECT {COLUMNS} FROM packs WHERE type IS NULL ORDER BY id");
    let all = tx.all(&sql, &[], from_row)?;
    all.into_iter().map(|spec| filled(tx, spec)).collect()
}

/// The spec of the pack of this name, unless it is behind a schedule.
pub fn spec_named(tx: &mut Tx<'_>, name: &str) -> Outcome<Option<PackSpec>> {
    let sql = format!("SELECT {COLUMNS} FROM packs WHERE type IS NULL AND name_key = $1");
    let found = tx.first(&sql, params![key(name)], from_row)?;
    found.map(|spec| filled(tx, spec)).transpose()
}

fn filled(tx: &mut Tx<'_>, mut spec: PackSpec) -> Outcome<PackSpec> {
    let mut names = |kind| -> Outcome<Option<Vec<String>>> {
        let targets = target::of_pack(tx, spec.id, kind)?;
        let names: Vec<String> = targets.into_iter().map(|target| target.display_text).collect();
        Ok(Some(names).filter(|names| !names.is_empty()))
    };
    spec.targets = Targets { labels: names(TargetKind::Label)?, teams: names(TargetKind::Team)? };
    let entries = scheduled::list(tx, Some(spec.id), &Default::default())?;
    spec.queries = entries
        .into_iter()
        .map(|entry| Entry {
            query: entry.query_name,
            name: entry.name,
            description: entry.description,
            interval: entry.interval,
            snapshot: entry.snapshot,
            removed: entry.removed,
            shard: entry.shard,
            platform: entry.platform,
            version: entry.version,
            denylist: entry.denylist,
        })
        .collect();
    Ok(spec)
}

/// Makes or replaces the pack that a spec names; gives its id, `None` when the name is one of a schedule. Hosts among the
/// targets stay, as specs cannot name them.
pub fn apply(tx: &mut Tx<'_>, spec: &PackSpec) -> Outcome<Option<u32>> {
    if spec.name.trim().is_empty() {
        return Err(Fault::invalid("name", "pack name must not be empty"));
    }
    if is_reserved(&spec.name) {
        return Ok(None);
    }
    let new = NewPack {
        name: spec.name.clone(),
        description: spec.description.clone(),
        platform: spec.platform.clone(),
        disabled: spec.disabled,
        label_ids: Some(label_ids(tx, spec.targets.labels.as_deref().unwrap_or_default())?),
        team_ids: Some(team_ids(tx, spec.targets.teams.as_deref().unwrap_or_default())?),
        host_ids: None,
    };
    let id = match record::find(tx, &spec.name)? {
        Some(known) => {
            record::update(tx, known.id, &new)?;
            known.id
        }
        None => record::create(tx, &new)?,
    };
    tx.execute("DELETE FROM scheduled_queries WHERE pack_id = $1", params![id])?;
    for entry in &spec.queries {
        schedule(tx, id, entry)?;
    }
    Ok(Some(id))
}

fn label_ids(tx: &mut Tx<'_>, names: &[String]) -> Outcome<Vec<u32>> {
    let unknown = |name: &str| Fault::invalid("targets", format!("there is no label '{name}'"));
    names.iter().map(|name| Ok(label::find(tx, name)?.ok_or_else(|| unknown(name))?.0)).collect()
}

fn team_ids(tx: &mut Tx<'_>, names: &[String]) -> Outcome<Vec<u32>> {
    let unknown = |name: &str| Fault::invalid("targets", format!("there is no team '{name}'"));
    names.iter().map(|name| team::find(tx, name)?.ok_or_else(|| unknown(name))).collect()
}

fn schedule(tx: &mut Tx<'_>, pack_id: u32, entry: &Entry) -> Outcome<()> {
    let known = query::find(tx, &entry.query)?;
    let known = known.ok_or_else(|| {
        Fault::invalid("queries", format!("cannot schedule unknown query '{}'", entry.query))
    })?;
    let name = if entry.name.is_empty() { entry.query.clone() } else { entry.name.clone() };
    let new = NewScheduled {
        pack_id,
        query_id: known.id,
        name,
        description: entry.description.clone(),
        interval: entry.interval,
        snapshot: entry.snapshot,
        removed: entry.removed,
        platform: entry.platform.clone(),
        version: entry.version.clone(),
        shard: entry.shard,
        denylist: entry.denylist,
    };
    scheduled::create(tx, &new).map(drop)
}
