//! The whole way of a connection: CA, TLS and listener against real clients.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use time::OffsetDateTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_stream::StreamExt;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;

use crate::Error;
use crate::ca::{Authority, Issued, Validity};
use crate::config::ApiClient;
use crate::identity::PeerIdentity;
use crate::listener::{Limits, Listener};
use crate::tls::{self, Credentials};

/// After which something hangs.
const PATIENCE: Duration = Duration::from_secs(60);

struct Server {
    authority: Authority,
    ca: Issued,
    address: SocketAddr,
    revoked: Arc<Mutex<Vec<String>>>,
}

/// Answers each connection with the name of its client, while the connection lasts.
async fn server(limits: Limits) -> Server {
    let (authority, ca) = Authority::create().unwrap();
    let own = authority.issue_server(1).unwrap();
    let revoked = Arc::<Mutex<Vec<String>>>::default();
    let list = revoked.clone();
    let is_revoked = Arc::new(move |peer: &PeerIdentity| list.lock().contains(&peer.serial));
    let config = tls::server_config(&credentials(&ca, &own), is_revoked).unwrap();
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), limits).await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut incoming = listener.incoming(config);
    tokio::spawn(async move {
        while let Some(Ok(mut connection)) = incoming.next().await {
            tokio::spawn(async move {
                let name = connection.connect_info().identity.unwrap().name.clone();
                connection.write_all(name.as_bytes()).await?;
                connection.flush().await?;
                connection.read_u8().await
            });
        }
    });
    Server { authority, ca, address, revoked }
}

fn credentials<'a>(ca: &'a Issued, own: &'a Issued) -> Credentials<'a> {
    Credentials {
        ca_certificate: &ca.certificate,
        certificate: &own.certificate,
        private_key: &own.private_key,
    }
}

/// Connects and gives the name that the server knows the client by.
async fn greeting(server: &Server, config: ClientConfig) -> std::io::Result<String> {
    let tcp = TcpStream::connect(server.address).await?;
    let name = ServerName::try_from(tls::SERVER_NAME).unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await?;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    // In TLS 1.3 a refusal of the client's certificate arrives with the first read only.
    let mut answer = vec![0; 100];
    let count = stream.read(&mut answer).await?;
    answer.truncate(count);
    String::from_utf8(answer).map_err(std::io::Error::other)
}

async fn greet_as(server: &Server, client: &Issued) -> std::io::Result<String> {
    greeting(server, tls::client_config(&credentials(&server.ca, client)).unwrap()).await
}

fn without_certificate(server: &Server) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(pem::parse(&server.ca.certificate).unwrap().contents().into()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

#[tokio::test]
async fn a_good_certificate_is_known_by_its_name() {
    let server = server(Limits::default()).await;
    let fred = server.authority.issue_client("Fred", 1).unwrap();
    assert_eq!(greet_as(&server, &fred).await.unwrap(), "Fred");
}

#[tokio::test]
async fn tls_1_2_is_accepted() {
    let server = server(Limits::default()).await;
    let fred = server.authority.issue_client("Fred", 1).unwrap();
    let chain = vec![pem::parse(&fred.certificate).unwrap().into_contents().into()];
    let key = pem::parse(&fred.private_key).unwrap().into_contents();
    let key = rustls::pki_types::PrivatePkcs1KeyDer::from(key).into();
    let mut roots = RootCertStore::empty();
    roots.add(pem::parse(&server.ca.certificate).unwrap().contents().into()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    assert_eq!(greeting(&server, config).await.unwrap(), "Fred");
}

#[tokio::test]
async fn no_certificate_is_refused() {
    let server = server(Limits::default()).await;
    let refused = greeting(&server, without_certificate(&server)).await.unwrap_err();
    assert!(refused.to_string().contains("CertificateRequired"), "{refused}");
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let server = server(Limits::default()).await;
    let (other, _) = Authority::create().unwrap();
    let fred = other.issue_client("Fred", 1).unwrap();
    greet_as(&server, &fred).await.unwrap_err();
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let server = server(Limits::default()).await;
    let now = OffsetDateTime::now_utc();
    let past = Validity { from: now - time::Duration::days(2), until: now - time::Duration::days(1) };
    let fred = server.authority.issue("Fred", past).unwrap();
    let refused = greet_as(&server, &fred).await.unwrap_err();
    assert!(refused.to_string().contains("Expired"), "{refused}");
}

#[tokio::test]
async fn a_revoked_certificate_is_refused_from_the_next_connection_on() {
    let server = server(Limits::default()).await;
    let fred = server.authority.issue_client("Fred", 1).unwrap();
    let config = tls::client_config(&credentials(&server.ca, &fred)).unwrap();
    assert_eq!(greeting(&server, config.clone()).await.unwrap(), "Fred");
    server.revoked.lock().push(PeerIdentity::of_pem(&fred.certificate).unwrap().serial);
    // The same configuration would resume its session if the server let it.
    let refused = greeting(&server, config).await.unwrap_err();
    assert!(refused.to_string().contains("Revoked"), "{refused}");
}

#[tokio::test]
async fn silent_peers_hold_nobody_up_and_are_thrown_out() {
    let server = server(Limits { handshake: Duration::from_secs(2), ..Limits::default() }).await;
    let fred = server.authority.issue_client("Fred", 1).unwrap();
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(greet_as(&server, &fred).await.unwrap(), "Fred");
    let end = tokio::time::timeout(PATIENCE, async { silent.read(&mut [0; 1]).await.unwrap_or(0) }).await;
    assert_eq!(end.expect("it is thrown out"), 0);
}

#[tokio::test]
async fn one_peer_cannot_take_more_than_its_share() {
    let server = server(Limits { per_peer: 1, ..Limits::default() }).await;
    let fred = server.authority.issue_client("Fred", 1).unwrap();
    let first = TcpStream::connect(server.address).await.unwrap();
    // The kernel accepts in order, so the second comes after the first has taken the slot.
    greet_as(&server, &fred).await.unwrap_err();
    drop(first);
    let again = async {
        while greet_as(&server, &fred).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.unwrap();
}

#[tokio::test]
async fn grpc_runs_over_it_and_stops_when_told() {
    let (authority, ca) = Authority::create().unwrap();
    let own = authority.issue_server(1).unwrap();
    let config = tls::server_config(&credentials(&ca, &own), Arc::new(|_| false)).unwrap();
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), Limits::default()).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let stop = CancellationToken::new();
    let routes = tonic::service::Routes::default();
    let serving = tonic::transport::Server::builder()
        .add_routes(routes)
        .serve_with_incoming_shutdown(listener.incoming(config), stop.clone().cancelled_owned());
    let serving = tokio::spawn(serving);

    let fred = authority.issue_client("Fred", 1).unwrap();
    let file = ApiClient::new("Fred", fred, &ca.certificate, address.clone());
    let channel = crate::channel::connect(&file).await.unwrap();
    let request = http_request("/proto.API/Nothing");
    let answer = tower::ServiceExt::oneshot(channel, request).await.unwrap();
    assert_eq!(answer.headers()["grpc-status"], "12");
    drop(answer);

    stop.cancel();
    tokio::time::timeout(PATIENCE, serving).await.unwrap().unwrap().unwrap();
    assert!(matches!(crate::channel::connect(&file).await, Err(Error::Connect { .. })));
}

fn http_request(path: &str) -> tonic::codegen::http::Request<tonic::body::Body> {
    let builder = tonic::codegen::http::Request::post(path).header("content-type", "application/grpc");
    builder.body(tonic::body::Body::empty()).unwrap()
}
