//! Roles of many users at once, by mail address and name of the team (the Fleet reference, section 2.6).

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;
use store::db::Tx;
use store::fleet::{team, user};
use store::rights::{Action, Object};

use super::payload::{GivenTeam, roles_of};
use super::roles::{keep_an_admin, require_roles, roles_now};
use crate::error::{Error, Result};
use crate::reply::{DONE, Empty, Reply};
use crate::request::{Body, Viewer};
use crate::server::Fleet;

/// The most users of one request.
const MAX_USERS: usize = 10_000;

#[derive(Deserialize, JsonSchema)]
pub struct Given {
    #[serde(default)]
    spec: Option<Spec>,
}

#[derive(Deserialize, JsonSchema)]
struct Spec {
    #[serde(default)]
    roles: BTreeMap<String, Wanted>,
}

#[derive(Deserialize, JsonSchema)]
struct Wanted {
    #[serde(default)]
    global_role: Option<String>,
    #[serde(default)]
    teams: Option<Vec<OnTeam>>,
}

#[derive(Deserialize, JsonSchema)]
struct OnTeam {
    name: String,
    #[serde(default)]
    role: String,
}

/// All or nothing.
pub async fn apply(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Body(given): Body<Given>,
) -> Result<Reply<Empty>> {
    let spec = given.spec.ok_or_else(|| Error::invalid("spec", "missing required argument"))?;
    if spec.roles.len() > MAX_USERS {
        return Err(Error::invalid("roles", format!("{MAX_USERS} users at most can be given at once")));
    }
    let done = fleet.db.write(move |tx| -> Result<()> {
        for (email, wanted) in &spec.roles {
            apply_one(tx, &viewer, email, wanted)?;
        }
        keep_an_admin(tx)
    });
    done.await?;
    Ok(DONE)
}

fn apply_one(tx: &mut Tx<'_>, viewer: &Viewer, email: &str, wanted: &Wanted) -> Result<()> {
    let target = user::by_email(tx, email)?;
    let mut teams = Vec::new();
    for on in wanted.teams.iter().flatten() {
        teams.push(GivenTeam { id: team::by_name(tx, &on.name)?.id, role: on.role.clone() });
    }
    let after = roles_of(wanted.global_role.as_deref(), &teams)?;
    require_roles(tx, viewer, Action::Write, Object::UserRole, &roles_now(&target), &after)?;
    Ok(user::set_roles(tx, target.id, &after)?)
}
