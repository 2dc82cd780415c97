//! Who calls.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use store::fleet::user::User;
use store::rights::{Action, Object, Of, Role, Subject};

use crate::error::{Error, Result};

/// The user of a request. The gate has put it there; handlers check what depends on the thing in question.
#[derive(Clone, Debug)]
pub struct Viewer {
    pub user: Arc<User>,
    pub subject: Subject,
    pub session_id: u32,
}

impl Viewer {
    /// Whether the user administers the whole server.
    pub fn is_admin(&self) -> bool {
        self.subject.global == Some(Role::Admin)
    }

    /// 403 unless the user may.
    pub fn require(&self, action: Action, object: Object, of: Of) -> Result<()> {
        if self.subject.may(action, object, of) { Ok(()) } else { Err(Error::forbidden()) }
    }
}

impl<S: Sync> FromRequestParts<S> for Viewer {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Error::unauthorised("Authentication required"))
    }
}
