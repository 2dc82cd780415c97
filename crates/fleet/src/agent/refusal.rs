//! How agents are refused (the osquery reference, section 2).

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use store::db::DbError;
use store::fleet::Fault;

use crate::error::{Error, note_database_error};
use crate::reply::json;

/// An answer with the key `error`, and perhaps one that makes the agent enrol anew.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    error: String,
    node_invalid: bool,
}

/// The result of every endpoint.
pub type Answer<T> = Result<T, Refusal>;

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    node_invalid: bool,
}

impl Refusal {
    /// The agent should try again, with the node key it has.
    pub fn again(error: impl Into<String>) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, error: error.into(), node_invalid: false }
    }

    /// The agent should enrol anew.
    pub fn invalid(error: impl Into<String>) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, error: error.into(), node_invalid: true }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        if let Fault::Db(error) = &fault {
            note_database_error(error);
        }
        tracing::warn!(target: "agents", %fault, "an agent's request failed");
        Self::again(fault.to_string())
    }
}

impl From<DbError> for Refusal {
    fn from(error: DbError) -> Self {
        Fault::Db(error).into()
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { status: error.status, error: error.message, node_invalid: false }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = Body { error: &self.error, node_invalid: self.node_invalid };
        json(self.status, serde_json::to_vec(&body).unwrap_or_else(|_| b"{\"error\":\"failed\"}".to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    async fn text(refusal: Refusal) -> String {
        let bytes = refusal.into_response().into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_database_that_is_busy_never_sends_agents_to_enrol_anew() {
        let busy = text(Refusal::from(DbError::Busy)).await;
        assert!(busy.contains("\"error\"") && !busy.contains("node_invalid"), "{busy}");
        let unknown = text(Refusal::invalid("enroll failed: no matching secret found")).await;
        assert_eq!(unknown, r#"{"error":"enroll failed: no matching secret found","node_invalid":true}"#);
    }
}
