//! What users did (the Fleet reference, section 12.2).

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use store::fleet::activity::{self, Activity};
use store::rights::{Action, Object};

use crate::error::Result;
use crate::reply::Reply;
use crate::request::{Asked, Paging, Parameter, Parameters};
use crate::route::{Access, Noun, Route};
use crate::server::Fleet;

pub const NOUN: Noun = Noun { name: "activities", routes };

fn routes() -> Vec<Route> {
    let access = Access::May(Action::List, Object::Activity);
    vec![Route::get("activities", access, "What users did, oldest first.", list)]
}

#[derive(Serialize, JsonSchema)]
struct Shown {
    activities: Vec<Activity>,
}

/// What lists of activities take.
struct Listing;

impl Parameters for Listing {
    const PAGING: Paging = Paging::Ordered(activity::ORDER_KEYS);
    const OWN: &'static [Parameter] = &[];
}

async fn list(State(fleet): State<Arc<Fleet>>, query: Asked<Listing>) -> Result<Reply<Shown>> {
    let activities = fleet.db.read(move |tx| activity::list(tx, &query.options)).await?;
    Ok(Reply(Shown { activities }))
}
