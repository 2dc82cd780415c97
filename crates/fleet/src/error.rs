//! What clients are told when something goes wrong (the Fleet reference, section 1.5).

use std::sync::atomic::{AtomicU64, Ordering};

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use store::db::DbError;
use store::fleet::Fault;

use crate::reply::pretty;

/// The result of every handler.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a request was refused.
#[derive(Debug)]
pub struct Error {
    pub status: StatusCode,
    pub message: String,
    /// Pairs of field and reason; `None` leaves the key out.
    pub errors: Option<Vec<(String, String)>>,
    /// Only errors about roles have one.
    pub code: Option<u32>,
    /// Seconds after which to try again.
    pub retry_after: Option<u64>,
}

/// What clients get.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Error")]
pub struct Envelope<'a> {
    message: &'a str,
    /// Of errors about roles alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Vec<Reason<'a>>>,
}

#[derive(Serialize, JsonSchema)]
pub struct Reason<'a> {
    name: &'a str,
    reason: &'a str,
}

impl Error {
    /// An error about the request as a whole.
    pub fn base(status: StatusCode, message: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::field(status, message, "base", reason)
    }

    fn field(status: StatusCode, message: impl Into<String>, name: &str, reason: impl Into<String>) -> Self {
        let errors = Some(vec![(name.to_owned(), reason.into())]);
        Self { status, message: message.into(), errors, code: None, retry_after: None }
    }

    /// One text for both places.
    pub fn plain(status: StatusCode, text: impl Into<String>) -> Self {
        let text = text.into();
        Self::base(status, text.clone(), text)
    }

    /// 401 with one of the texts of section 1.4.
    pub fn unauthorised(text: &str) -> Self {
        Self::plain(StatusCode::UNAUTHORIZED, text)
    }

    /// 403: known, but not allowed.
    pub fn forbidden() -> Self {
        Self::plain(StatusCode::FORBIDDEN, "forbidden")
    }

    /// 400: makes no sense.
    pub fn bad_request(reason: impl Into<String>) -> Self {
        Self::base(StatusCode::BAD_REQUEST, "Bad request", reason)
    }

    /// 422: a field is wrong.
    pub fn invalid(field: &str, reason: impl Into<String>) -> Self {
        Self::field(StatusCode::UNPROCESSABLE_ENTITY, "Validation Failed", field, reason)
    }

    /// 422: several fields are wrong.
    pub fn all_invalid(errors: Vec<(String, String)>) -> Self {
        let message = "Validation Failed".to_owned();
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            message,
            errors: Some(errors),
            code: None,
            retry_after: None,
        }
    }

    /// 422 with a number: about roles (sections 2.5 and 2.6), and names that cannot be translated.
    pub fn coded(code: u32, text: &str) -> Self {
        Self { code: Some(code), ..Self::plain(StatusCode::UNPROCESSABLE_ENTITY, text) }
    }

    /// 403 for those who may, but did not prove who they are.
    pub fn permission_denied() -> Self {
        let message = "Permission Denied".to_owned();
        Self { status: StatusCode::FORBIDDEN, message, errors: None, code: None, retry_after: None }
    }

    /// 404 for a thing.
    pub fn not_found(kind: &'static str, which: impl ToString) -> Self {
        Fault::not_found(kind, which).into()
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        let text = fault.to_string();
        match fault {
            Fault::NotFound { .. } => Self::base(StatusCode::NOT_FOUND, "Resource Not Found", text),
            Fault::Exists { kind: "Query" | "Pack", .. } => {
                Self::base(StatusCode::CONFLICT, "Resource Already Exists", text)
            }
            Fault::Exists { .. } => Self::base(StatusCode::CONFLICT, "Validation Failed", text),
            Fault::Invalid { field, .. } => Self::invalid(field, text),
            Fault::BadRequest(_) => Self::bad_request(text),
            Fault::Db(error) => error.into(),
        }
    }
}

/// How often the database failed a request, in this process.
static DATABASE_ERRORS: AtomicU64 = AtomicU64::new(0);

/// The same, for those who count.
pub fn database_errors() -> u64 {
    DATABASE_ERRORS.load(Ordering::Relaxed)
}

/// Counts an error unless it is the client's: names that are taken, things that are gone. Conflicts may be tried again.
pub fn note_database_error(error: &DbError) {
    if !matches!(error, DbError::Duplicate(_) | DbError::Reference(_) | DbError::Busy) {
        DATABASE_ERRORS.fetch_add(1, Ordering::Relaxed);
    }
}

impl From<DbError> for Error {
    fn from(error: DbError) -> Self {
        note_database_error(&error);
        let status = match &error {
            DbError::Duplicate(_) => StatusCode::CONFLICT,
            DbError::Reference(_) => StatusCode::UNPROCESSABLE_ENTITY,
            DbError::Full => StatusCode::INSUFFICIENT_STORAGE,
            DbError::Busy | DbError::Closed => StatusCode::SERVICE_UNAVAILABLE,
            _ => {
                // What exactly went wrong inside is for the log.
                tracing::error!(target: "fleet", %error, "the database refused");
                return Self::plain(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the database refused, see the server's log",
                );
            }
        };
        Self::base(status, "Validation Failed", error.to_string())
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let errors = self
            .errors
            .as_ref()
            .map(|all| all.iter().map(|(name, reason)| Reason { name, reason }).collect());
        let envelope = Envelope { message: &self.message, code: self.code, errors };
        let mut response = pretty(self.status, &envelope);
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(http::header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_has_its_status_and_words() {
        let told = |fault: Fault| {
            let error = Error::from(fault);
            (error.status.as_u16(), error.message, error.errors.unwrap().remove(0))
        };
        let pair = |name: &str, reason: &str| (name.to_owned(), reason.to_owned());
        assert_eq!(
            told(Fault::not_found("Host", 12)),
            (404, "Resource Not Found".into(), pair("base", "Host 12 was not found in the datastore"))
        );
        assert_eq!(
            told(Fault::Exists { kind: "Query", name: "x".into() }),
            (409, "Resource Already Exists".into(), pair("base", "Query \"x\" already exists"))
        );
        assert_eq!(
            told(Fault::invalid("name", "missing required argument")),
            (422, "Validation Failed".into(), pair("name", "missing required argument"))
        );
    }
}
