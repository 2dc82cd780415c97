//! One connection of an agent.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde_json::Value as Json;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Failure;

/// Where agents connect.
#[derive(Clone)]
pub struct Target {
    /// `host:port`.
    pub authority: String,
    /// Settings for TLS; none for plain connections.
    pub tls: Option<Arc<rustls::ClientConfig>>,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Target").field(&self.authority).finish()
    }
}

/// A connection that stays open.
pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    authority: String,
}

impl Client {
    pub async fn connect(target: &Target) -> Result<Self, Failure> {
        let stream = TcpStream::connect(&target.authority).await?;
        stream.set_nodelay(true)?;
        let sender = match &target.tls {
            None => speak(TokioIo::new(stream)).await?,
            Some(config) => {
                let host = target.authority.rsplit_once(':').map_or(&*target.authority, |(host, _)| host);
                let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())?;
                speak(TokioIo::new(TlsConnector::from(config.clone()).connect(name, stream).await?)).await?
            }
        };
        Ok(Self { sender, authority: target.authority.clone() })
    }

    /// Sends a body; gives the answer as JSON.
    pub async fn post(&mut self, path: &str, body: &Json) -> Result<Json, Failure> {
        Ok(serde_json::from_slice(&self.send(path, body.to_string().into()).await?)?)
    }

    /// Sends a body; gives the answer as it came.
    pub async fn send(&mut self, path: &str, body: Bytes) -> Result<Bytes, Failure> {
        let request = Request::post(path)
            .header(header::HOST, &self.authority)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, "osquery/5.12.1")
            .body(Full::new(body))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let text = response.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            return Err(format!("{path}: {status} {}", String::from_utf8_lossy(&text)).into());
        }
        Ok(text)
    }
}

async fn speak<S>(stream: TokioIo<S>) -> Result<SendRequest<Full<Bytes>>, Failure>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = handshake(stream).await?;
    // Its end shows at the next request.
    tokio::spawn(connection);
    Ok(sender)
}
