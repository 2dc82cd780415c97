//! Sending requests: messages of the client for its session.

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{Request, StatusCode, header};

use super::unknown;
use crate::request::{query_pairs, read_limited};
use crate::server::Fleet;

/// The most bytes of one request.
const MAX_BODY: usize = 64 << 10;

/// 204 when the messages were taken.
pub async fn xhr(fleet: &Arc<Fleet>, session: &str, request: Request<Body>) -> Response {
    let body = match read_limited(&fleet.bodies, request, MAX_BODY).await {
        Ok(body) => body,
        Err(error) => return error.into_response(),
    };
    match deliver(fleet, session, &String::from_utf8_lossy(&body)).await {
        Ok(()) => {
            (StatusCode::NO_CONTENT, [(header::CONTENT_TYPE, "text/plain; charset=UTF-8")]).into_response()
        }
        Err(refusal) => refusal,
    }
}

/// The same from a form of a page: `d` holds the messages.
pub async fn jsonp(fleet: &Arc<Fleet>, session: &str, request: Request<Body>) -> Response {
    let kind =
        request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_form = kind.starts_with("application/x-www-form-urlencoded");
    let body = match read_limited(&fleet.bodies, request, MAX_BODY).await {
        Ok(body) => body,
        Err(error) => return error.into_response(),
    };
    let text = String::from_utf8_lossy(&body).into_owned();
    let payload = if is_form {
        query_pairs(&text).find(|(name, _)| name == "d").map(|(_, value)| value).unwrap_or_default()
    } else {
        text
    };
    match deliver(fleet, session, &payload).await {
        Ok(()) => ([(header::CONTENT_TYPE, "text/plain; charset=UTF-8")], "ok").into_response(),
        Err(refusal) => refusal,
    }
}

async fn deliver(fleet: &Fleet, session: &str, payload: &str) -> Result<(), Response> {
    let refuse = |text: &'static str| (StatusCode::INTERNAL_SERVER_ERROR, text).into_response();
    let session = fleet.sockjs.find(session).ok_or_else(unknown)?;
    if payload.is_empty() {
        return Err(refuse("Payload expected."));
    }
    let messages: Vec<String> = serde_json::from_str(payload).map_err(|_| refuse("Broken JSON encoding."))?;
    for message in messages {
        if !session.send(message).await {
            return Err(unknown());
        }
    }
    Ok(())
}
