//! Refusals: always JSON with one key, since some clients parse every body (the Cuckoo reference, section 1.4).

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

use super::reply;
use crate::samples::Refused;

/// A refusal.
#[derive(Debug)]
pub struct Error {
    pub status: StatusCode,
    pub message: Cow<'static, str>,
}

/// The result of a handler.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn new(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, message: message.into() }
    }

    /// 400.
    pub fn bad(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 404.
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 500, with the words that clients know for it.
    pub fn failed(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        reply::with_status(self.status, &json!({"message": self.message}))
    }
}

impl From<Error> for Response {
    fn from(error: Error) -> Self {
        error.into_response()
    }
}

impl From<store::db::DbError> for Error {
    fn from(error: store::db::DbError) -> Self {
        tracing::error!(target: "sandbox", %error, "the database failed");
        Self::failed("The database failed: see the server's log")
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        tracing::error!(target: "sandbox", %error, "a file could not be read or written");
        Self::failed("A file could not be read or written: see the server's log")
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::TooLarge(_) => Self::new(StatusCode::PAYLOAD_TOO_LARGE, refused.to_string()),
            Refused::Io(error) if error.kind() == std::io::ErrorKind::StorageFull => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "The disk is full: the file was not stored")
            }
            Refused::Io(error) => error.into(),
        }
    }
}
