//! Teams (the Fleet reference, section 8).

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::fault::{Fault, Outcome};
use super::list::{ListOptions, OrderKey};
use super::name::{check_line, key};
use super::time::Time;
use super::visible::Visible;
use crate::db::{DbError, DbResult, Row, Tx, Value};
use crate::params;
use crate::rights::Role;

mod options;
mod spec;

pub use options::check_agent_options;
pub use spec::{TeamSpec, apply};

/// A team as on the wire, without its lists.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Team {
    pub id: u32,
    pub created_at: Time,
    pub name: String,
    pub description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_options: Option<Json>,
    pub webhook_settings: Json,
    pub user_count: u64,
    pub host_count: u64,
}

const COLUMNS: &str = "t.id, t.created_at, t.name, t.description, t.agent_options, t.webhook_settings, \
    (SELECT COUNT(*) FROM user_teams u WHERE u.team_id = t.id), (SELECT COUNT(*) FROM hosts h WHERE h.team_id = t.id)";

fn from_row(row: &mut Row) -> DbResult<Team> {
    Ok(Team {
        id: row.take()?,
        created_at: row.take()?,
        name: row.take()?,
        description: row.take()?,
        agent_options: row.take::<Option<String>>()?.and_then(|text| serde_json::from_str(&text).ok()),
        webhook_settings: webhook_settings(&row.take::<String>()?),
        user_count: row.take()?,
        host_count: row.take()?,
    })
}

/// What is stored, laid over what a new team has.
fn webhook_settings(stored: &str) -> Json {
    let mut settings = json!({"failing_policies_webhook": {
        "enable_failing_policies_webhook": false, "destination_url": "", "policy_ids": null, "host_batch_size": 0
    }});
    if let Ok(stored @ Json::Object(_)) = serde_json::from_str(stored) {
        super::app_config::merge(&mut settings, stored);
    }
    settings
}

/// The team with this id.
pub fn by_id(tx: &mut Tx<'_>, id: u32) -> Outcome<Team> {
    let sql = format!("SELECT {COLUMNS} FROM teams t WHERE t.id = $1");
    tx.first(&sql, params![id], from_row)?.ok_or_else(|| Fault::not_found("Team", id))
}

/// The team of this name.
pub fn by_name(tx: &mut Tx<'_>, name: &str) -> Outcome<Team> {
    let sql = format!("SELECT {COLUMNS} FROM teams t WHERE t.name_key = $1");
    tx.first(&sql, params![key(name)], from_row)?.ok_or_else(|| Fault::not_found("Team", name))
}

/// The id of the team of this name.
pub fn find(tx: &mut Tx<'_>, name: &str) -> Outcome<Option<u32>> {
    Ok(tx.value("SELECT id FROM teams WHERE name_key = $1", params![key(name)])?)
}

/// What the list can be ordered by.
pub const ORDER_KEYS: &[OrderKey] = &[
    ("id", "t.id"),
    ("name", "t.name_key"),
    ("description", "t.description"),
    ("created_at", "t.created_at"),
];

/// The teams whose name matches, as far as the caller is on them.
pub fn list(tx: &mut Tx<'_>, options: &ListOptions, visible: &Visible) -> Outcome<Vec<Team>> {
    let tail = options.tail(ORDER_KEYS, 2)?;
    let pattern = options.pattern().unwrap_or_else(|| "%".into());
    let sql = format!(
        "SELECT {COLUMNS} FROM teams t WHERE t.name_key LIKE $1 ESCAPE '\\' AND {}{}",
        visible.condition("t.id"),
        tail.sql
    );
    let mut values = vec![Value::Text(&pattern)];
    values.extend(tail.after.as_ref().map(|after| after.value()));
    Ok(tx.all(&sql, &values, from_row)?)
}

/// A team to be made.
#[derive(Clone, Debug, Default)]
pub struct NewTeam {
    pub name: String,
    pub description: String,
    pub agent_options: Option<Json>,
    pub secrets: Vec<String>,
}

/// Makes a team; gives its id.
pub fn create(tx: &mut Tx<'_>, new: &NewTeam) -> Outcome<u32> {
    check_name(&new.name)?;
    let options = new.agent_options.as_ref().map(Json::to_string);
    let sql = "INSERT INTO teams (created_at, name, name_key, description, agent_options) \
        VALUES ($1, $2, $3, $4, $5) RETURNING id";
    let id = tx
        .value(sql, params![Time::now(), new.name, key(&new.name), new.description, options])
        .map_err(Fault::taken("Team", &new.name))?;
    let id = id.ok_or(Fault::Db(DbError::Closed))?;
    set_secrets(tx, id, &new.secrets)?;
    Ok(id)
}

