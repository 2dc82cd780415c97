//! HTTP servers: HTTP/1.1 and HTTP/2 over accepted connections, with limits that no peer gets around.

use std::time::Duration;

use http::Request;
use hyper::body::Incoming as Body;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio_stream::StreamExt as _;
use tower::Service;

use crate::listener::{Connection, Incoming};

mod patience;
#[cfg(test)]
mod tests;

use patience::{Pace, Patience, Watched};

/// The most bytes of headers.
const MAX_HEADER_BYTES: usize = 256 << 10;
/// The most headers.
const MAX_HEADERS: usize = 128;
/// How long running requests may take when the server stops.
const END_PATIENCE: Duration = Duration::from_secs(2);

/// Serves until `stop` is done, then lets running requests end. The [`crate::listener::ConnectInfo`] of the connection is
/// among the extensions of each request.
pub async fn serve<S, B>(incoming: Incoming, service: S, stop: impl Future<Output = ()>)
where
    S: Service<Request<Body>, Response = http::Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: hyper::body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    serve_with(Patience::DEFAULT, incoming, service, stop).await;
}

async fn serve_with<S, B>(
    patience: Patience,
    mut incoming: Incoming,
    service: S,
    stop: impl Future<Output = ()>,
) where
    S: Service<Request<Body>, Response = http::Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: hyper::body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let ending = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let connection = tokio::select! {
            () = &mut stop => break,
            next = incoming.next() => match next {
                Some(Ok(connection)) => connection,
                Some(Err(_)) => continue,
                None => break,
            },
        };
        let service =
            TowerToHyperService::new(WithInfo { inner: service.clone(), info: connection.info().clone() });
        let served = serve_one(patience, connection, service, &ending);
        tokio::spawn(served);
    }
    drop(incoming);
    if tokio::time::timeout(END_PATIENCE, ending.shutdown()).await.is_err() {
        tracing::warn!("requests were still running when the server stopped");
    }
}

/// Its timer belongs to one connection.
fn builder(patience: Patience, pace: Pace) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(pace)
        .header_read_timeout(patience.idle)
        .max_buf_size(MAX_HEADER_BYTES)
        .max_headers(MAX_HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(MAX_HEADER_BYTES as u32)
        .max_concurrent_streams(256)
        .keep_alive_interval(Duration::from_secs(30));
    builder
}

/// The connection as a future that ends with it.
fn serve_one<S, B>(
    patience: Patience,
    connection: Connection,
    service: TowerToHyperService<WithInfo<S>>,
    ending: &GracefulShutdown,
) -> impl Future<Output = ()> + Send + 'static
where
    S: Service<Request<Body>, Response = http::Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: hyper::body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let peer = connection.info().peer_addr;
    let pace = Pace::new(patience, connection.crowd());
    let builder = builder(patience, pace.clone());
    let io = TokioIo::new(Watched::new(connection, pace));
    let served = builder.serve_connection_with_upgrades(io, service).into_owned();
    let watched = ending.watch(served);
    async move {
        if let Err(error) = watched.await {
            tracing::debug!(%peer, %error, "a connection ended early");
        }
    }
}

/// Puts what is known of the connection into each request.
#[derive(Clone)]
struct WithInfo<S> {
    inner: S,
    info: crate::listener::ConnectInfo,
}

impl<S: Service<Request<Body>>> Service<Request<Body>> for WithInfo<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> S::Future {
        request.extensions_mut().insert(self.info.clone());
        self.inner.call(request)
    }
}
