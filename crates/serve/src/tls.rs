//! TLS with client certificates: who may connect, and how our own command line connects.
//!
//! The server asks for a certificate of its own CA, unexpired and not revoked (the gRPC reference,
//! section 5). TLS 1.2 is accepted besides 1.3, for old client libraries.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig,
    SignatureScheme,
};

use crate::error::{Error, Result};
use crate::identity::PeerIdentity;

/// The name in the server's certificate, whatever its address is.
pub const SERVER_NAME: &str = store::user::SUPER_USER;

/// Says whether a certificate lost trust.
pub type IsRevoked = Arc<dyn Fn(&PeerIdentity) -> bool + Send + Sync>;

/// PEM texts of one end of a connection.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// What the other end must be signed by.
    pub ca_certificate: &'a str,
    /// Our own certificate.
    pub certificate: &'a str,
    /// And its key.
    pub private_key: &'a str,
}

/// The settings of the API server.
pub fn server_config(credentials: &Credentials<'_>, is_revoked: IsRevoked) -> Result<Arc<ServerConfig>> {
    let provider = provider();
    let roots = Arc::new(roots(credentials.ca_certificate)?);
    let inner = WebPkiClientVerifier::builder_with_provider(roots, provider.clone()).build();
    let verifier = Arc::new(Unrevoked { inner: inner.map_err(Error::Verifier)?, is_revoked });
    let (chain, key) = own(credentials)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(Error::Tls)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(Error::Tls)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    // A resumed session skips the verifier: a revoked or expired client would get in again.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// The settings of our own clients. Connect with the name [`SERVER_NAME`].
pub fn client_config(credentials: &Credentials<'_>) -> Result<ClientConfig> {
    let (chain, key) = own(credentials)?;
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(Error::Tls)?
        .with_root_certificates(roots(credentials.ca_certificate)?)
        .with_client_auth_cert(chain, key)
        .map_err(Error::Tls)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

/// The settings of a client that shows no certificate and trusts this CA alone.
pub fn web_client_config(ca_certificate: &str) -> Result<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13, &TLS12]);
    Ok(builder.map_err(Error::Tls)?.with_root_certificates(roots(ca_certificate)?).with_no_client_auth())
}

/// Given everywhere explicitly, as a process-wide default could be set by any dependency.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn roots(ca_certificate: &str) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca_certificate, "the CA certificate")? {
        roots.add(certificate).map_err(Error::Tls)?;
    }
    Ok(roots)
}

fn own(credentials: &Credentials<'_>) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let chain = certificates(credentials.certificate, "the certificate")?;
    let key = PrivateKeyDer::from_pem_slice(credentials.private_key.as_bytes());
    Ok((chain, key.map_err(|_| Error::Pem("the private key"))?))
}

fn certificates(pem: &str, what: &'static str) -> Result<Vec<CertificateDer<'static>>> {
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    parsed.ok().filter(|list| !list.is_empty()).ok_or(Error::Pem(what))
}

/// Refuses revoked certificates that are fine otherwise, and those that name nobody.
struct Unrevoked {
    inner: Arc<dyn ClientCertVerifier>,
    is_revoked: IsRevoked,
}

impl fmt::Debug for Unrevoked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unrevoked").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl ClientCertVerifier for Unrevoked {
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self.inner.verify_client_cert(end_entity, intermediates, now)?;
        let identity = PeerIdentity::of(end_entity).ok_or(CertificateError::BadEncoding)?;
        if (self.is_revoked)(&identity) {
            return Err(CertificateError::Revoked.into());
        }
        Ok(verified)
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
