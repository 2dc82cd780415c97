//! Names into numbers (the Fleet reference, section 12.4).

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::db::Tx;
use store::fleet::{Fault, team, translate, user};
use store::rights::{Action, Object, Of};

use super::users::require_read;
use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::request::{Body, Viewer};
use crate::route::{Access, Noun, Route};
use crate::server::Fleet;

pub const NOUN: Noun = Noun { name: "translate", routes };

/// The most names of one request.
const MAX_NAMES: usize = 10_000;

fn routes() -> Vec<Route> {
    let access = Access::Session;
    vec![Route::post("translate", access, "Numbers of users, labels, teams and hosts by their names.", all)]
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct List {
    #[serde(default)]
    list: Vec<Item>,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Item {
    #[serde(rename = "type")]
    kind: String,
    payload: Payload,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Payload {
    identifier: String,
    #[serde(default)]
    id: u32,
}

async fn all(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Body(given): Body<List>,
) -> Result<Reply<List>> {
    if given.list.len() > MAX_NAMES {
        return Err(Error::invalid("list", format!("{MAX_NAMES} names at most can be given at once")));
    }
    let translated = fleet.db.read(move |tx| -> Result<_> {
        let mut list = given.clone();
        for item in &mut list.list {
            item.payload.id = one(tx, &viewer, &item.kind, &item.payload.identifier)?;
        }
        Ok(list)
    });
    Ok(Reply(translated.await?))
}

/// What the viewer cannot see is not there.
fn one(tx: &mut Tx<'_>, viewer: &Viewer, kind: &str, name: &str) -> Result<u32> {
    match kind {
        "user" => {
            let user = user::by_email(tx, name)?;
            require_read(viewer, &user).map_err(|_| Error::not_found("User", name))?;
            Ok(user.id)
        }
        "label" => {
            viewer.require(Action::Read, Object::Label, Of::All)?;
            Ok(translate::label(tx, name)?)
        }
        "team" => {
            let team = team::by_name(tx, name)?;
            let on = viewer.user.teams.iter().any(|on| on.team.id == team.id);
            let sees = viewer.user.global_role.is_some() || on;
            if sees { Ok(team.id) } else { Err(Error::not_found("Team", name)) }
        }
        "host" => {
            let found = translate::host(tx, name, &viewer.subject.visible_hosts())?;
            Ok(found.ok_or_else(|| Fault::not_found("Host", name))?)
        }
        other => Err(Error::coded(3, &format!("unknown type {other}, choose from user, label, team, host"))),
    }
}
