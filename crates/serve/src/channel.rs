//! Connects as an API client, from the file that `config api_client` wrote.
//!
//! The server is known by the name in its certificate and not by its address, hence the TLS layer of our own.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};

use crate::config::ApiClient;
use crate::error::{Error, Result};
use crate::tls;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects to the server that the file names.
pub async fn connect(client: &ApiClient) -> Result<Channel> {
    let tls = TlsConnector::from(Arc::new(tls::client_config(&client.credentials())?));
    let bad_name = Error::Invalid("pinned_server_name is not a DNS name, correct it");
    let name = ServerName::try_from(client.server_name().to_owned()).map_err(|_| bad_name)?;
    let address = client.api_connection_string.clone();
    if address.starts_with("unix:") {
        return Err(Error::Invalid("api_connection_string must be HOST:PORT, sockets are not supported"));
    }
    let connector = tower::service_fn({
        let address = address.clone();
        move |_| open(tls.clone(), name.clone(), address.clone())
    });
    // The address here only fills the header; the connector knows where to go.
    let endpoint = Endpoint::from_static("http://api").connect_timeout(CONNECT_TIMEOUT);
    let channel = endpoint.connect_with_connector(connector).await;
    channel.map_err(|source| Error::Connect { address, source })
}

type Stream = TokioIo<tokio_rustls::client::TlsStream<TcpStream>>;

async fn open(tls: TlsConnector, name: ServerName<'static>, address: String) -> io::Result<Stream> {
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    Ok(TokioIo::new(tls.connect(name, tcp).await?))
}
