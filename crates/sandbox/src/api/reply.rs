//! Answers: JSON with sorted keys, and files with their length (the Cuckoo reference, sections 1.2 and 1.3).

use std::fs::File;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::Value as Json;
use tokio_util::io::ReaderStream;

/// A good answer as JSON.
#[derive(Debug)]
pub struct Reply<T>(pub T);

impl<T: Serialize> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        with_status(StatusCode::OK, &self.0)
    }
}

/// JSON for people who compare and search it: indented, keys in order.
pub fn with_status(status: StatusCode, value: &impl Serialize) -> Response {
    match text(value) {
        Ok(mut text) => {
            text.push('\n');
            (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
        }
        Err(error) => {
            tracing::error!(target: "sandbox", %error, "an answer cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The JSON of an answer, or of a part of one.
pub fn text(value: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&serde_json::to_value(value).map(sorted)?)
}

fn sorted(value: Json) -> Json {
    match value {
        Json::Object(mut map) => {
            map.sort_keys();
            map.into_iter().map(|(key, value)| (key, sorted(value))).collect()
        }
        Json::Array(list) => list.into_iter().map(sorted).collect(),
        other => other,
    }
}

/// Bytes of any kind.
pub const OCTETS: &str = "application/octet-stream; charset=UTF-8";

/// A file, streamed, with its length: clients refuse archives without one.
pub fn file(file: File, kind: &'static str) -> std::io::Result<Response> {
    let length = file.metadata()?.len();
    let stream = ReaderStream::with_capacity(
        tokio::io::AsyncReadExt::take(tokio::fs::File::from_std(file), length),
        256 << 10,
    );
    let mut response = Response::new(Body::from_stream(stream));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_LENGTH, length.into());
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_order_at_every_depth() {
        let value = serde_json::json!({"b": [{"d": 1, "c": {"z": 1, "a": 2}}], "a": 0});
        assert_eq!(sorted(value).to_string(), r#"{"a":0,"b":[{"c":{"a":2,"z":1},"d":1}]}"#);
    }
}
