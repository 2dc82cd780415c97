//! Labels (the Fleet reference, section 5).

use schemars::JsonSchema;
use serde::Serialize;

use super::fault::{Fault, Outcome};
use super::list::{ListOptions, OrderKey};
use super::name::{check_line, key};
use super::time::Time;
use super::visible::Visible;
use crate::db::{DbError, DbResult, Row, Tx, Value};
use crate::params;

mod kind;
mod spec;

pub use kind::{LabelType, Membership};
pub use spec::{LabelSpec, apply, spec_named, specs};

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

/// A label as on the wire.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Label {
    pub created_at: Time,
    pub updated_at: Time,
    pub id: u32,
    pub name: String,
    pub description: String,
    pub query: String,
    pub platform: String,
    pub label_type: LabelType,
    pub label_membership_type: Membership,
    /// Of the hosts that the caller sees.
    #[serde(skip_serializing_if = "is_zero")]
    pub host_count: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The columns of [`Label`], of `labels l`.
fn columns(visible: &Visible) -> String {
    let of_visible = match visible {
        Visible::All => String::new(),
        some => {
            format!(" AND m.host_id IN (SELECT h.id FROM hosts h WHERE {})", some.condition("h.team_id"))
        }
    };
    format!(
        "l.created_at, l.updated_at, l.id, l.name, l.description, l.query, l.platform, l.label_type, \
            l.label_membership_type, (SELECT COUNT(*) FROM label_membership m WHERE m.label_id = l.id{of_visible})"
    )
}

fn from_row(row: &mut Row) -> DbResult<Label> {
    Ok(Label {
        created_at: row.take()?,
        updated_at: row.take()?,
        id: row.take()?,
        name: row.take()?,
        description: row.take()?,
        query: row.take()?,
        platform: row.take()?,
        label_type: row.take()?,
        label_membership_type: row.take()?,
        host_count: row.take()?,
    })
}

/// What lists of labels can be ordered by.
pub const ORDER_KEYS: &[OrderKey] = &[
    ("id", "l.id"),
    ("name", "l.name_key"),
    ("description", "l.description"),
    ("platform", "l.platform"),
    ("label_type", "l.label_type"),
    ("label_membership_type", "l.label_membership_type"),
];

/// The labels; hosts are counted as far as they are visible.
pub fn list(tx: &mut Tx<'_>, options: &ListOptions, visible: &Visible) -> Outcome<Vec<Label>> {
    let tail = options.tail(ORDER_KEYS, 1)?;
    let sql = format!("SELECT {} FROM labels l WHERE 1 = 1{}", columns(visible), tail.sql);
    let values: Vec<Value<'_>> = tail.after.iter().map(|after| after.value()).collect();
    Ok(tx.all(&sql, &values, from_row)?)
}

/// The label with this id.
pub fn by_id(tx: &mut Tx<'_>, id: u32, visible: &Visible) -> Outcome<Label> {
    let sql = format!("SELECT {} FROM labels l WHERE l.id = $1", columns(visible));
    tx.first(&sql, params![id], from_row)?.ok_or_else(|| Fault::not_found("Label", id))
}

/// The id and type of a label, `None` when there is none of this name.
pub fn find(tx: &mut Tx<'_>, name: &str) -> Outcome<Option<(u32, LabelType)>> {
    let sql = "SELECT id, label_type FROM labels WHERE name_key = $1";
    Ok(tx.first(sql, params![key(name)], |row| Ok((row.take()?, row.take()?)))?)
}

/// A label to be made through the API: regular and dynamic.
#[derive(Clone, Debug, Default)]
pub struct NewLabel {
    pub name: String,
    pub description: String,
    pub query: String,
    pub platform: String,
}

/// Makes a label; gives its id.
pub fn create(tx: &mut Tx<'_>, new: &NewLabel) -> Outcome<u32> {
    check_line("name", &new.name)?;
    check_line("platform", &new.platform)?;
    insert(
        tx,
        &new.name,
        &new.description,
        &new.query,
        &new.platform,
        (LabelType::Regular, Membership::Dynamic),
    )
}

fn insert(
    tx: &mut Tx<'_>,
    name: &str,
    description: &str,
    query: &str,
    platform: &str,
    kind: (LabelType, Membership),
) -> Outcome<u32> {
    let sql = "INSERT INTO labels (created_at, updated_at, name, name_key, description, query, platform, label_type, \
        label_membership_type) VALUES ($1, $1, $2, $3, $4, $5, $6, $7, $8) RETURNING id";
    let id = tx
        .value(sql, params![Time::now(), name, key(name), description, query, platform, kind.0, kind.1])
        .map_err(Fault::taken("Label", name))?;
    id.ok_or(Fault::Db(DbError::Closed))
}

/// Changes what is given. Built-in labels stay as they are.
pub fn change(tx: &mut Tx<'_>, id: u32, name: Option<&str>, description: Option<&str>) -> Outcome<()> {
    let before = by_id(tx, id, &Visible::All)?;
    let name = name.unwrap_or(&before.name);
    let description = description.unwrap_or(&before.description);
    if (name, description) == (before.name.as_str(), before.description.as_str()) {
        return Ok(());
    }
    refuse_built_in(&before.name, before.label_type)?;
    check_line("name", name)?;
    if name.trim().is_empty() {
        return Err(Fault::invalid("name", "label name must not be empty"));
    }
    let sql = "UPDATE labels SET name = $2, name_key = $3, description = $4, updated_at = $5 WHERE id = $1";
    let done = tx.execute(sql, params![id, name, key(name), description, Time::now()]);
    done.map_err(Fault::taken("Label", name)).map(drop)
}

/// Deletes a label, with its membership, and takes it out of the targets of packs. Not a built-in one.
pub fn delete(tx: &mut Tx<'_>, id: u32) -> Outcome<()> {
    let label = by_id(tx, id, &Visible::All)?;
    refuse_built_in(&label.name, label.label_type)?;
    super::pack::forget_target(tx, super::pack::TargetKind::Label, id)?;
    tx.execute("DELETE FROM labels WHERE id = $1", params![id])?;
    Ok(())
}

fn refuse_built_in(name: &str, label_type: LabelType) -> Outcome<()> {
    if label_type == LabelType::Builtin {
        return Err(Fault::invalid(
            "name",
            format!("built-in label \"{name}\" cannot be changed or deleted"),
        ));
    }
    Ok(())
}
