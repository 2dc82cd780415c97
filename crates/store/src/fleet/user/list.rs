//! Lists of users.

use std::collections::HashMap;

use super::{COLUMNS, User, UserTeam, from_row};
use crate::db::Tx;
use crate::fleet::fault::Outcome;
use crate::fleet::list::{ListOptions, OrderKey, Owned};
use crate::fleet::team::{self, Team};
use crate::params;
use crate::rights::Role;

/// What the list can be ordered by.
pub const ORDER_KEYS: &[OrderKey] = &[
    ("id", "id"),
    ("created_at", "created_at"),
    ("updated_at", "updated_at"),
    ("name", "name"),
    ("email", "email"),
    ("position", "position"),
    ("global_role", "global_role"),
    ("sso_enabled", "sso_enabled"),
    ("api_only", "api_only"),
];

/// A page of users, those of one team when it is given. The text matches names and mail addresses.
pub fn list(tx: &mut Tx<'_>, options: &ListOptions, team: Option<u32>) -> Outcome<Vec<User>> {
    let tail = options.tail(ORDER_KEYS, 3)?;
    let pattern = options.pattern().unwrap_or_else(|| "%".to_owned());
    let sql = format!(
        "SELECT {COLUMNS} FROM users WHERE (name_key LIKE $1 ESCAPE '\\' OR email_key LIKE $1 ESCAPE '\\') \
         AND ($2 = 0 OR id IN (SELECT user_id FROM user_teams WHERE team_id = $2)){}",
        tail.sql
    );
    let team = team.unwrap_or(0);
    let mut arguments = params![pattern, team].to_vec();
    arguments.extend(tail.after.iter().map(Owned::value));
    let mut users = tx.all(&sql, &arguments, from_row)?;
    add_teams(tx, &mut users)?;
    Ok(users)
}

/// The teams of all of them, each read once.
fn add_teams(tx: &mut Tx<'_>, users: &mut [User]) -> Outcome<()> {
    let sql = "SELECT user_id, team_id, role FROM user_teams ORDER BY user_id, team_id";
    let roles = tx.all(sql, &[], |row| Ok((row.take()?, row.take()?, row.take::<String>()?)))?;
    let positions: HashMap<u32, usize> = users.iter().enumerate().map(|(n, user)| (user.id, n)).collect();
    let mut teams: HashMap<u32, Team> = HashMap::new();
    for (user, id, role) in roles {
        let (Some(position), Some(role)) = (positions.get(&user), Role::parse(&role)) else { continue };
        let team = match teams.get(&id) {
            Some(team) => team.clone(),
            None => {
                let team = team::by_id(tx, id)?;
                teams.insert(id, team.clone());
                team
            }
        };
        users[*position].teams.push(UserTeam { team, role });
    }
    Ok(())
}
