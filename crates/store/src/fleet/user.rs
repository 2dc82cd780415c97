//! Users (the Fleet reference, section 2.4).

mod change;
mod list;

pub use change::{
    Changes, Roles, confirm_email, count_admins, delete, password_hash, set_password, set_roles, update,
};
pub use list::{ORDER_KEYS, list};

use schemars::JsonSchema;
use serde::Serialize;

use super::fault::{Fault, Outcome};
use super::name::{check_line, key};
use super::team::Team;
use super::time::Time;
use crate::db::{DbResult, Row, Tx};
use crate::params;
use crate::rights::{Role, Subject};
use crate::user::is_reserved;

/// A user as on the wire. The hash of the password is not part of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct User {
    pub created_at: Time,
    pub updated_at: Time,
    pub id: u32,
    pub name: String,
    pub email: String,
    pub force_password_reset: bool,
    pub gravatar_url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub position: String,
    pub sso_enabled: bool,
    pub global_role: Option<Role>,
    pub api_only: bool,
    pub teams: Vec<UserTeam>,
    /// Whether there is a record of rights over gRPC, see [`crate::user`].
    #[serde(skip)]
    pub has_own_rights: bool,
}

/// A team, and the user's role on it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct UserTeam {
    #[serde(flatten)]
    pub team: Team,
    pub role: Role,
}

impl User {
    /// Whom checks of rights are about.
    pub fn subject(&self) -> Subject {
        let teams = self.teams.iter().map(|on| (on.team.id, on.role)).collect();
        Subject { user_id: self.id, global: self.global_role, teams }
    }
}

/// A user to be made. Exactly one of `global_role` and `teams` is given, which the caller has checked.
#[derive(Clone, Debug, Default)]
pub struct NewUser {
    pub name: String,
    pub email: String,
    /// See [`super::password::hash`]; none for users who come through SSO.
    pub password_hash: Option<String>,
    pub force_password_reset: bool,
    pub gravatar_url: String,
    pub position: String,
    pub sso_enabled: bool,
    pub global_role: Option<Role>,
    pub api_only: bool,
    pub teams: Vec<(u32, Role)>,
}

const COLUMNS: &str = "id, created_at, updated_at, name, email, force_password_reset, gravatar_url, position, \
    sso_enabled, global_role, api_only, acl IS NOT NULL";

/// All but the teams.
fn from_row(row: &mut Row) -> DbResult<User> {
    Ok(User {
        id: row.take()?,
        created_at: row.take()?,
        updated_at: row.take()?,
        name: row.take()?,
        email: row.take()?,
        force_password_reset: row.take()?,
        gravatar_url: row.take()?,
        position: row.take()?,
        sso_enabled: row.take()?,
        global_role: row.take::<Option<String>>()?.as_deref().and_then(Role::parse),
        api_only: row.take()?,
        teams: Vec::new(),
        has_own_rights: row.take()?,
    })
}

/// How many users there are.
pub fn count(tx: &mut Tx<'_>) -> DbResult<u64> {
    Ok(tx.value("SELECT COUNT(*) FROM users", &[])?.unwrap_or(0))
}

/// Whether there was a set-up. Users who were made for gRPC, and cannot log in, are none.
pub fn is_set_up(tx: &mut Tx<'_>) -> DbResult<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM settings WHERE name = 'app_config') OR EXISTS (SELECT 1 FROM users \
        WHERE password IS NOT NULL OR global_role IS NOT NULL OR id IN (SELECT user_id FROM user_teams))";
    Ok(tx.value(sql, &[])?.unwrap_or(false))
}

/// The user with this id.
pub fn by_id(tx: &mut Tx<'_>, id: u32) -> Outcome<User> {
    let sql = format!("SELECT {COLUMNS} FROM users WHERE id = $1");
    let user = tx.first(&sql, params![id], from_row)?;
    with_teams(tx, user.ok_or_else(|| Fault::not_found("User", id))?)
}

/// The user with this mail address.
pub fn by_email(tx: &mut Tx<'_>, email: &str) -> Outcome<User> {
    let sql = format!("SELECT {COLUMNS} FROM users WHERE email_key = $1");
    let user = tx.first(&sql, params![key(email)], from_row)?;
    with_teams(tx, user.ok_or_else(|| Fault::not_found("User", email))?)
}

/// The hash of a user's password; `None` when nobody can log in by password under this address.
pub fn password_of(tx: &mut Tx<'_>, email: &str) -> DbResult<Option<(u32, String)>> {
    let sql =
        "SELECT id, password FROM users WHERE email_key = $1 AND password IS NOT NULL AND sso_enabled = 0";
    tx.first(sql, params![key(email)], |row| Ok((row.take()?, row.take()?)))
}

/// Refuses what is no line of text, and the server's own names, which are no user's.
fn check_email(email: &str) -> Outcome<()> {
    check_line("email", email.trim())?;
    if is_reserved(email) {
        return Err(Fault::invalid("email", format!("Username is reserved: {}", email.trim())));
    }
    Ok(())
}

/// Makes a user.
pub fn create(tx: &mut Tx<'_>, new: &NewUser) -> Outcome<User> {
    check_email(&new.email)?;
    let now = Time::now();
    let role = new.global_role.map(Role::name);
    let sql = "INSERT INTO users (created_at, updated_at, name, name_key, email, email_key, password, \
        force_password_reset, gravatar_url, position, sso_enabled, global_role, api_only) \
        VALUES ($1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id";
    let id = tx.value(
        sql,
        params![
            now,
            new.name,
            key(&new.name),
            new.email.trim(),
            key(&new.email),
            new.password_hash,
            new.force_password_reset,
            new.gravatar_url,
            new.position,
            new.sso_enabled,
            role,
            new.api_only
        ],
    );
    let id = id.map_err(Fault::taken("User", &new.email))?.unwrap_or_default();
    set_teams(tx, id, &new.teams)?;
    by_id(tx, id)
}

/// Replaces the roles on teams.
pub fn set_teams(tx: &mut Tx<'_>, id: u32, teams: &[(u32, Role)]) -> Outcome<()> {
    tx.execute("DELETE FROM user_teams WHERE user_id = $1", params![id])?;
    for (team, role) in teams {
        let sql = "INSERT INTO user_teams (user_id, team_id, role) VALUES ($1, $2, $3)";
        tx.execute(sql, params![id, team, role.name()])?;
    }
    Ok(())
}

fn with_teams(tx: &mut Tx<'_>, mut user: User) -> Outcome<User> {
    let sql = "SELECT team_id, role FROM user_teams WHERE user_id = $1 ORDER BY team_id";
    let roles = tx.all(sql, params![user.id], |row| Ok((row.take::<u32>()?, row.take::<String>()?)))?;
    for (team, role) in roles {
        let team = super::team::by_id(tx, team)?;
        user.teams.extend(Role::parse(&role).map(|role| UserTeam { team, role }));
    }
    Ok(user)
}
