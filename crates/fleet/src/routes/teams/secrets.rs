//! The secrets with which agents enrol into teams.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::fleet::enroll_secret::{self, EnrollSecret};
use store::fleet::{Outcome, team};
use store::rights::{Action, Object, Of};

use super::GivenSecret;
use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::request::{Body, Id, Viewer};
use crate::route::{Access, Route};
use crate::server::Fleet;

pub fn routes() -> Vec<Route> {
    let read = Access::May(Action::Read, Object::TeamEnrollSecret);
    let write = Access::May(Action::Write, Object::TeamEnrollSecret);
    vec![
        Route::get("teams/{id}/secrets", read, "The enroll secrets of a team.", list),
        Route::patch("teams/{id}/secrets", write, "Replace the enroll secrets of a team.", replace),
    ]
}

#[derive(Serialize, JsonSchema)]
struct Secrets {
    secrets: Vec<EnrollSecret>,
}

#[derive(Deserialize, JsonSchema)]
struct Given {
    secrets: Option<Vec<GivenSecret>>,
}

async fn list(State(fleet): State<Arc<Fleet>>, viewer: Viewer, Id(id): Id) -> Result<Reply<Secrets>> {
    viewer.require(Action::Read, Object::TeamEnrollSecret, Of::Team(Some(id)))?;
    let secrets = fleet.db.read(move |tx| -> Outcome<_> {
        team::by_id(tx, id)?;
        enroll_secret::list(tx, Some(id))
    });
    Ok(Reply(Secrets { secrets: secrets.await? }))
}

async fn replace(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Id(id): Id,
    Body(given): Body<Given>,
) -> Result<Reply<Secrets>> {
    viewer.require(Action::Write, Object::TeamEnrollSecret, Of::Team(Some(id)))?;
    let given = given.secrets.ok_or_else(|| Error::invalid("secrets", "missing required argument"))?;
    let secrets: Vec<String> = given.into_iter().map(|given| given.secret).collect();
    let replaced = fleet.db.write(move |tx| -> Outcome<_> {
        team::by_id(tx, id)?;
        team::set_secrets(tx, id, &secrets)?;
        enroll_secret::list(tx, Some(id))
    });
    Ok(Reply(Secrets { secrets: replaced.await? }))
}
