//! Invitations to become a user (the Fleet reference, section 2.6).

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::fault::{Fault, Outcome};
use super::list::{ListOptions, OrderKey, Owned};
use super::name::key;
use super::team;
use super::time::Time;
use super::token;
use super::user::{Roles, UserTeam};
use crate::db::{DbError, DbResult, Row, Tx};
use crate::params;
use crate::rights::Role;

/// How long an invitation can be used.
pub const VALID_SECONDS: i64 = 5 * 86_400;
const TOKEN_BYTES: usize = 24;

/// An invitation as on the wire. Its token is kept as a hash only.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Invite {
    pub created_at: Time,
    pub updated_at: Time,
    pub id: u32,
    pub invited_by: u32,
    pub email: String,
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub position: String,
    pub sso_enabled: bool,
    pub global_role: Option<Role>,
    pub teams: Vec<UserTeam>,
}

impl Invite {
    /// What the user will be.
    pub fn roles(&self) -> Roles {
        let teams = self.teams.iter().map(|on| (on.team.id, on.role)).collect();
        Roles { global: self.global_role, teams }
    }
}

/// What an invitation says.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub email: String,
    pub name: String,
    pub position: String,
    pub sso_enabled: bool,
    pub roles: Roles,
}

const COLUMNS: &str =
    "created_at, updated_at, id, invited_by, email, name, position, sso_enabled, global_role, teams";
/// What the list can be ordered by.
pub const ORDER_KEYS: &[OrderKey] = &[
    ("id", "id"),
    ("created_at", "created_at"),
    ("updated_at", "updated_at"),
    ("name", "name"),
    ("email", "email"),
    ("position", "position"),
    ("global_role", "global_role"),
];

/// The row, and the teams as they are kept.
fn from_row(row: &mut Row) -> DbResult<(Invite, String)> {
    let invite = Invite {
        created_at: row.take()?,
        updated_at: row.take()?,
        id: row.take()?,
        invited_by: row.take()?,
        email: row.take()?,
        name: row.take()?,
        position: row.take()?,
        sso_enabled: row.take()?,
        global_role: row.take::<Option<String>>()?.as_deref().and_then(Role::parse),
        teams: Vec::new(),
    };
    Ok((invite, row.take()?))
}

fn kept(teams: &[(u32, Role)]) -> String {
    let all: Vec<Json> = teams.iter().map(|(id, role)| json!({"id": id, "role": role})).collect();
    Json::Array(all).to_string()
}

/// Teams that are gone since are left out.
fn with_teams(tx: &mut Tx<'_>, (mut invite, teams): (Invite, String)) -> Outcome<Invite> {
    let teams: Vec<Json> = serde_json::from_str(&teams).unwrap_or_default();
    for on in &teams {
        let id = on["id"].as_u64().and_then(|id| u32::try_from(id).ok());
        let (Some(id), Some(role)) = (id, on["role"].as_str().and_then(Role::parse)) else { continue };
        match team::by_id(tx, id) {
            Ok(team) => invite.teams.push(UserTeam { team, role }),
            Err(Fault::NotFound { .. }) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(invite)
}

/// Invites somebody; gives the token to be sent as well. An invitation of the same address that is too old goes.
pub fn create(tx: &mut Tx<'_>, by: u32, wanted: &Wanted) -> Outcome<(Invite, String)> {
    let now = Time::now();
    let oldest = now.plus_seconds(-VALID_SECONDS);
    tx.execute("DELETE FROM invites WHERE created_at <= $1", params![oldest])?;
    let token = token::random_for_urls(TOKEN_BYTES);
    let sql = "INSERT INTO invites (created_at, updated_at, invited_by, email, email_key, name, name_key, position, \
        token_hash, sso_enabled, global_role, teams) VALUES ($1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
        RETURNING id";
    let id = tx.value(
        sql,
        params![
            now,
            by,
            wanted.email.trim(),
            key(&wanted.email),
            wanted.name,
            key(&wanted.name),
            wanted.position,
            token::hash(&token),
            wanted.sso_enabled,
            wanted.roles.global.map(Role::name),
            kept(&wanted.roles.teams)
        ],
    );
    let id: Option<u32> = id.map_err(Fault::taken("Invite", &wanted.email))?;
    Ok((by_id(tx, id.ok_or(Fault::Db(DbError::Closed))?)?, token))
}

/// The invitation with this id, however old.
pub fn by_id(tx: &mut Tx<'_>, id: u32) -> Outcome<Invite> {
    let sql = format!("SELECT {COLUMNS} FROM invites WHERE id = $1");
    let found = tx.first(&sql, params![id], from_row)?;
    with_teams(tx, found.ok_or_else(|| Fault::not_found("Invite", id))?)
}

/// The invitation of a token, unless it is too old.
pub fn by_token(tx: &mut Tx<'_>, token: &str) -> Outcome<Option<Invite>> {
    let sql = format!("SELECT {COLUMNS} FROM invites WHERE token_hash = $1 AND created_at > $2");
    let oldest = Time::now().plus_seconds(-VALID_SECONDS);
    let found = tx.first(&sql, params![token::hash(token), oldest], from_row)?;
    found.map(|found| with_teams(tx, found)).transpose()
}

/// A page of invitations. The text matches names and mail addresses.
pub fn list(tx: &mut Tx<'_>, options: &ListOptions) -> Outcome<Vec<Invite>> {
    let tail = options.tail(ORDER_KEYS, 2)?;
    let pattern = options.pattern().unwrap_or_else(|| "%".to_owned());
    let sql = format!(
        "SELECT {COLUMNS} FROM invites WHERE (name_key LIKE $1 ESCAPE '\\' OR email_key LIKE $1 ESCAPE '\\'){}",
        tail.sql
    );
    let mut arguments = params![pattern].to_vec();
    arguments.extend(tail.after.iter().map(Owned::value));
    let found = tx.all(&sql, &arguments, from_row)?;
    found.into_iter().map(|found| with_teams(tx, found)).collect()
}

/// Rewrites an invitation. Another address gets a token of its own, and only that one works from then on.
pub fn update(tx: &mut Tx<'_>, id: u32, wanted: &Wanted) -> Outcome<(Invite, Option<String>)> {
    let before = by_id(tx, id)?;
    let sql = "UPDATE invites SET updated_at = $2, email = $3, email_key = $4, name = $5, name_key = $6, \
        position = $7, sso_enabled = $8, global_role = $9, teams = $10 WHERE id = $1";
    let changed = tx.execute(
        sql,
        params![
            id,
            Time::now(),
            wanted.email.trim(),
            key(&wanted.email),
            wanted.name,
            key(&wanted.name),
            wanted.position,
            wanted.sso_enabled,
            wanted.roles.global.map(Role::name),
            kept(&wanted.roles.teams)
        ],
    );
    changed.map_err(Fault::taken("Invite", &wanted.email))?;
    let moved = key(&before.email) != key(&wanted.email);
    let token = moved.then(|| token::random_for_urls(TOKEN_BYTES));
    if let Some(token) = &token {
        tx.execute("UPDATE invites SET token_hash = $2 WHERE id = $1", params![id, token::hash(token)])?;
    }
    Ok((by_id(tx, id)?, token))
}

/// Withdraws an invitation.
pub fn delete(tx: &mut Tx<'_>, id: u32) -> Outcome<()> {
    match tx.execute("DELETE FROM invites WHERE id = $1", params![id])? {
        0 => Err(Fault::not_found("Invite", id)),
        _ => Ok(()),
    }
}
