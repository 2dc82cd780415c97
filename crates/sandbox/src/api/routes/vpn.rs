//! VPNs: machines have none (the Cuckoo reference, section 5.19).

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use serde_json::json;

use crate::api::reply::Reply;
use crate::server::Sandbox;

pub fn routes() -> Router<Arc<Sandbox>> {
    Router::new().route("/vpn/status", get(|| async { Reply(json!({"vpns": {}})) }))
}
