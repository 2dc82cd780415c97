//! Stopping the server: not over the API (the Cuckoo reference, section 5.20).

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use http::StatusCode;

use crate::api::Error;
use crate::server::Sandbox;

pub fn routes() -> Router<Arc<Sandbox>> {
    let refuse = || async { Error::new(StatusCode::FORBIDDEN, "This call can only be used in debug mode") };
    Router::new().route("/exit", get(refuse))
}
