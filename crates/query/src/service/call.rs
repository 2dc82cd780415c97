//! What calls about records have in common: who may, and where the work is done.

use std::sync::Arc;

use plugins::collection::Runtime;
use serde_json::{Map, json};
use serve::listener::ConnectInfo;
use store::rights::{Call, Need};
use tonic::{Request, Response, Status};
use vql::call::Error;

use super::{Caller, Service};

/// One call about records: its user, and the server that it is about.
pub struct Work {
    pub kept: Arc<plugins::server::Server>,
    pub runtime: Runtime,
}

impl Work {
    pub fn user(&self) -> &str {
        &self.runtime.user
    }
}

impl Service {
    /// The caller of a method, who may call it. A certificate revoked since the handshake is refused here. Of methods about a queue the
    /// queue is checked besides, see [`Service::push`].
    pub(super) async fn enter<T>(&self, call: Call, request: &Request<T>) -> Result<Caller, Status> {
        let info = request.extensions().get::<ConnectInfo>().cloned();
        let caller = self.caller(info).await?;
        if call.need() == Need::Queue || call.need().met_by(caller.permissions) {
            return Ok(caller);
        }
        let message = refusal(call, &caller);
        Err(self.denied(&caller, call.name(), message))
    }

    async fn caller(&self, info: Option<ConnectInfo>) -> Result<Caller, Status> {
        let unknown = || Status::unauthenticated("no client certificate");
        let info = info.ok_or_else(unknown)?;
        let identity = info.identity.as_ref().ok_or_else(unknown)?;
        if self.server.is_revoked(identity) {
            return Err(Status::unauthenticated(format!("the certificate of {} was revoked", identity.name)));
        }
        let user = self.server.users.fetch(&identity.name).await.map_err(|error| {
            tracing::error!(target: "api", user = %identity.name, %error, "cannot read the user record");
            Status::permission_denied(format!("User {} is not allowed to run queries.", identity.name))
        })?;
        let user = user.ok_or_else(|| {
            tracing::error!(target: "api", user = %identity.name, "unknown user");
            Status::unknown(format!("User not found: {}", identity.name))
        })?;
        Ok(Caller { permissions: user.effective(), user, peer: info.peer_addr.to_string() })
    }

    pub(super) fn denied(&self, caller: &Caller, what: &str, message: String) -> Status {
        tracing::error!(target: "api", user = %caller.user.name, peer = %caller.peer, what, "permission denied");
        let mut details = Map::new();
        details.insert("call".into(), json!(what));
        details.insert("peer".into(), json!(caller.peer));
        self.server.record("Permission denied", &caller.user.name, details);
        Status::permission_denied(message)
    }

    /// Does the work of a call on a thread that may block.
    pub(super) async fn work<R: Send + 'static, T: Send + 'static>(
        &self,
        call: Call,
        request: Request<R>,
        work: impl FnOnce(Work, R) -> Result<T, Status> + Send + 'static,
    ) -> Result<Response<T>, Status> {
        let caller = self.enter(call, &request).await?;
        let world = self.server.world.clone();
        let kept = world.server.clone().ok_or_else(|| Status::unavailable("this server keeps no records"))?;
        let runtime = Runtime {
            world,
            registry: self.server.registry.clone(),
            permissions: caller.permissions,
            user: caller.user.name.clone(),
        };
        let request = request.into_inner();
        let work = move || work(Work { kept, runtime }, request);
        let done = tokio::task::spawn_blocking(work).await.map_err(|e| Status::unknown(e.to_string()))?;
        done.map(Response::new)
    }
}

/// Why a call is refused, as clients know it.
fn refusal(call: Call, caller: &Caller) -> String {
    let user = &caller.user.name;
    match (call, call.need()) {
        (Call::VfsGetBuffer, _) => "User is not allowed to view the VFS.".to_owned(),
        (Call::Query, need) => {
            format!("Permission denied: User {user} requires permission {} to run queries", need.described())
        }
        (Call::WatchEvent, Need::All(all)) => {
            let missing = all.iter().find(|permission| !caller.permissions.has(**permission));
            let missing = missing.map_or("", |permission| permission.name());
            format!("Permission denied: User {user} requires permission {missing} to watch events")
        }
        (_, need) => format!("Permission denied: User {user} requires permission {}", need.described()),
    }
}

/// A failure as callers see it: what they may not, or what makes no sense.
pub fn refused(error: Error) -> Status {
    let text = error.to_string();
    if text.starts_with("PermissionDenied") {
        Status::permission_denied(text)
    } else {
        Status::invalid_argument(text)
    }
}

/// A failure of the store.
pub fn failed(error: store::Error) -> Status {
    use store::Error as E;
    let text = error.to_string();
    match error {
        E::ClientUnknown(_) | E::HuntUnknown(_) | E::FileNotFound => Status::not_found(text),
        E::NameInvalid { .. } | E::PathInvalid | E::MetadataTooLong { .. } => Status::invalid_argument(text),
        _ => Status::internal(text),
    }
}
