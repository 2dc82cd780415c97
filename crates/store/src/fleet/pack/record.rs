//! Packs as the API shows and changes them (the Fleet reference, sections 7.1 and 7.2).

use schemars::JsonSchema;
use serde::Serialize;

use super::system::{self, System};
use super::target::{self, Target, TargetKind};
use crate::db::{DbError, DbResult, Row, Tx, Value};
use crate::fleet::fault::{Fault, Outcome};
use crate::fleet::list::{ListOptions, OrderKey};
use crate::fleet::name::{check_line, key};
use crate::fleet::time::Time;
use crate::params;

/// A pack as on the wire, without what it is aimed at.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PackHead {
    pub created_at: Time,
    pub updated_at: Time,
    pub id: u32,
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub platform: String,
    pub disabled: bool,
    /// Null for packs of users, `global`, or `team-<id>`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

/// A pack as on the wire.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Pack {
    #[serde(flatten)]
    pub head: PackHead,
    pub labels: Vec<Target>,
    pub hosts: Vec<Target>,
    pub teams: Vec<Target>,
    pub label_ids: Vec<u32>,
    pub host_ids: Vec<u32>,
    pub team_ids: Vec<u32>,
    pub query_count: u64,
    pub total_hosts_count: u64,
}

impl PackHead {
    /// Which schedule the pack is behind; `None` for packs of users.
    pub fn system(&self) -> Option<System> {
        self.kind.as_deref().and_then(System::parse)
    }
}

const COLUMNS: &str =
    "p.created_at, p.updated_at, p.id, p.name, p.description, p.platform, p.disabled, p.type";

fn from_row(row: &mut Row) -> DbResult<PackHead> {
    Ok(PackHead {
        created_at: row.take()?,
        updated_at: row.take()?,
        id: row.take()?,
        name: row.take()?,
        description: row.take()?,
        platform: row.take()?,
        disabled: row.take()?,
        kind: row.take()?,
    })
}

/// What the list can be ordered by.
pub const ORDER_KEYS: &[OrderKey] = &[
    ("id", "p.id"),
    ("name", "p.name_key"),
    ("description", "p.description"),
    ("platform", "p.platform"),
    ("created_at", "p.created_at"),
    ("updated_at", "p.updated_at"),
];

/// The packs of users.
pub fn list(tx: &mut Tx<'_>, options: &ListOptions) -> Outcome<Vec<Pack>> {
    let tail = options.tail(ORDER_KEYS, 1)?;
    let sql = format!("SELECT {COLUMNS} FROM packs p WHERE p.type IS NULL{}", tail.sql);
    let values: Vec<Value<'_>> = tail.after.iter().map(|after| after.value()).collect();
    let heads = tx.all(&sql, &values, from_row)?;
    heads.into_iter().map(|head| whole(tx, head)).collect()
}

/// The packs of users and the one of the global schedule, without targets, by id.
pub fn heads_without_teams(tx: &mut Tx<'_>) -> Outcome<Vec<PackHead>> {
    let sql =
        format!("SELECT {COLUMNS} FROM packs p WHERE p.type IS NULL OR p.type = 'global' ORDER BY p.id");
    Ok(tx.all(&sql, &[], from_row)?)
}

/// The pack with this id, without its targets.
pub fn head(tx: &mut Tx<'_>, id: u32) -> Outcome<PackHead> {
    let sql = format!("SELECT {COLUMNS} FROM packs p WHERE p.id = $1");
    tx.first(&sql, params![id], from_row)?.ok_or_else(|| Fault::not_found("Pack", id))
}

/// The pack with this id.
pub fn by_id(tx: &mut Tx<'_>, id: u32) -> Outcome<Pack> {
    let head = head(tx, id)?;
    whole(tx, head)
}

/// The pack of this name, without its targets.
pub fn find(tx: &mut Tx<'_>, name: &str) -> Outcome<Option<PackHead>> {
    let sql = format!("SELECT {COLUMNS} FROM packs p WHERE p.name_key = $1");
    Ok(tx.first(&sql, params![key(name)], from_row)?)
}

