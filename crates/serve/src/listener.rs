//! The accept loop: TCP, then TLS, for many peers at once and within bounds.
//!
//! Handshakes run side by side, each with a time limit, so that a silent peer holds nobody up. The number of
//! connections is bounded in total and per peer. Those that pass come out of a stream, with the identity of
//! the client attached when it showed a certificate. Behind a proxy that ends TLS itself there is no handshake.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::server::Connected;

use crate::identity::PeerIdentity;

mod slots;

pub use slots::Crowd;
use slots::{Slot, Slots};

/// Connections that passed the handshake and wait to be served.
const MAX_WAITING: usize = 16;

/// After the system refused to accept (too many open files, say), time for others to end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What peers are allowed.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long a handshake may take.
    pub handshake: Duration,
    /// Connections in all.
    pub total: usize,
    /// Connections of one address (for IPv6 one /64 network).
    pub per_peer: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { handshake: Duration::from_secs(10), total: 1024, per_peer: 256 }
    }
}

/// A bound listener that does not accept yet.
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    limits: Limits,
}

impl Listener {
    /// Binds the address; port 0 takes any free one.
    pub async fn bind(address: SocketAddr, limits: Limits) -> io::Result<Self> {
        Ok(Self { tcp: TcpListener::bind(address).await?, limits })
    }

    /// The address it is bound to.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Starts accepting; stops when the stream is dropped. Without settings for TLS connections stay plain.
    pub fn incoming(self, tls: impl Into<Option<Arc<ServerConfig>>>) -> Incoming {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        let stop = CancellationToken::new();
        let slots = Slots::new(self.limits.total, self.limits.per_peer);
        let acceptor = tls.into().map(TlsAcceptor::from);
        let accept = Accept { acceptor, limit: self.limits.handshake, slots, sender };
        tokio::spawn(stop.clone().run_until_cancelled_owned(accept.run(self.tcp, stop.clone())));
        Incoming { receiver, _stop: stop.drop_guard() }
    }
}

/// The connections that passed the handshake.
#[derive(Debug)]
pub struct Incoming {
    receiver: mpsc::Receiver<Connection>,
    _stop: DropGuard,
}

impl tokio_stream::Stream for Incoming {
    type Item = io::Result<Connection>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.receiver.poll_recv(cx).map(|next| next.map(Ok))
    }
}

#[derive(Clone)]
struct Accept {
    acceptor: Option<TlsAcceptor>,
    limit: Duration,
    slots: Slots,
    sender: mpsc::Sender<Connection>,
}

impl Accept {
    async fn run(self, tcp: TcpListener, stop: CancellationToken) {
        loop {
            match tcp.accept().await {
                Ok((stream, peer)) => {
                    let Some(slot) = self.slots.take(peer.ip()) else {
                        tracing::error!(target: "api", %peer, "connection refused: too many are open");
                        continue;
                    };
                    let handshake = self.clone().handshake(stream, peer, slot);
                    tokio::spawn(stop.clone().run_until_cancelled_owned(handshake));
                }
                Err(error) => {
                    tracing::error!(target: "api", %error, "cannot accept connections");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn handshake(self, stream: TcpStream, peer: SocketAddr, slot: Slot) {
        let refused = |reason: &dyn std::fmt::Display| {
            tracing::error!(target: "api", %peer, %reason, "handshake failed");
        };
        // Packets of a query are small and should leave at once.
        let _ = stream.set_nodelay(true);
        let stream = match &self.acceptor {
            None => Stream::Plain(stream),
            Some(acceptor) => match tokio::time::timeout(self.limit, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => Stream::Tls(Box::new(stream)),
                Ok(Err(error)) => return refused(&error),
                Err(_) => return refused(&"took too long"),
            },
        };
        let identity = match stream.certificate().map(PeerIdentity::of) {
            Some(None) => return refused(&"the certificate names nobody"),
            known => known.flatten().map(Arc::new),
        };
        let info = ConnectInfo { peer_addr: peer, identity };
        // Nobody takes it while the server is stopping.
        let _ = self.sender.send(Connection { stream, info, slot }).await;
    }
}

/// Who is at the other end; in the extensions of each request.
#[derive(Clone, Debug)]
pub struct ConnectInfo {
    /// The address.
    pub peer_addr: SocketAddr,
    /// The owner of the client certificate, where one is asked for.
    pub identity: Option<Arc<PeerIdentity>>,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    fn certificate(&self) -> Option<&CertificateDer<'static>> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(stream) => stream.get_ref().1.peer_certificates()?.first(),
        }
    }
}

/// A connection that passed the handshake.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    info: ConnectInfo,
    slot: Slot,
}

impl Connected for Connection {
    type ConnectInfo = ConnectInfo;

    fn connect_info(&self) -> ConnectInfo {
        self.info.clone()
    }
}

impl Connection {
    /// Who is at the other end.
    pub fn info(&self) -> &ConnectInfo {
        &self.info
    }

    /// Whether connections are scarce, where this one comes from.
    pub fn crowd(&self) -> Crowd {
        self.slot.crowd()
    }
}

/// Hands a call on to the kind of stream there is.
macro_rules! on_stream {
    ($connection:ident, $stream:ident => $call:expr) => {
        match &mut $connection.get_mut().stream {
            Stream::Plain(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Stream::Tls(stream) => {
                let $stream = Pin::new(stream.as_mut());
                $call
            }
        }
    };
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, stream => stream.poll_read(cx, buf))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        on_stream!(self, stream => stream.poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, stream => stream.poll_shutdown(cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on_stream!(self, stream => stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }
}
