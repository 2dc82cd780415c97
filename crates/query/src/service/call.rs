//! What calls about records have in common: who may, and where the work is done.

use std::sync::Arc;

use plugins::collection::Runtime;
use tonic::{Request, Response, Status};
use vql::call::Error;
use vql::permission::Permission;

use super::Service;

/// One call: its user, and the server that it is about.
pub struct Call {
    pub kept: Arc<plugins::server::Server>,
    pub runtime: Runtime,
}

impl Call {
    pub fn user(&self) -> &str {
        &self.runtime.user
    }
}

impl Service {
    /// Does the work of a call on a thread that may block, for users who hold one of these rights.
    pub(super) async fn work<R: Send + 'static, T: Send + 'static>(
        &self,
        name: &'static str,
        needs: &[Permission],
        request: Request<R>,
        work: impl FnOnce(Call, R) -> Result<T, Status> + Send + 'static,
    ) -> Result<Response<T>, Status> {
        let caller = self.caller(&request)?;
        let permissions = caller.user.effective();
        if !needs.iter().any(|needed| permissions.has(*needed)) {
            let names: Vec<&str> = needs.iter().map(|p| p.name()).collect();
            let (user, names) = (&caller.user.name, names.join(" or "));
            let message = format!("Permission denied: User {user} requires permission {names}");
            return Err(self.denied(&caller, name, message));
        }
        let world = self.server.world.clone();
        let kept = world.server.clone().ok_or_else(|| Status::unavailable("this server keeps no records"))?;
        let runtime = Runtime {
            world,
            registry: self.server.registry.clone(),
            permissions,
            user: caller.user.name.clone(),
        };
        let request = request.into_inner();
        let work = move || work(Call { kept, runtime }, request);
        let done = tokio::task::spawn_blocking(work).await.map_err(|e| Status::unknown(e.to_string()))?;
        done.map(Response::new)
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
