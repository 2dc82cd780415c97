//! Secrets with which agents enrol (the Fleet reference, section 3.3).

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::fleet::enroll_secret::{self, EnrollSecret};
use store::rights::{Action, Object};

use crate::error::Result;
use crate::reply::{DONE, Empty, Reply};
use crate::request::Body;
use crate::route::{Access, Noun, Route};
use crate::server::Fleet;

pub const NOUN: Noun = Noun { name: "enroll secrets", routes };

fn routes() -> Vec<Route> {
    let read = Access::May(Action::Read, Object::EnrollSecret);
    let write = Access::May(Action::Write, Object::EnrollSecret);
    vec![
        Route::get("spec/enroll_secret", read, "The global enroll secrets.", show),
        Route::post("spec/enroll_secret", write, "Replace the global enroll secrets.", replace),
    ]
}

#[derive(Serialize, JsonSchema)]
struct Shown {
    spec: Spec<EnrollSecret>,
}

#[derive(Deserialize, JsonSchema)]
struct Given {
    spec: Spec<GivenSecret>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Spec<S> {
    secrets: Vec<S>,
}

#[derive(Deserialize, JsonSchema)]
struct GivenSecret {
    secret: String,
}

async fn show(State(fleet): State<Arc<Fleet>>) -> Result<Reply<Shown>> {
    let secrets = fleet.db.read(|tx| enroll_secret::list(tx, None)).await?;
    Ok(Reply(Shown { spec: Spec { secrets } }))
}

async fn replace(State(fleet): State<Arc<Fleet>>, Body(given): Body<Given>) -> Result<Reply<Empty>> {
    let secrets: Vec<String> = given.spec.secrets.into_iter().map(|given| given.secret).collect();
    fleet.db.write(move |tx| enroll_secret::replace(tx, None, &secrets)).await?;
    Ok(DONE)
}
