//! Users in the database, as gRPC sees them: the rows that Fleet's API shows as well (`crate::fleet::user`).

use super::{Acl, User};
use crate::db::{Row, Tx};
use crate::error::{Error, Result};
use crate::fleet::user::{self as person, NewUser};
use crate::fleet::{Time, key};
use crate::params;
use crate::rights::Role;

const COLUMNS: &str =
    "email, acl, global_role, EXISTS (SELECT 1 FROM user_teams WHERE user_teams.user_id = users.id)";

/// A row before its record was understood.
struct Raw {
    name: String,
    acl: Option<String>,
    global_role: Option<String>,
    is_on_teams: bool,
}

fn from_row(row: &mut Row) -> crate::db::DbResult<Raw> {
    Ok(Raw { name: row.take()?, acl: row.take()?, global_role: row.take()?, is_on_teams: row.take()? })
}

impl Raw {
    /// What cannot be understood is an error and no grant.
    fn understood(self) -> Result<User> {
        let acl = self.acl.map(|text| serde_json::from_str(&text)).transpose();
        Ok(User {
            acl: acl
                .map_err(|source| Error::UserDamaged { name: self.name.clone(), source })?
                .unwrap_or_default(),
            name: self.name,
            global_role: self.global_role.as_deref().and_then(Role::parse),
            is_on_teams: self.is_on_teams,
        })
    }
}

/// The user of that name.
pub fn find(tx: &mut Tx<'_>, name: &str) -> Result<Option<User>> {
    let sql = format!("SELECT {COLUMNS} FROM users WHERE email_key = $1");
    tx.first(&sql, params![key(name)], from_row)?.map(Raw::understood).transpose()
}

/// All users, by name.
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<User>> {
    let sql = format!("SELECT {COLUMNS} FROM users ORDER BY email_key");
    tx.all(&sql, &[], from_row)?.into_iter().map(Raw::understood).collect()
}

/// Changes the record of a user, who is made when missing: API-only, without a password, a role or a team.
pub fn change(tx: &mut Tx<'_>, name: &str, change: impl FnOnce(&mut Acl) -> Result<()>) -> Result<User> {
    let mut user = match find(tx, name)? {
        Some(user) => user,
        None => {
            let new = NewUser {
                name: name.to_owned(),
                email: name.to_owned(),
                api_only: true,
                ..NewUser::default()
            };
            person::create(tx, &new)?;
            User { name: name.to_owned(), ..User::default() }
        }
    };
    change(&mut user.acl)?;
    let text = (user.acl != Acl::default()).then(|| serde_json::to_string(&user.acl)).transpose();
    let text = text.map_err(|source| Error::UserDamaged { name: name.to_owned(), source })?;
    let sql = "UPDATE users SET acl = $2, updated_at = $3 WHERE email_key = $1";
    tx.execute(sql, params![key(name), text, Time::now()])?;
    Ok(user)
}

/// Removes a user with all roles and sessions; says whether there was one. The last global administrator stays: without one
/// nobody could give roles any more.
pub fn remove(tx: &mut Tx<'_>, name: &str) -> Result<bool> {
    let admins = person::count_admins(tx)?;
    let removed = tx.execute("DELETE FROM users WHERE email_key = $1", params![key(name)])? > 0;
    if admins > 0 && person::count_admins(tx)? == 0 {
        return Err(Error::LastAdmin { name: name.to_owned() });
    }
    Ok(removed)
}
