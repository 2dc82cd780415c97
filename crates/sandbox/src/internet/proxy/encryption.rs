//! TLS on the way to a proxy.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The proxy by its certificate, and who is trusted to have given it.
#[derive(Clone, Debug)]
pub struct Encryption {
    name: ServerName<'static>,
    config: Arc<rustls::ClientConfig>,
}

impl Encryption {
    /// For the proxy at this host. Without authorities of its own it trusts whom this machine trusts.
    pub fn with(host: &str, ca: Option<&Path>) -> Result<Self, String> {
        let name = ServerName::try_from(host.to_owned()).map_err(|error| format!("{host}: {error}"))?;
        let mut roots = rustls::RootCertStore::empty();
        match ca {
            Some(path) => {
                let wrong = |error: &dyn std::fmt::Display| format!("ca: {}: {error}", path.display());
                for certificate in CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))? {
                    let added = roots.add(certificate.map_err(|error| wrong(&error))?);
                    added.map_err(|error| wrong(&error))?;
                }
                if roots.is_empty() {
                    return Err(wrong(&"there is no certificate in it"));
                }
            }
            None => {
                let own = rustls_native_certs::load_native_certs().certs;
                if roots.add_parsable_certificates(own).0 == 0 {
                    return Err(
                        "this machine trusts no certificates: name the proxy's authority with ca".into()
                    );
                }
            }
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { name, config: Arc::new(config) })
    }

    pub async fn begin(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsConnector::from(Arc::clone(&self.config)).connect(self.name.clone(), stream).await
    }
}
