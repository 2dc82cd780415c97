//! Logging in and out (the Fleet reference, sections 2.2 and 2.3).

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::fleet::session::{self, Session};
use store::fleet::user::{self, User};
use store::fleet::{key, password};
use store::rights::{Action, Object, Of};

use crate::error::{Error, Result};
use crate::reply::{DONE, Empty, Reply};
use crate::request::{Body, Id, Peer, Viewer};
use crate::route::{Access, Noun, Route};
use crate::server::Fleet;

pub const NOUN: Noun = Noun { name: "sessions", routes };

fn routes() -> Vec<Route> {
    let read = Access::May(Action::Read, Object::Session);
    let write = Access::May(Action::Write, Object::Session);
    vec![
        Route::post("login", Access::Public("asks for the password"), "Log in.", login),
        Route::post("logout", Access::Session, "End this session.", logout),
        Route::get("me", Access::Session, "Who is logged in.", me),
        Route::get("sessions/{id}", read, "One session.", show),
        Route::delete("sessions/{id}", write, "End a session.", end),
        Route::get("users/{id}/sessions", read, "The sessions of a user.", of_user),
        Route::delete("users/{id}/sessions", write, "End all sessions of a user.", end_of_user),
    ]
}

#[derive(Deserialize, JsonSchema)]
struct Login {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
}

/// A team as those who log in see it.
#[derive(Serialize, JsonSchema)]
pub struct TeamSummary {
    id: u32,
    name: String,
    description: String,
}

#[derive(Serialize, JsonSchema)]
struct LoggedIn {
    user: User,
    available_teams: Vec<TeamSummary>,
    token: String,
}

#[derive(Serialize, JsonSchema)]
struct Me {
    user: User,
    available_teams: Vec<TeamSummary>,
}

/// The teams that a user sees.
pub fn available_teams(tx: &mut store::db::Tx<'_>, user: &User) -> Result<Vec<TeamSummary>> {
    let all = tx.all("SELECT id, name, description FROM teams ORDER BY name_key", &[], |row| {
        Ok(TeamSummary { id: row.take()?, name: row.take()?, description: row.take()? })
    })?;
    let sees =
        |team: &TeamSummary| user.global_role.is_some() || user.teams.iter().any(|on| on.team.id == team.id);
    Ok(all.into_iter().filter(sees).collect())
}

async fn login(
    State(fleet): State<Arc<Fleet>>,
    Peer(peer): Peer,
    Body(given): Body<Login>,
) -> Result<Reply<LoggedIn>> {
    fleet.throttles.login.check(peer)?;
    let email = key(&given.email);
    let known = fleet.db.read(move |tx| user::password_of(tx, &email)).await?;
    let hash = known.as_ref().map(|(_, hash)| hash.clone());
    let matches =
        tokio::task::spawn_blocking(move || password::matches(&given.password, hash.as_deref())).await;
    let id = known.map(|(id, _)| id).filter(|_| matches.unwrap_or(false));
    let id = id.ok_or_else(|| Error::unauthorised("Authentication failed"))?;
    let reply = fleet.db.write(move |tx| -> Result<_> {
        let token = session::create(tx, id)?;
        let user = user::by_id(tx, id)?;
        let available_teams = available_teams(tx, &user)?;
        Ok(LoggedIn { user, available_teams, token })
    });
    Ok(Reply(reply.await?))
}

async fn logout(State(fleet): State<Arc<Fleet>>, viewer: Viewer) -> Result<Reply<Empty>> {
    fleet.db.write(move |tx| session::delete(tx, viewer.session_id)).await?;
    Ok(DONE)
}

async fn me(State(fleet): State<Arc<Fleet>>, viewer: Viewer) -> Result<Reply<Me>> {
    let user = (*viewer.user).clone();
    let reply = fleet.db.read(move |tx| -> Result<_> {
        Ok(Me { user: user.clone(), available_teams: available_teams(tx, &user)? })
    });
    Ok(Reply(reply.await?))
}

async fn show(State(fleet): State<Arc<Fleet>>, viewer: Viewer, Id(id): Id) -> Result<Reply<Session>> {
    let session = fleet.db.read(move |tx| session::by_id(tx, id)).await?;
    viewer.require(Action::Read, Object::Session, Of::Owner(session.user_id))?;
    Ok(Reply(session))
}

async fn end(State(fleet): State<Arc<Fleet>>, viewer: Viewer, Id(id): Id) -> Result<Reply<Empty>> {
    let done = fleet.db.write(move |tx| -> Result<()> {
        let session = session::by_id(tx, id)?;
        viewer.require(Action::Write, Object::Session, Of::Owner(session.user_id))?;
        Ok(session::delete(tx, id)?)
    });
    done.await?;
    Ok(DONE)
}

#[derive(Serialize, JsonSchema)]
struct Sessions {
    sessions: Vec<Session>,
}

async fn of_user(State(fleet): State<Arc<Fleet>>, viewer: Viewer, Id(id): Id) -> Result<Reply<Sessions>> {
    let sessions = fleet.db.read(move |tx| -> Result<_> {
        user::by_id(tx, id)?;
        viewer.require(Action::Read, Object::Session, Of::Owner(id))?;
        Ok(session::of_user(tx, id)?)
    });
    Ok(Reply(Sessions { sessions: sessions.await? }))
}

async fn end_of_user(State(fleet): State<Arc<Fleet>>, viewer: Viewer, Id(id): Id) -> Result<Reply<Empty>> {
    let done = fleet.db.write(move |tx| -> Result<()> {
        user::by_id(tx, id)?;
        viewer.require(Action::Write, Object::Session, Of::Owner(id))?;
        Ok(session::delete_of_user(tx, id)?)
    });
    done.await?;
    Ok(DONE)
}