fn check_name(name: &str) -> Outcome<()> {
    if name.trim().is_empty() {
        return Err(Fault::invalid("name", "may not be empty"));
    }
    check_line("name", name)
}

/// The agent options of those who are on no team.
pub fn global_agent_options(tx: &mut Tx<'_>) -> Outcome<Option<Json>> {
    let options = super::app_config::get(tx)?["agent_options"].take();
    Ok(Some(options).filter(|options| !options.is_null()))
}

/// Changes what is given. The pack behind the team's schedule is renamed with the team; settings of webhooks are laid
/// over those that are there.
pub fn update(
    tx: &mut Tx<'_>,
    id: u32,
    name: Option<&str>,
    description: Option<&str>,
    webhook_settings: Option<&Json>,
) -> Outcome<()> {
    let before = by_id(tx, id)?;
    let name = name.unwrap_or(&before.name);
    check_name(name)?;
    let mut webhooks = before.webhook_settings;
    if let Some(given) = webhook_settings {
        super::app_config::merge(&mut webhooks, given.clone());
    }
    let sql =
        "UPDATE teams SET name = $2, name_key = $3, description = $4, webhook_settings = $5 WHERE id = $1";
    let description = description.unwrap_or(&before.description);
    tx.execute(sql, params![id, name, key(name), description, webhooks.to_string()])
        .map_err(Fault::taken("Team", name))?;
    super::pack::rename_of_team(tx, id, name)
}

/// Replaces the agent options; none lets the team's hosts have the global ones.
pub fn set_agent_options(tx: &mut Tx<'_>, id: u32, options: Option<&Json>) -> Outcome<()> {
    let options = options.map(Json::to_string);
    tx.execute("UPDATE teams SET agent_options = $2 WHERE id = $1", params![id, options])?;
    Ok(())
}

/// The most secrets of a team.
const MAX_SECRETS: usize = 50;

/// Replaces the secrets.
pub fn set_secrets(tx: &mut Tx<'_>, id: u32, secrets: &[String]) -> Outcome<()> {
    if secrets.len() > MAX_SECRETS {
        return Err(Fault::invalid("secrets", format!("a team can have {MAX_SECRETS} secrets at most")));
    }
    super::enroll_secret::replace(tx, Some(id), secrets)
}

/// Deletes a team, with its policies, schedule, secrets and what is aimed at it. Its hosts are on no team then; gives
/// their ids.
pub fn delete(tx: &mut Tx<'_>, id: u32) -> Outcome<Vec<u32>> {
    by_id(tx, id)?;
    let hosts = tx.values("SELECT id FROM hosts WHERE team_id = $1", params![id])?;
    super::pack::delete_of_team(tx, id)?;
    super::pack::forget_target(tx, super::pack::TargetKind::Team, id)?;
    tx.execute("DELETE FROM teams WHERE id = $1", params![id])?;
    Ok(hosts)
}

/// The users of a team, with their roles on it, by id.
pub fn users(tx: &mut Tx<'_>, id: u32) -> Outcome<Vec<(u32, Role)>> {
    let sql = "SELECT user_id, role FROM user_teams WHERE team_id = $1 ORDER BY user_id";
    let all = tx.all(sql, params![id], |row| Ok((row.take::<u32>()?, row.take::<String>()?)))?;
    Ok(all.into_iter().filter_map(|(user, role)| Some((user, Role::parse(&role)?))).collect())
}

/// Gives a user a role on a team, in place of another one.
pub fn set_user(tx: &mut Tx<'_>, id: u32, user_id: u32, role: Role) -> Outcome<()> {
    let sql = "INSERT INTO user_teams (user_id, team_id, role) VALUES ($1, $2, $3) \
        ON CONFLICT (user_id, team_id) DO UPDATE SET role = excluded.role";
    tx.execute(sql, params![user_id, id, role.name()])?;
    Ok(())
}

/// Takes a user from a team.
pub fn remove_user(tx: &mut Tx<'_>, id: u32, user_id: u32) -> Outcome<()> {
    let sql = "DELETE FROM user_teams WHERE user_id = $1 AND team_id = $2";
    match tx.execute(sql, params![user_id, id])? {
        0 => Err(Fault::not_found("User", user_id)),
        _ => Ok(()),
    }
}
