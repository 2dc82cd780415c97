//! Making, showing and deleting users.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use store::fleet::user::{self, NewUser, Roles, User};
use store::fleet::{invite, key};
use store::rights::{Action, Object, Of};

use super::One;
use super::passwords::{self, check_quality};
use super::payload::Payload;
use super::roles::{keep_an_admin, require_read, require_roles, require_write};
use crate::error::{Error, Result};
use crate::reply::{DONE, Empty, Reply};
use crate::request::{Asked, Body, Id, Kind, Paging, Parameter, Parameters, Viewer};
use crate::routes::sessions::{TeamSummary, available_teams};
use crate::server::Fleet;

#[derive(Serialize, JsonSchema)]
pub struct Many {
    users: Vec<User>,
}

/// What lists of users take.
pub struct Listing;

impl Parameters for Listing {
    const PAGING: Paging = Paging::Ordered(user::ORDER_KEYS);
    const OWN: &'static [Parameter] = &[
        Parameter("query", Kind::Text, "Part of the name or mail address."),
        Parameter("team_id", Kind::Number, "Only of this team."),
    ];
}

pub async fn list(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    query: Asked<Listing>,
) -> Result<Reply<Many>> {
    let team = query.number("team_id")?;
    viewer.require(Action::List, Object::User, Of::Team(team))?;
    let users = fleet.db.read(move |tx| user::list(tx, &query.options, team)).await?;
    Ok(Reply(Many { users }))
}

pub async fn create(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Body(given): Body<Payload>,
) -> Result<Reply<One>> {
    let uses_sso = given.sso_enabled.unwrap_or_default();
    let mut wrong = given.check_new(uses_sso);
    if given.invite_token.is_some() {
        wrong.add("invite_token", "Invite token should not be specified with admin user creation");
    }
    wrong.result()?;
    let roles = given.roles()?;
    let password = given.password.clone().filter(|_| !uses_sso);
    let new = NewUser {
        password_hash: hash_of(password).await?,
        // Who comes from elsewhere has no password here to choose.
        force_password_reset: given.admin_forced_password_reset.unwrap_or(true) && !uses_sso,
        sso_enabled: uses_sso,
        api_only: given.api_only.unwrap_or_default(),
        ..new_user(given, roles)
    };
    let made = fleet.db.write(move |tx| -> Result<_> {
        let roles = Roles { global: new.global_role, teams: new.teams.clone() };
        require_roles(tx, &viewer, Action::Create, Object::User, &Roles::default(), &roles)?;
        Ok(user::create(tx, &new)?)
    });
    Ok(Reply(One { user: made.await? }))
}

fn new_user(given: Payload, roles: Roles) -> NewUser {
    NewUser {
        name: given.name.unwrap_or_default(),
        email: given.email.unwrap_or_default(),
        gravatar_url: given.gravatar_url.unwrap_or_default(),
        position: given.position.unwrap_or_default(),
        global_role: roles.global,
        teams: roles.teams,
        ..NewUser::default()
    }
}

async fn hash_of(password: Option<String>) -> Result<Option<String>> {
    match password {
        Some(password) => passwords::hash(password).await.map(Some),
        None => Ok(None),
    }
}

/// The roles come from the invitation, whatever the payload says.
pub async fn accept(State(fleet): State<Arc<Fleet>>, Body(given): Body<Payload>) -> Result<Reply<One>> {
    let token = given.invite_token.clone().filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| Error::invalid("invite_token", "missing required argument"))?;
    let unknown = || Error::not_found("Invite", "with that token");
    let wanted = token.clone();
    let invite = fleet.db.read(move |tx| invite::by_token(tx, &wanted)).await?.ok_or_else(unknown)?;
    let uses_sso = invite.sso_enabled;
    let mut wrong = given.check_new(uses_sso);
    if given.email.as_deref().is_some_and(|email| key(email) != key(&invite.email)) {
        wrong.add("email", "is not the address that was invited");
    }
    wrong.result()?;
    let password = given.password.clone().filter(|_| !uses_sso);
    if let Some(password) = &password {
        check_quality("password", password)?;
    }
    let new = NewUser {
        password_hash: hash_of(password).await?,
        sso_enabled: uses_sso,
        ..new_user(given, Roles::default())
    };
    let made = fleet.db.write(move |tx| -> Result<_> {
        // Used meanwhile, or changed: what it says now counts.
        let invite = invite::by_token(tx, &token)?.ok_or_else(unknown)?;
        let roles = invite.roles();
        if roles == Roles::default() {
            return Err(Error::coded(1, "either global role or team role needs to be defined"));
        }
        if key(&new.email) != key(&invite.email) || new.sso_enabled != invite.sso_enabled {
            return Err(unknown());
        }
        invite::delete(tx, invite.id)?;
        let new = NewUser { global_role: roles.global, teams: roles.teams, ..new.clone() };
        Ok(user::create(tx, &new)?)
    });
    Ok(Reply(One { user: made.await? }))
}

#[derive(Serialize, JsonSchema)]
pub struct Shown {
    user: User,
    available_teams: Vec<TeamSummary>,
}

pub async fn show(State(fleet): State<Arc<Fleet>>, viewer: Viewer, Id(id): Id) -> Result<Reply<Shown>> {
    let shown = fleet.db.read(move |tx| -> Result<_> {
        let user = user::by_id(tx, id)?;
        require_read(&viewer, &user)?;
        let available_teams = available_teams(tx, &viewer.user)?;
        Ok(Shown { user, available_teams })
    });
    Ok(Reply(shown.await?))
}

pub async fn delete(State(fleet): State<Arc<Fleet>>, viewer: Viewer, Id(id): Id) -> Result<Reply<Empty>> {
    let done = fleet.db.write(move |tx| -> Result<_> {
        let user = user::by_id(tx, id)?;
        require_write(&viewer, &user)?;
        user::delete(tx, id)?;
        keep_an_admin(tx)?;
        Ok(user.email)
    });
    fleet.user_was(done.await?, None).await;
    Ok(DONE)
}
