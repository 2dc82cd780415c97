//! Plain and encrypted connections, for everything that is not HTTP.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UdpSocket, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use vql::call::Error;
use vql::scope::Scope;

use super::names::{Known, Names};
use super::tls::{self, Trust};
use crate::world::World;

/// A connection must stand after this long.
const CONNECT: Duration = Duration::from_secs(30);

/// Something to read from and write to.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A connection of any kind.
pub type Line = Box<dyn Wire>;

/// Connects on behalf of one program, to where its owner lets it.
#[derive(Clone)]
pub struct Dialler {
    world: Arc<World>,
    pub names: Names,
}

impl Dialler {
    pub fn new(scope: &Scope<'_>) -> Result<Self, Error> {
        let world = World::shared(scope)?;
        let names = Names { network: world.network.clone(), known: scope.kept::<Known>() };
        Ok(Dialler { names, world })
    }

    pub async fn tcp(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let mut failure = io::ErrorKind::NotFound.into();
        for address in self.names.resolve(host, port).await? {
            match timeout(CONNECT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(e)) => failure = e,
                Err(_) => failure = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(failure)
    }

    /// A socket for datagrams to and from that host.
    pub async fn udp(&self, host: &str, port: u16) -> io::Result<UdpSocket> {
        let addresses = self.names.resolve(host, port).await?;
        let Some(address) = addresses.first() else { return Err(io::ErrorKind::NotFound.into()) };
        let own = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(own).await?;
        socket.connect(address).await?;
        Ok(socket)
    }

    pub async fn unix(&self, path: &Path) -> io::Result<UnixStream> {
        let refused = |e| io::Error::new(io::ErrorKind::PermissionDenied, e);
        self.names.network.policy.check_unix(&path.to_string_lossy()).map_err(refused)?;
        UnixStream::connect(path).await
    }

    /// TLS over a connection that stands.
    pub async fn secure(&self, line: Line, host: &str, trust: &Trust) -> io::Result<Line> {
        let config = tls::config(trust, self.world.network.own_ca.as_deref()).map_err(io::Error::other)?;
        let name =
            ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(io::Error::other)?;
        let stream = timeout(CONNECT, TlsConnector::from(Arc::new(config)).connect(name, line)).await??;
        Ok(Box::new(stream))
    }

    /// Whether certificates may go unchecked.
    pub fn check(&self, trust: &Trust) -> Result<(), Error> {
        match trust.skip_verify && self.world.network.always_verify {
            true => Err("skip_verify is forbidden on this server".into()),
            false => Ok(()),
        }
    }
}

/// `host:port`, `[v6]:port`, or a host with the usual port.
pub fn host_port(text: &str, usual: Option<u16>) -> Result<(String, u16), Error> {
    let text = text.trim();
    let bare = |host: &str| host.trim_matches(['[', ']']).to_owned();
    let is_bare_v6 = text.matches(':').count() > 1 && !text.contains(']');
    let split =
        text.rsplit_once(':').filter(|(host, _)| !is_bare_v6 && (!host.contains('[') || host.ends_with(']')));
    let (host, port) = match split {
        Some((host, port)) => (bare(host), port.parse().ok()),
        None => (bare(text), usual),
    };
    match port {
        Some(port) if !host.is_empty() => Ok((host, port)),
        _ => Err(Error::new(format!("address {text}: give host:port"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let read = |text: &str, usual| {
            host_port(text, usual).map(|(h, p)| format!("{h} {p}")).unwrap_or("bad".into())
        };
        assert_eq!(read("a.test:80", None), "a.test 80");
        assert_eq!(read("[::1]:80", None), "::1 80");
        assert_eq!(read("::1", Some(53)), "::1 53");
        assert_eq!(read("[::1]", Some(53)), "::1 53");
        assert_eq!(read("1.2.3.4", Some(53)), "1.2.3.4 53");
        for text in ["a.test", ":80", "a.test:http", "a.test:70000", ""] {
            assert_eq!(read(text, None), "bad", "{text}");
        }
    }
}
