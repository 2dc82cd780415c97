//! Answers: JSON as clients know it.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use schemars::JsonSchema;
use serde::Serialize;

/// A good answer: indented JSON that ends with a newline (the Fleet reference, section 1.3).
#[derive(Debug)]
pub struct Reply<T>(pub T);

impl<T: Serialize> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        pretty(StatusCode::OK, &self.0)
    }
}

/// `{}`.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct Empty {}

/// The answer of routes that give nothing back.
pub const DONE: Reply<Empty> = Reply(Empty {});

/// A JSON answer for people's eyes.
pub fn pretty(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec_pretty(value) {
        Ok(mut text) => {
            text.push(b'\n');
            json(status, text)
        }
        Err(error) => {
            tracing::error!(target: "fleet", %error, "an answer cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A JSON answer on one line.
pub fn json(status: StatusCode, text: impl Into<axum::body::Body>) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
