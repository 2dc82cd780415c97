//! What is not of the API: is the server well, which version, numbers for graphs, and the description of the API (the Fleet
//! reference, section 13).
//!
//! ```text
//! GET /healthz            200 when requests can be served, 500 when the database does not answer
//! GET /livez              200 while the process answers at all
//! GET /version            as the route of the API
//! GET /metrics            Prometheus text; only with a login in the settings
//! GET /api/openapi.json   the routes
//! ```

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use store::db::DbError;
use store::fleet::{token, user};

use crate::openapi;
use crate::reply::Reply;
use crate::routes::version;
use crate::server::Fleet;

/// The routes.
pub fn router() -> Router<Arc<Fleet>> {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/livez", get(|| async { StatusCode::OK }))
        .route("/version", get(async || Reply(version())))
        .route("/metrics", get(metrics))
        .route("/api/openapi.json", get(async || Reply(openapi::document())))
}

async fn healthz(State(fleet): State<Arc<Fleet>>) -> StatusCode {
    let answer: Result<u64, DbError> = fleet.db.read(user::count).await;
    match answer {
        Ok(_) => StatusCode::OK,
        Err(error) => {
            tracing::error!(target: "fleet", %error, "the server is not well: its database does not answer");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

async fn metrics(State(fleet): State<Arc<Fleet>>, headers: HeaderMap) -> Response {
    let Some((name, password)) = &fleet.settings.metrics_login else {
        return (StatusCode::NOT_FOUND, "404 page not found\n").into_response();
    };
    if !is_login(&headers, name, password) {
        let mut response = (StatusCode::UNAUTHORIZED, "Unauthorized\n").into_response();
        let ask = HeaderValue::from_static("Basic realm=\"metrics\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, ask);
        return response;
    }
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], fleet.metrics.text(&fleet)).into_response()
}

/// Digests are compared, so that the time tells nothing of the password.
fn is_login(headers: &HeaderMap, name: &str, password: &str) -> bool {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = value
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|(_, encoded)| BASE64_STANDARD.decode(encoded.trim()).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok());
    given.is_some_and(|given| token::hash(&given) == token::hash(&format!("{name}:{password}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_login_of_the_settings_opens() {
        let opens = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            is_login(&headers, "prom", "a:b")
        };
        let basic = |login: &str| format!("Basic {}", BASE64_STANDARD.encode(login));
        assert!(opens(&basic("prom:a:b")));
        assert!(opens(&basic("prom:a:b").replace("Basic", "basic")));
        assert!(!opens(&basic("prom:a")) && !opens(&basic("prom")) && !opens("Basic !") && !opens("x"));
        assert!(!is_login(&HeaderMap::new(), "prom", "a:b"));
    }
}
