//! What osquery agents talk to (the osquery reference). Agents look at bodies only, never at status codes, and take
//! every JSON object without a key `error` for a success: each failure here has that key.

use std::sync::Arc;

use axum::Router;
use axum::routing::post;

use crate::server::Fleet;

mod carve;
mod config;
mod details;
mod distributed;
mod enroll;
mod log;
mod node;
mod refusal;
mod registry;
mod work;

pub use details::{Row, platform_family};
pub use registry::Agents;

/// The routes, under both of their paths.
pub fn router() -> Router<Arc<Fleet>> {
    let under = |prefix: &str| {
        let path = |name: &str| format!("{prefix}/{name}");
        Router::new()
            .route(&path("enroll"), post(enroll::enroll))
            .route(&path("config"), post(config::config))
            .route(&path("distributed/read"), post(distributed::read))
            .route(&path("distributed/write"), post(distributed::write))
            .route(&path("log"), post(log::log))
            .route(&path("carve/begin"), post(carve::begin))
            .route(&path("carve/block"), post(carve::block))
    };
    under("/api/osquery").merge(under("/api/v1/osquery"))
}
