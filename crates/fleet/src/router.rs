//! All routes under all their paths.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use http::StatusCode;

use crate::gate::{Gate, gate};
use crate::route::Route;
use crate::routes::NOUNS;
use crate::server::Fleet;
use crate::{agent, live, metrics, probes};

/// What users may do who must choose a new password first (the Fleet reference, section 2.2).
const BEFORE_RESET: [&str; 2] = ["logout", "perform_required_password_reset"];

/// The service. A path that is not known is answered with 404 and plain text, a method that is not with 405 and no body.
pub fn router(fleet: Arc<Fleet>) -> Router {
    let mut router = Router::new();
    for route in all() {
        let gate_state = Gate {
            fleet: fleet.clone(),
            access: route.access,
            is_setup: route.path == "setup",
            before_reset: BEFORE_RESET.contains(&route.path),
        };
        let handler = route.handler.clone().route_layer(from_fn_with_state(gate_state, gate));
        for path in paths(&route) {
            let positional = positional(&path);
            fleet.metrics.name(&positional, route.path);
            router = router.route(&positional, handler.clone());
        }
    }
    router
        .merge(agent::router())
        .merge(live::router())
        .merge(probes::router())
        .fallback(|| async { (StatusCode::NOT_FOUND, "404 page not found\n") })
        .layer(from_fn_with_state(fleet.clone(), metrics::observe))
        .with_state(fleet)
}

/// Every route of the API.
pub fn all() -> Vec<Route> {
    NOUNS.iter().flat_map(|noun| (noun.routes)()).collect()
}

/// The full paths of a route.
pub fn paths(route: &Route) -> Vec<String> {
    if route.path == "setup" {
        return vec!["/api/v1/setup".into(), "/api/setup".into()];
    }
    let names = std::iter::once(&route.path).chain(route.aliases);
    let under = |path: &&str| {
        route
            .versions
            .names()
            .iter()
            .map(|version| format!("/api/{version}/fleet/{path}"))
            .collect::<Vec<_>>()
    };
    names.flat_map(under).collect()
}

/// The router wants one name for all parameters at the same place, whatever each route calls its own.
fn positional(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        let is_parameter = part.starts_with('{');
        parts.push(if is_parameter { format!("{{p{}}}", parts.len()) } else { part.to_owned() });
    }
    parts.join("/")
}
