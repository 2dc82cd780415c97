//! Changes of users.

use super::{User, by_id, check_email, set_teams};
use crate::db::{DbResult, Tx};
use crate::fleet::fault::{Fault, Outcome};
use crate::fleet::name::key;
use crate::fleet::time::Time;
use crate::params;
use crate::rights::Role;

/// What may change at once; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    pub name: Option<String>,
    pub email: Option<String>,
    /// See [`crate::fleet::password::hash`].
    pub password_hash: Option<String>,
    pub force_password_reset: Option<bool>,
    pub gravatar_url: Option<String>,
    pub position: Option<String>,
    pub sso_enabled: Option<bool>,
    pub api_only: Option<bool>,
    pub roles: Option<Roles>,
}

/// Either a global role, or roles on teams.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    pub global: Option<Role>,
    pub teams: Vec<(u32, Role)>,
}

/// Changes a user.
pub fn update(tx: &mut Tx<'_>, id: u32, changes: &Changes) -> Outcome<User> {
    let email = changes.email.as_deref().map(str::trim);
    email.map_or(Ok(()), check_email)?;
    let sql = "UPDATE users SET updated_at = $2, name = COALESCE($3, name), name_key = COALESCE($4, name_key), \
        email = COALESCE($5, email), email_key = COALESCE($6, email_key), password = COALESCE($7, password), \
        force_password_reset = COALESCE($8, force_password_reset), gravatar_url = COALESCE($9, gravatar_url), \
        position = COALESCE($10, position), sso_enabled = COALESCE($11, sso_enabled), \
        api_only = COALESCE($12, api_only) WHERE id = $1";
    let changed = tx.execute(
        sql,
        params![
            id,
            Time::now(),
            changes.name,
            changes.name.as_deref().map(key),
            email,
            email.map(key),
            changes.password_hash,
            changes.force_password_reset,
            changes.gravatar_url,
            changes.position,
            changes.sso_enabled,
            changes.api_only
        ],
    );
    changed.map_err(Fault::taken("User", email.unwrap_or_default()))?;
    if let Some(roles) = &changes.roles {
        set_roles(tx, id, roles)?;
    }
    by_id(tx, id)
}

/// Replaces all roles of a user.
pub fn set_roles(tx: &mut Tx<'_>, id: u32, roles: &Roles) -> Outcome<()> {
    let sql = "UPDATE users SET global_role = $2 WHERE id = $1";
    tx.execute(sql, params![id, roles.global.map(Role::name)])?;
    set_teams(tx, id, &roles.teams)
}

/// Gives a user a new password, which is nobody's to change at the next login any more.
pub fn set_password(tx: &mut Tx<'_>, id: u32, hash: &str) -> Outcome<User> {
    let changes = Changes {
        password_hash: Some(hash.to_owned()),
        force_password_reset: Some(false),
        ..Changes::default()
    };
    update(tx, id, &changes)
}

/// The hash of a user's password; `None` for users without one.
pub fn password_hash(tx: &mut Tx<'_>, id: u32) -> Outcome<Option<String>> {
    let found = tx.first("SELECT password FROM users WHERE id = $1", params![id], |row| row.take())?;
    found.ok_or_else(|| Fault::not_found("User", id))
}

/// Gives a user the mail address that was confirmed.
pub fn confirm_email(tx: &mut Tx<'_>, id: u32, email: &str) -> Outcome<User> {
    update(tx, id, &Changes { email: Some(email.to_owned()), ..Changes::default() })
}

/// Deletes a user, and with it sessions and roles. What the user wrote stays, without an author.
pub fn delete(tx: &mut Tx<'_>, id: u32) -> Outcome<()> {
    match tx.execute("DELETE FROM users WHERE id = $1", params![id])? {
        0 => Err(Fault::not_found("User", id)),
        _ => Ok(()),
    }
}

/// How many global administrators there are.
pub fn count_admins(tx: &mut Tx<'_>) -> DbResult<u64> {
    Ok(tx.value("SELECT COUNT(*) FROM users WHERE global_role = 'admin'", &[])?.unwrap_or(0))
}
