//! Users on teams.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::db::Tx;
use store::fleet::user::{self, User};
use store::fleet::{Outcome, team};
use store::rights::{Action, Object, Of, Role};

use super::{One, shown};
use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::request::{Body, Id, Viewer};
use crate::route::{Access, Route};
use crate::server::Fleet;

pub fn routes() -> Vec<Route> {
    let read = Access::May(Action::Read, Object::Team);
    let write = Access::May(Action::Write, Object::Team);
    vec![
        Route::get("teams/{id}/users", read, "The users on a team.", list),
        Route::patch("teams/{id}/users", write, "Put users on a team, or change their roles on it.", add),
        Route::delete("teams/{id}/users", write, "Take users from a team.", remove),
    ]
}

#[derive(Serialize, JsonSchema)]
struct Users {
    users: Vec<User>,
}

#[derive(Deserialize, JsonSchema)]
struct Given {
    users: Option<Vec<GivenUser>>,
}

#[derive(Deserialize, JsonSchema)]
struct GivenUser {
    id: u32,
    role: Option<String>,
}

impl Given {
    fn users(self) -> Result<Vec<GivenUser>> {
        self.users.ok_or_else(|| Error::invalid("users", "missing required argument"))
    }
}

async fn list(State(fleet): State<Arc<Fleet>>, viewer: Viewer, Id(id): Id) -> Result<Reply<Users>> {
    viewer.require(Action::Read, Object::Team, Of::Team(Some(id)))?;
    let users = fleet.db.read(move |tx| -> Outcome<_> {
        team::by_id(tx, id)?;
        team::users(tx, id)?.into_iter().map(|(user_id, _)| user::by_id(tx, user_id)).collect()
    });
    Ok(Reply(Users { users: users.await? }))
}

async fn add(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Id(id): Id,
    Body(given): Body<Given>,
) -> Result<Reply<One>> {
    viewer.require(Action::Write, Object::Team, Of::Team(Some(id)))?;
    let role = |given: GivenUser| -> Result<(u32, Role)> {
        let role = given.role.as_deref().unwrap_or_default();
        let parsed = Role::parse(role)
            .ok_or_else(|| Error::invalid("users", format!("{role} is not a valid role for a team user")))?;
        Ok((given.id, parsed))
    };
    let users = given.users()?.into_iter().map(role).collect::<Result<Vec<_>>>()?;
    let changed = fleet.db.write(move |tx: &mut Tx<'_>| -> Result<_> {
        team::by_id(tx, id)?;
        for (user_id, role) in &users {
            let is_global = user::by_id(tx, *user_id)?.global_role.is_some();
            if is_global && viewer.subject.global.is_none() {
                return Err(Error::forbidden());
            }
            team::set_user(tx, id, *user_id, *role)?;
        }
        Ok(shown(tx, id)?)
    });
    Ok(Reply(changed.await?))
}

async fn remove(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Id(id): Id,
    Body(given): Body<Given>,
) -> Result<Reply<One>> {
    viewer.require(Action::Write, Object::Team, Of::Team(Some(id)))?;
    let users = given.users()?;
    let changed = fleet.db.write(move |tx| -> Outcome<_> {
        team::by_id(tx, id)?;
        for user in &users {
            team::remove_user(tx, id, user.id)?;
        }
        shown(tx, id)
    });
    Ok(Reply(changed.await?))
}