fn whole(tx: &mut Tx<'_>, head: PackHead) -> Outcome<Pack> {
    let labels = target::of_pack(tx, head.id, TargetKind::Label)?;
    let hosts = target::of_pack(tx, head.id, TargetKind::Host)?;
    let teams = target::of_pack(tx, head.id, TargetKind::Team)?;
    let ids = |targets: &[Target]| targets.iter().map(|target| target.id).collect();
    let query_count =
        tx.value("SELECT COUNT(*) FROM scheduled_queries WHERE pack_id = $1", params![head.id])?;
    Ok(Pack {
        label_ids: ids(&labels),
        host_ids: ids(&hosts),
        team_ids: ids(&teams),
        query_count: query_count.unwrap_or(0),
        total_hosts_count: target::count_hosts(tx, head.id)?,
        head,
        labels,
        hosts,
        teams,
    })
}

/// A pack to be made, or what one becomes. Lists that are not given leave the targets of that kind alone.
#[derive(Clone, Debug, Default)]
pub struct NewPack {
    pub name: String,
    pub description: String,
    pub platform: String,
    pub disabled: bool,
    pub label_ids: Option<Vec<u32>>,
    pub host_ids: Option<Vec<u32>>,
    pub team_ids: Option<Vec<u32>>,
}

impl NewPack {
    /// The pack as it is, for changing part of it.
    pub fn of(head: &PackHead) -> Self {
        Self {
            name: head.name.clone(),
            description: head.description.clone(),
            platform: head.platform.clone(),
            disabled: head.disabled,
            ..Self::default()
        }
    }

    fn check(&self) -> Outcome<()> {
        if self.name.trim().is_empty() {
            return Err(Fault::BadRequest("pack payload verification: pack name cannot be empty".into()));
        }
        check_line("name", &self.name)?;
        check_line("platform", &self.platform)?;
        if system::is_reserved(&self.name) {
            return Err(Fault::Exists { kind: "Pack", name: self.name.clone() });
        }
        Ok(())
    }

    fn set_targets(&self, tx: &mut Tx<'_>, id: u32) -> Outcome<()> {
        let kinds = [
            (TargetKind::Label, &self.label_ids),
            (TargetKind::Host, &self.host_ids),
            (TargetKind::Team, &self.team_ids),
        ];
        for (kind, ids) in kinds {
            if let Some(ids) = ids {
                target::replace(tx, id, kind, ids)?;
            }
        }
        Ok(())
    }
}

/// Makes a pack; gives its id.
pub fn create(tx: &mut Tx<'_>, new: &NewPack) -> Outcome<u32> {
    new.check()?;
    let sql = "INSERT INTO packs (created_at, updated_at, name, name_key, description, platform, disabled) \
        VALUES ($1, $1, $2, $3, $4, $5, $6) RETURNING id";
    let id = tx
        .value(
            sql,
            params![Time::now(), new.name, key(&new.name), new.description, new.platform, new.disabled],
        )
        .map_err(Fault::taken("Pack", &new.name))?;
    let id = id.ok_or(Fault::Db(DbError::Closed))?;
    new.set_targets(tx, id)?;
    Ok(id)
}

/// Replaces what a pack says. Of the packs behind schedules only platform and `disabled` can change.
pub fn update(tx: &mut Tx<'_>, id: u32, new: &NewPack) -> Outcome<()> {
    let is_system = head(tx, id)?.kind.is_some();
    if is_system {
        check_line("platform", &new.platform)?;
        let sql = "UPDATE packs SET platform = $2, disabled = $3, updated_at = $4 WHERE id = $1";
        tx.execute(sql, params![id, new.platform, new.disabled, Time::now()])?;
        return Ok(());
    }
    new.check()?;
    let sql = "UPDATE packs SET name = $2, name_key = $3, description = $4, platform = $5, disabled = $6, \
        updated_at = $7 WHERE id = $1";
    tx.execute(
        sql,
        params![id, new.name, key(&new.name), new.description, new.platform, new.disabled, Time::now()],
    )
    .map_err(Fault::taken("Pack", &new.name))?;
    new.set_targets(tx, id)
}

/// Deletes a pack with its queries and targets. Not one behind a schedule.
pub fn delete(tx: &mut Tx<'_>, id: u32) -> Outcome<()> {
    if let Some(kind) = head(tx, id)?.kind {
        return Err(Fault::invalid("id", format!("cannot delete pack_type {kind}")));
    }
    tx.execute("DELETE FROM packs WHERE id = $1", params![id])?;
    Ok(())
}
