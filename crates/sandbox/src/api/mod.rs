//! The REST API (the Cuckoo reference). One file per noun under [`routes`].

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::{HeaderValue, Method, StatusCode, Uri};
use tower::util::MapRequest;

use crate::server::Sandbox;

mod access;
mod error;
pub(crate) mod fields;
pub mod form;
pub(crate) mod options;
mod reply;
mod routes;

pub use error::{Error, Result};

/// Headers of every answer (the Cuckoo reference, section 1.2).
const HEADERS: [(&str, &str); 7] = [
    ("server", "Machete Server"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("x-xss-protection", "1; mode=block"),
    ("pragma", "no-cache"),
    ("cache-control", "no-cache"),
    ("expires", "0"),
];

/// The service, under `/` and `/v1`, with and without a slash at the end of paths.
pub fn service<B>(sandbox: Arc<Sandbox>) -> MapRequest<Router, fn(http::Request<B>) -> http::Request<B>> {
    MapRequest::new(router(sandbox), plain_path)
}

/// All routes.
pub fn router(sandbox: Arc<Sandbox>) -> Router {
    Router::new()
        .merge(routes::all())
        .fallback(|| async { Error::not_found("Not found: there is no such path") })
        .method_not_allowed_fallback(|| async {
            Error::new(StatusCode::METHOD_NOT_ALLOWED, "The method is not allowed for this path")
        })
        .layer(from_fn_with_state(sandbox.clone(), answer))
        .with_state(sandbox)
}

/// Redirects would turn some clients' POST into GET, so both spellings lead to the route itself.
fn plain_path<B>(mut request: http::Request<B>) -> http::Request<B> {
    let path = request.uri().path();
    let plain = path.strip_prefix("/v1").filter(|rest| rest.starts_with('/')).unwrap_or(path);
    let plain = match plain.trim_end_matches('/') {
        "" => "/",
        plain => plain,
    };
    if plain != path {
        let plain = match request.uri().query() {
            Some(query) => format!("{plain}?{query}"),
            None => plain.to_owned(),
        };
        if let Ok(uri) = plain.parse::<Uri>() {
            *request.uri_mut() = uri;
        }
    }
    request
}

async fn answer(State(sandbox): State<Arc<Sandbox>>, request: Request, next: Next) -> Response {
    let is_options = request.method() == Method::OPTIONS;
    let mut response = match access::check(&sandbox.settings, request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into(),
    };
    if is_options && response.status() == StatusCode::METHOD_NOT_ALLOWED {
        // The router says which methods there are.
        response = Response::default();
    }
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
