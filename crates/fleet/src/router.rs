//! All routes under all their paths.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::middleware::from_fn_with_state;
use axum::{Extension, Router};
use http::{Method, StatusCode};

use crate::describe::Shapes;
use crate::gate::{Gate, gate};
use crate::request::Given;
use crate::route::Route;
use crate::routes::NOUNS;
use crate::server::Fleet;
use crate::{agent, live, metrics, probes};

/// What users may do who must choose a new password first (the Fleet reference, section 2.2).
const BEFORE_RESET: [&str; 2] = ["logout", "perform_required_password_reset"];

/// The service. A path that is not known is answered with 404 and plain text, a method that is not with 405 and no body.
pub fn router(fleet: Arc<Fleet>) -> Router {
    let mut router = Router::new();
    let routes = all();
    let literals = literals(&routes);
    for route in &routes {
        let gate_state = Gate {
            fleet: fleet.clone(),
            access: route.access,
            is_setup: route.path == "setup",
            before_reset: BEFORE_RESET.contains(&route.path),
        };
        let handler = route.handler.clone().route_layer(from_fn_with_state(gate_state, gate));
        let has_names = has_names(route);
        for path in paths(route) {
            for (literal, values) in hidden(route, &path, &literals).filter(|_| has_names) {
                router = router.route(literal, handler.clone().route_layer(Extension(Given(values))));
            }
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

/// Paths without parameters, and the methods that each has.
type Literals = BTreeMap<String, Vec<Method>>;

fn literals(routes: &[Route]) -> Literals {
    let mut literals = Literals::new();
    for route in routes {
        for path in paths(route).into_iter().filter(|path| !path.contains('{')) {
            literals.entry(path).or_default().push(route.method.clone());
        }
    }
    literals
}

/// Whether all parameters of a route's path are names.
fn has_names(route: &Route) -> bool {
    let are_numbers = (route.describe)(&mut Shapes::new()).path;
    !are_numbers.is_empty() && !are_numbers.contains(&true)
}

/// The paths that this one stands for too, but that other routes have for other methods, and the parameters there. A query may be
/// called "run": `DELETE queries/run` means the query, although `POST queries/run` is something else.
fn hidden<'l>(
    route: &'l Route,
    path: &'l str,
    literals: &'l Literals,
) -> impl Iterator<Item = (&'l str, Vec<String>)> {
    let free = literals.iter().filter(|(_, methods)| !methods.contains(&route.method));
    free.filter_map(move |(literal, _)| Some((literal.as_str(), values(path, literal)?)))
}

/// What the parameters of a path are in a path without any.
fn values(path: &str, literal: &str) -> Option<Vec<String>> {
    let (parts, given) = (path.split('/'), literal.split('/'));
    if parts.clone().count() != given.clone().count() {
        return None;
    }
    let mut values = Vec::new();
    for (part, given) in parts.zip(given) {
        match part.starts_with('{') {
            true => values.push(given.to_owned()),
            false if part == given => {}
            false => return None,
        }
    }
    Some(values)
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
