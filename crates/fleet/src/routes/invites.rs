//! Invitations (the Fleet reference, section 2.6).

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use store::db::Tx;
use store::fleet::invite::{self, Invite, Wanted};
use store::fleet::user::{self, Roles};
use store::fleet::{Fault, app_config, team};
use store::rights::{Action, Object};

use super::users::{GivenTeam, limited, roles_of};
use crate::error::{Error, Result};
use crate::mail::{Mail, Mailer};
use crate::reply::{DONE, Empty, Reply};
use crate::request::{Asked, Body, Id, Name, Paging, Parameter, Parameters, Viewer};
use crate::route::{Access, Noun, Route};
use crate::server::Fleet;

pub const NOUN: Noun = Noun { name: "invites", routes };

fn routes() -> Vec<Route> {
    let read = Access::May(Action::Read, Object::Invite);
    let write = Access::May(Action::Write, Object::Invite);
    let token = Access::Public("asks for the token of the invitation");
    vec![
        Route::get("invites", read, "Invitations that were not used.", list),
        Route::post("invites", write, "Invite somebody.", create),
        Route::get("invites/{token}", token, "The invitation of a token.", show),
        Route::patch("invites/{id}", write, "Change an invitation.", change),
        Route::delete("invites/{id}", write, "Withdraw an invitation.", delete),
    ]
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
struct Given {
    email: Option<String>,
    name: Option<String>,
    position: Option<String>,
    sso_enabled: Option<bool>,
    global_role: Option<String>,
    teams: Option<Vec<GivenTeam>>,
}

#[derive(Serialize, JsonSchema)]
struct One {
    invite: Invite,
    /// Only when no mail could bring it to the one who is invited.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct Many {
    invites: Vec<Invite>,
}

/// What lists of invitations take.
struct Listing;

impl Parameters for Listing {
    const PAGING: Paging = Paging::Ordered(invite::ORDER_KEYS);
    const OWN: &'static [Parameter] = &[];
}

async fn list(State(fleet): State<Arc<Fleet>>, query: Asked<Listing>) -> Result<Reply<Many>> {
    let invites = fleet.db.read(move |tx| invite::list(tx, &query.options)).await?;
    Ok(Reply(Many { invites }))
}

async fn show(State(fleet): State<Arc<Fleet>>, token: Name) -> Result<Reply<One>> {
    let found = fleet.db.read(move |tx| invite::by_token(tx, &token.once)).await?;
    let invite = found.ok_or_else(|| Error::not_found("Invite", "with that token"))?;
    Ok(Reply(One { invite, token: None }))
}

async fn create(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Body(given): Body<Given>,
) -> Result<Reply<One>> {
    let email = given.email.clone().unwrap_or_default();
    if email.trim().is_empty() {
        return Err(Error::invalid("email", "missing required argument"));
    }
    let teams = given.teams.as_deref().unwrap_or_default();
    let wanted = Wanted {
        email,
        name: given.name.clone().unwrap_or_default(),
        position: given.position.clone().unwrap_or_default(),
        sso_enabled: given.sso_enabled.unwrap_or_default(),
        roles: roles_of(given.global_role.as_deref(), teams)?,
    };
    check(&wanted)?;
    let by = viewer.user.id;
    let made = fleet.db.write(move |tx| -> Result<_> {
        check_free(tx, &wanted)?;
        let (invite, token) = invite::create(tx, by, &wanted)?;
        Ok((invite, token, app_config::get(tx)?))
    });
    let (invite, token, config) = made.await?;
    let sent = send(&config, &invite, &token).await?;
    Ok(Reply(One { invite, token: (!sent).then_some(token) }))
}

fn check(wanted: &Wanted) -> Result<()> {
    limited("email", &wanted.email)?;
    limited("name", &wanted.name)?;
    limited("position", &wanted.position)
}

/// Nobody has the address yet, and the teams are there.
fn check_free(tx: &mut Tx<'_>, wanted: &Wanted) -> Result<()> {
    match user::by_email(tx, &wanted.email) {
        Ok(_) => return Err(Fault::Exists { kind: "User", name: wanted.email.trim().to_owned() }.into()),
        Err(Fault::NotFound { .. }) => {}
        Err(other) => return Err(other.into()),
    }
    for (id, _) in &wanted.roles.teams {
        team::by_id(tx, *id)?;
    }
    Ok(())
}

async fn change(State(fleet): State<Arc<Fleet>>, Id(id): Id, Body(given): Body<Given>) -> Result<Reply<One>> {
    let changed = fleet.db.write(move |tx| -> Result<_> {
        let wanted = laid_over(&invite::by_id(tx, id)?, &given)?;
        check(&wanted)?;
        check_free(tx, &wanted)?;
        let (invite, token) = invite::update(tx, id, &wanted)?;
        Ok((invite, token, app_config::get(tx)?))
    });
    let (invite, token, config) = changed.await?;
    let Some(token) = token else { return Ok(Reply(One { invite, token: None })) };
    let sent = send(&config, &invite, &token).await?;
    Ok(Reply(One { invite, token: (!sent).then_some(token) }))
}

/// What is given replaces what was there; one kind of role replaces the other.
fn laid_over(before: &Invite, given: &Given) -> Result<Wanted> {
    let text = |given: &Option<String>, before: &str| given.clone().unwrap_or_else(|| before.to_owned());
    let global = given.global_role.as_deref().filter(|role| !role.is_empty());
    let roles: Roles = match (global, given.teams.as_deref().unwrap_or_default()) {
        (None, []) => before.roles(),
        (global, teams) => roles_of(global, teams)?,
    };
    let email = text(&given.email, &before.email);
    if email.trim().is_empty() {
        return Err(Error::invalid("email", "cannot be empty"));
    }
    Ok(Wanted {
        email,
        name: text(&given.name, &before.name),
        position: text(&given.position, &before.position),
        sso_enabled: given.sso_enabled.unwrap_or(before.sso_enabled),
        roles,
    })
}

async fn delete(State(fleet): State<Arc<Fleet>>, Id(id): Id) -> Result<Reply<Empty>> {
    fleet.db.write(move |tx| invite::delete(tx, id)).await?;
    Ok(DONE)
}

/// Sends the token; false when no mail server is configured.
async fn send(config: &Json, invite: &Invite, token: &str) -> Result<bool> {
    let Some(mailer) = Mailer::of(config)? else { return Ok(false) };
    let server = config["server_settings"]["server_url"].as_str().unwrap_or_default();
    let organisation = config["org_info"]["org_name"].as_str().unwrap_or_default();
    let text = format!(
        "{organisation} invites you to {server}.\n\nThe token of your invitation, valid for five days:\n\n{token}\n\n\
         Send it with your name, this mail address and a password to {server}/api/v1/fleet/users.\n"
    );
    mailer.send(&Mail { to: invite.email.clone(), subject: "You are invited", text }).await?;
    Ok(true)
}
