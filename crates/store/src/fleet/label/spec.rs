//! Specs of labels (the Fleet reference, section 5.4).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LabelType, Membership, check_line, find, insert, key};
use crate::db::{DbResult, Row, Tx};
use crate::fleet::fault::{Fault, Outcome};
use crate::fleet::json::or_default;
use crate::fleet::time::Time;
use crate::fleet::visible::Visible;
use crate::params;

/// A label as files describe it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct LabelSpec {
    /// Told, but not asked: labels are matched by name.
    #[serde(skip_deserializing)]
    pub id: u32,
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub description: String,
    #[serde(default, deserialize_with = "or_default")]
    pub query: String,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub platform: String,
    /// Left out for regular labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_type: Option<LabelType>,
    /// Checked when it is applied, so that the refusal can name it.
    #[serde(default = "dynamic", deserialize_with = "or_dynamic")]
    pub label_membership_type: String,
    /// Host names; of manual labels only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosts: Option<Vec<String>>,
}

fn dynamic() -> String {
    Membership::Dynamic.name().to_owned()
}

fn or_dynamic<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(from)?.filter(|text| !text.is_empty()).unwrap_or_else(dynamic))
}

const COLUMNS: &str = "id, name, description, query, platform, label_type, label_membership_type";

fn from_row(row: &mut Row) -> DbResult<LabelSpec> {
    Ok(LabelSpec {
        id: row.take()?,
        name: row.take()?,
        description: row.take()?,
        query: row.take()?,
        platform: row.take()?,
        label_type: Some(row.take()?).filter(|kind| *kind != LabelType::Regular),
        label_membership_type: row.take()?,
        hosts: None,
    })
}

/// The specs of all labels by id; those of manual labels name the hosts that are visible.
pub fn specs(tx: &mut Tx<'_>, visible: &Visible) -> Outcome<Vec<LabelSpec>> {
    let all = tx.all(&format!("SELECT {COLUMNS} FROM labels ORDER BY id"), &[], from_row)?;
    all.into_iter().map(|spec| with_hosts(tx, spec, visible)).collect()
}

/// The spec of the label of this name.
pub fn spec_named(tx: &mut Tx<'_>, name: &str, visible: &Visible) -> Outcome<Option<LabelSpec>> {
    let sql = format!("SELECT {COLUMNS} FROM labels WHERE name_key = $1");
    let found = tx.first(&sql, params![key(name)], from_row)?;
    found.map(|spec| with_hosts(tx, spec, visible)).transpose()
}

fn with_hosts(tx: &mut Tx<'_>, mut spec: LabelSpec, visible: &Visible) -> Outcome<LabelSpec> {
    if spec.label_membership_type == Membership::Manual.name() {
        let sql = format!(
            "SELECT DISTINCT h.hostname FROM label_membership m JOIN hosts h ON h.id = m.host_id \
                WHERE m.label_id = $1 AND {} ORDER BY h.hostname",
            visible.condition("h.team_id")
        );
        spec.hosts = Some(tx.values(&sql, params![spec.id])?).filter(|hosts: &Vec<String>| !hosts.is_empty());
    }
    Ok(spec)
}

/// Makes or changes the label that a spec names.
pub fn apply(tx: &mut Tx<'_>, spec: &LabelSpec) -> Outcome<()> {
    let membership = check(spec)?;
    let label_type = spec.label_type.unwrap_or_default();
    let id = match find(tx, &spec.name)? {
        Some((id, LabelType::Builtin)) => return check_same(tx, id, spec),
        _ if label_type == LabelType::Builtin => {
            let reason =
                format!("label {} is declared as builtin, but there is no such built-in label", spec.name);
            return Err(Fault::invalid("label_type", reason));
        }
        Some((id, _)) => {
            let sql = "UPDATE labels SET name = $2, description = $3, query = $4, platform = $5, \
                label_membership_type = $6, updated_at = $7 WHERE id = $1";
            tx.execute(
                sql,
                params![id, spec.name, spec.description, spec.query, spec.platform, membership, Time::now()],
            )?;
            id
        }
        None => {
            let kind = (label_type, membership);
            insert(tx, &spec.name, &spec.description, &spec.query, &spec.platform, kind)?
        }
    };
    match &spec.hosts {
        Some(hosts) if membership == Membership::Manual => set_hosts(tx, id, hosts),
        _ => Ok(()),
    }
}

fn check(spec: &LabelSpec) -> Outcome<Membership> {
    let LabelSpec { name, label_membership_type, hosts, .. } = spec;
    if name.trim().is_empty() {
        return Err(Fault::invalid("name", "label name must not be empty"));
    }
    check_line("name", name)?;
    check_line("platform", &spec.platform)?;
    let membership = Membership::parse(label_membership_type).ok_or_else(|| {
        let reason = format!("invalid LabelMembershipType: \"{label_membership_type}\"");
        Fault::invalid("label_membership_type", reason)
    })?;
    match (membership, hosts) {
        (Membership::Dynamic, Some(hosts)) if !hosts.is_empty() => Err(Fault::invalid(
            "hosts",
            format!("label {name} is declared as dynamic but contains `hosts` key"),
        )),
        (Membership::Manual, None) => Err(Fault::invalid(
            "hosts",
            format!("label {name} is declared as manual but contains no `hosts key`"),
        )),
        (Membership::Dynamic, _) if spec.query.trim().is_empty() => Err(Fault::invalid(
            "query",
            format!("label {name} is declared as dynamic but contains no `query`"),
        )),
        _ => Ok(membership),
    }
}

/// A built-in label can be applied as it is. Some servers show platforms for theirs, which change nothing.
fn check_same(tx: &mut Tx<'_>, id: u32, spec: &LabelSpec) -> Outcome<()> {
    let sql = format!("SELECT {COLUMNS} FROM labels WHERE id = $1");
    let known = tx.first(&sql, params![id], from_row)?.unwrap_or_default();
    let same = spec.name == known.name
        && spec.description == known.description
        && spec.query == known.query
        && spec.label_membership_type == known.label_membership_type
        && spec.label_type.unwrap_or(LabelType::Builtin) == LabelType::Builtin;
    if same { Ok(()) } else { super::refuse_built_in(&known.name, LabelType::Builtin) }
}

/// Replaces the members: every host that has one of the names.
fn set_hosts(tx: &mut Tx<'_>, id: u32, names: &[String]) -> Outcome<()> {
    tx.execute("DELETE FROM label_membership WHERE label_id = $1", params![id])?;
    for name in names.iter().filter(|name| !name.is_empty()) {
        let sql = "INSERT INTO label_membership (label_id, host_id) SELECT l.id, h.id FROM labels l, hosts h \
            WHERE l.id = $1 AND h.hostname = $2 ON CONFLICT DO NOTHING";
        tx.execute(sql, params![id, name])?;
    }
    Ok(())
}
