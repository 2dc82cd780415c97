//! What users did (the Fleet reference, section 12.2).

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use store::fleet::activity::{self, Activity};
use store::rights::{Action, Object};

use crate::error::Result;
use crate::reply::Reply;
use crate::request::ListQuery;
use crate::route::{Access, Noun, Route};
use crate::server::Fleet;

pub const NOUN: Noun = Noun { name: "activities", routes };

fn routes() -> Vec<Route> {
    let access = Access::May(Action::List, Object::Activity);
    vec![Route::get("activities", access, "What users did, oldest first.", list)]
}

#[derive(Serialize)]
struct Shown {
    activities: Vec<Activity>,
}

async fn list(State(fleet): State<Arc<Fleet>>, query: ListQuery) -> Result<Reply<Shown>> {
    let activities = fleet.db.read(move |tx| activity::list(tx, &query.options)).await?;
    Ok(Reply(Shown { activities }))
}
