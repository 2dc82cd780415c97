//! The server itself: version and status (the Fleet reference, section 3.5).

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use crate::error::Result;
use crate::live;
use crate::reply::{DONE, Empty, Reply};
use crate::route::{Access, Noun, Route};
use crate::server::Fleet;

pub const NOUN: Noun = Noun { name: "server", routes };

fn routes() -> Vec<Route> {
    vec![
        Route::get("version", Access::Session, "Which version runs.", async || Reply(version())),
        Route::get("status/live_query", Access::Session, "Whether live queries can run.", live_query),
        Route::get("status/result_store", Access::Session, "Whether results can be kept.", result_store),
    ]
}

/// What runs.
#[derive(Serialize, JsonSchema)]
pub struct Version {
    version: &'static str,
    branch: &'static str,
    revision: &'static str,
    go_version: &'static str,
    build_date: &'static str,
    build_user: &'static str,
}

/// What runs.
pub fn version() -> Version {
    Version {
        version: env!("CARGO_PKG_VERSION"),
        branch: "",
        revision: "",
        go_version: "",
        build_date: "",
        build_user: "",
    }
}

async fn live_query(State(fleet): State<Arc<Fleet>>) -> Result<Reply<Empty>> {
    live::check_enabled(&fleet).await?;
    Ok(DONE)
}

/// Results are kept in this process, so they can be kept whenever it answers.
async fn result_store(State(_): State<Arc<Fleet>>) -> Result<Reply<Empty>> {
    Ok(DONE)
}
