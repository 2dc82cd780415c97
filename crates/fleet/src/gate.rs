//! What happens before a handler: is the server set up, who calls, and may such a caller ever?

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode, header};
use store::fleet::session::{self, Session};
use store::fleet::{Time, user::User};
use store::rights::Of;

use crate::error::{Error, Result};
use crate::request::{BodyLimit, Viewer, peer_address};
use crate::route::Access;
use crate::server::Fleet;

/// What somebody may send whom nobody knows.
const MAX_BODY_BEFORE_LOGIN: usize = 64 << 10;

/// What the gate knows of its route.
#[derive(Clone)]
pub struct Gate {
    pub fleet: Arc<Fleet>,
    pub access: Access,
    pub is_setup: bool,
    /// Whether it is there for users who must choose a new password first.
    pub before_reset: bool,
}

/// Lets a request through to its handler, with the [`Viewer`] among its extensions.
pub async fn gate(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    match enter(&gate, request).await {
        Ok(request) => {
            let changes = request.method() != Method::GET;
            let response = next.run(request).await;
            if changes && response.status().is_success() {
                gate.fleet.agents.changed();
            }
            response
        }
        Err(error) => error.into_response(),
    }
}

async fn enter(gate: &Gate, mut request: Request) -> Result<Request> {
    // Clients learn from this 404 whether a server was set up.
    if gate.fleet.is_set_up().await? == gate.is_setup {
        return Err(Error::plain(StatusCode::NOT_FOUND, "404 page not found"));
    }
    if matches!(gate.access, Access::Public(_)) {
        let peer = peer_address(request.extensions(), request.headers(), &gate.fleet.settings);
        gate.fleet.throttles.before_login.check(peer)?;
        request.extensions_mut().insert(BodyLimit(MAX_BODY_BEFORE_LOGIN));
        return Ok(request);
    }
    let token =
        bearer(&request).ok_or_else(|| Error::unauthorised("Authorization header required"))?.to_owned();
    let (session, user) = find(&gate.fleet, token).await?;
    if user.force_password_reset && !gate.before_reset {
        return Err(Error::unauthorised("password reset required"));
    }
    let viewer = Viewer { subject: user.subject(), session_id: session.id, user: Arc::new(user) };
    if let Access::May(action, object) = gate.access
        && !viewer.subject.may(action, object, Of::Some)
    {
        return Err(Error::forbidden());
    }
    request.extensions_mut().insert(viewer);
    Ok(request)
}

/// The session of a token and its user, or 401. Notes the use now and then.
pub async fn find(fleet: &Fleet, token: String) -> Result<(Session, User)> {
    let lasts = fleet.settings.session_seconds;
    let found = fleet.db.read(move |tx| session::find(tx, &token, lasts)).await?;
    let (session, user) = found.ok_or_else(|| Error::unauthorised("Authentication required"))?;
    if session.use_is_due(Time::now()) {
        let id = session.id;
        fleet.db.write(move |tx| session::touch(tx, id)).await?;
    }
    Ok((session, user))
}

/// The token of `Authorization: Bearer <token>`: two parts, the first in any case.
fn bearer(request: &Request) -> Option<&str> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains(' ')).then_some(token)
}
