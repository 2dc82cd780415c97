//! What the calls share, and the listener that serves them.

use std::sync::Arc;
use std::time::Duration;

use plugins::world::World;
use proto::api_server::ApiServer;
use serde_json::Map;
use serve::identity::PeerIdentity;
use serve::listener::Incoming;
use store::audit::AuditLog;
use store::event::EventStore;
use store::file_store::FileStore;
use store::revocation::Revocations;
use store::user::Users;
use tokio::sync::Semaphore;
use vql::cancel::Cancel;
use vql::registry::Registry;
use vql::value::Value;

use crate::missing::Named;
use crate::service::Service;

/// Queries that may run at a time; each has a thread of its own.
pub const MAX_QUERIES: usize = 1024;

/// The largest request accepted, in bytes: gRPC's own default.
const MAX_REQUEST: usize = 4 << 20;

/// How long a stopping server waits for running calls.
const END_PATIENCE: Duration = Duration::from_secs(2);

/// State shared by all calls.
pub struct Server {
    pub users: Users,
    /// A certificate on any of these lists is refused.
    pub revocations: Arc<Vec<Revocations>>,
    pub events: Arc<EventStore>,
    pub files: Arc<FileStore>,
    pub audit: Arc<AuditLog>,
    pub registry: Arc<Registry>,
    pub world: Arc<World>,
    /// Set when the server stops: above the flag of every query.
    pub stopping: Cancel,
    /// The variable `config` of every query.
    pub config: Value,
    pub running: Arc<Semaphore>,
}

impl Server {
    /// Whether a certificate was revoked.
    pub fn is_revoked(&self, peer: &PeerIdentity) -> bool {
        self.revocations.iter().any(|list| list.is_revoked(&peer.serial, &peer.fingerprint))
    }

    /// Writes an audit line; a log that cannot take it is reported.
    pub fn record(&self, operation: &str, principal: &str, details: Map<String, serde_json::Value>) {
        if let Err(error) = self.audit.record(operation, principal, details) {
            tracing::error!(%error, operation, principal, "the audit log did not take a line");
        }
    }
}

/// Serves the API until `stop` is done, then lets running calls end.
pub async fn serve(
    server: Arc<Server>,
    incoming: Incoming,
    stop: impl Future<Output = ()>,
) -> Result<(), tonic::transport::Error> {
    let stopping = server.stopping.clone();
    let (begin_end, end_began) = tokio::sync::oneshot::channel();
    let stop = async move {
        stop.await;
        // Running calls are waited for, and endless queries would be waited for in vain.
        stopping.cancel();
        let _ = begin_end.send(());
    };
    let patience = async move {
        let _ = end_began.await;
        tokio::time::sleep(END_PATIENCE).await;
    };
    let api = ApiServer::new(Service::new(server)).max_decoding_message_size(MAX_REQUEST);
    let v1 = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::FILE_DESCRIPTOR_SET)
        .build_v1();
    let v1alpha = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::FILE_DESCRIPTOR_SET)
        .build_v1alpha();
    let mut builder = tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .max_concurrent_streams(256)
        .initial_stream_window_size(1 << 20);
    let mut router = builder.add_service(Named(api));
    // The descriptions are compiled in; should they ever be unreadable the API itself still works.
    match (v1, v1alpha) {
        (Ok(v1), Ok(v1alpha)) => router = router.add_service(v1).add_service(v1alpha),
        (Err(error), _) | (_, Err(error)) => tracing::error!(%error, "no server reflection"),
    }
    tokio::select! {
        done = router.serve_with_incoming_shutdown(incoming, stop) => done,
        // A client that does not read would never take its last packet.
        () = patience => Ok(()),
    }
}
