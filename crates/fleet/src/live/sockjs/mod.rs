//! SockJS (the Fleet reference, section 11.7): streams for browsers that no WebSocket gets through to.
//!
//! The protocol is small and the crates for it are abandoned, so it is spoken here. A *receiving* request takes frames out
//! of a session, a *sending* one puts messages into it; the session's conversation knows nothing of either.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use crate::server::Fleet;

mod frame;
mod iframe;
mod receive;
mod send;
mod session;
mod websocket;

pub use session::Sessions;

/// Caches may keep what never changes for a year.
const YEAR: &str = "public, max-age=31536000";
const NO_CACHE: &str = "no-store, no-cache, no-transform, must-revalidate, max-age=0";

/// The routes below a prefix that ends in `results`.
pub fn router(prefix: &str) -> Router<Arc<Fleet>> {
    Router::new()
        .route(prefix, any(greeting))
        .route(&format!("{prefix}/"), any(greeting))
        .route(&format!("{prefix}/{{page}}"), any(page))
        .route(&format!("{prefix}/{{server}}/{{session}}/{{transport}}"), any(transport))
}

async fn greeting(method: Method) -> Response {
    if method != Method::GET {
        return not_allowed("GET");
    }
    ([(header::CONTENT_TYPE, "text/plain; charset=UTF-8")], "Welcome to SockJS!\n").into_response()
}

async fn page(Path(page): Path<String>, method: Method, headers: HeaderMap) -> Response {
    let response = match (&*page, method) {
        ("info", Method::GET) => info(),
        ("info", Method::OPTIONS) => preflight("OPTIONS, GET", &headers),
        ("info", _) => not_allowed("OPTIONS, GET"),
        (page, Method::GET) if iframe::is_page(page) => iframe::page(&headers),
        (page, _) if iframe::is_page(page) => not_allowed("GET"),
        _ => return unknown(),
    };
    with_cors(response, &headers)
}

fn not_allowed(methods: &'static str) -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, methods)]).into_response()
}

fn unknown() -> Response {
    (StatusCode::NOT_FOUND, "404 page not found\n").into_response()
}

fn info() -> Response {
    let entropy = getrandom::u32().unwrap_or_default();
    let info = serde_json::json!({
        "websocket": true, "cookie_needed": false, "origins": ["*:*"], "entropy": entropy,
    });
    let headers =
        [(header::CONTENT_TYPE, "application/json; charset=UTF-8"), (header::CACHE_CONTROL, NO_CACHE)];
    (headers, info.to_string()).into_response()
}

/// What browsers ask before they send something to another origin.
fn preflight(methods: &'static str, asked: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(methods));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("31536000"));
    keep_for_a_year(headers);
    if let Some(wanted) = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    response
}

/// For what never changes.
fn keep_for_a_year(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(YEAR));
    headers.insert(header::EXPIRES, next_year());
}

fn next_year() -> HeaderValue {
    let then = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(365 * 24);
    let text = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&then);
    text.ok().and_then(|text| text.parse().ok()).unwrap_or(HeaderValue::from_static("0"))
}

fn with_cors(mut response: Response, asked: &HeaderMap) -> Response {
    let origin = asked.get(header::ORIGIN).cloned().unwrap_or(HeaderValue::from_static("*"));
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    response
}

/// Of the server part nothing is used: it helps load balancers.
async fn transport(
    State(fleet): State<Arc<Fleet>>,
    Path((server, session, transport)): Path<(String, String, String)>,
    request: http::Request<Body>,
) -> Response {
    let is_part = |part: &str| !part.is_empty() && !part.contains('.');
    if !is_part(&server) || !is_part(&session) {
        return unknown();
    }
    let headers = request.headers().clone();
    let query = request.uri().query().map(String::from);
    let (methods, allowed) = match &*transport {
        "xhr" | "xhr_streaming" | "xhr_send" | "jsonp_send" => ("OPTIONS, POST", Method::POST),
        "websocket" => ("GET", Method::GET),
        "eventsource" | "htmlfile" | "jsonp" => ("OPTIONS, GET", Method::GET),
        _ => return unknown(),
    };
    let response = if request.method() == Method::OPTIONS && transport != "websocket" {
        preflight(methods, &headers)
    } else if request.method() != allowed {
        not_allowed(methods)
    } else {
        match &*transport {
            "websocket" => return websocket::upgrade(fleet, request).await,
            "xhr_send" => send::xhr(&fleet, &session, request).await,
            "jsonp_send" => send::jsonp(&fleet, &session, request).await,
            receiving => receive::receive(&fleet, &session, receiving, query.as_deref()).await,
        }
    };
    with_cors(response, &headers)
}
