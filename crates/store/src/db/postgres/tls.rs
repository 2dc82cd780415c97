//! TLS to a PostgreSQL server, as its address asks for.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::{Address, SslMode};

/// What makes connections to this address; files are read now. Errors are for people.
pub fn connector(address: &Address) -> Result<MakeRustlsConnect, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Verifier::of(address, &provider)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let config = match (&address.ssl.cert, &address.ssl.key) {
        (Some(cert), Some(key)) => {
            let key = PrivateKeyDer::from_pem_file(key)
                .map_err(|error| format!("sslkey {}: {error}", key.display()))?;
            config.with_client_auth_cert(certificates(cert, "sslcert")?, key).map_err(|e| e.to_string())?
        }
        _ => config.with_no_client_auth(),
    };
    Ok(MakeRustlsConnect::new(config))
}

fn certificates(path: &Path, word: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let wrong = |why: String| format!("{word} {}: {why}", path.display());
    let all = CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
    let all = all.collect::<Result<Vec<_>, _>>().map_err(|error| wrong(error.to_string()))?;
    if all.is_empty() {
        return Err(wrong("there is no PEM certificate in it".into()));
    }
    Ok(all)
}

/// Whose certificates are believed.
#[derive(Debug)]
struct Verifier {
    /// `None` believes everybody.
    checks: Option<Arc<WebPkiServerVerifier>>,
    any_name: bool,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn of(address: &Address, provider: &Arc<CryptoProvider>) -> Result<Self, String> {
        let mode = address.mode();
        let checks = match (mode, &address.ssl.root_cert) {
            (SslMode::VerifyCa | SslMode::VerifyFull, file) => Some(roots(file.as_deref())?),
            // As libpq has it: who names certificates wants them checked.
            (SslMode::Require, Some(file)) => Some(roots(Some(file))?),
            (SslMode::Disable | SslMode::Prefer | SslMode::Require, _) => None,
        };
        let checks = checks.map(|roots| {
            let roots = WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone());
            roots.build().map_err(|error| error.to_string())
        });
        let any_name = mode != SslMode::VerifyFull;
        Ok(Self { checks: checks.transpose()?, any_name, provider: provider.clone() })
    }
}

fn roots(file: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    match file {
        // libpq's word for those whom the machine trusts.
        Some(file) if file != Path::new("system") => {
            for certificate in certificates(file, "sslrootcert")? {
                roots.add(certificate).map_err(|error| format!("sslrootcert {}: {error}", file.display()))?;
            }
        }
        _ => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err("this machine trusts no certificates: name the server's with sslrootcert=FILE".into());
    }
    Ok(roots)
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(checks) = &self.checks else { return Ok(ServerCertVerified::assertion()) };
        match checks.verify_server_cert(end_entity, between, name, ocsp, now) {
            // The name is looked at last.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.any_name => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Postgres;

    async fn refusal(address: &str) -> String {
        Postgres::open(address).await.unwrap_err().to_string()
    }

    /// `HARRIER_TEST_POSTGRES_TLS` is how to reach a server as `localhost`, with whom to trust; `cargo xtask test` starts one.
    #[tokio::test(flavor = "multi_thread")]
    async fn servers_are_believed_as_the_address_says() {
        let Ok(address) = std::env::var("HARRIER_TEST_POSTGRES_TLS") else {
            eprintln!("not run: HARRIER_TEST_POSTGRES_TLS is not set");
            return;
        };
        for mode in ["disable", "prefer", "require", "verify-ca", "verify-full"] {
            let postgres = Postgres::open(&format!("{address} sslmode={mode}")).await.unwrap();
            let sql = "SELECT 1 / (ssl::int) FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
            let is_encrypted = postgres.batch(sql).await.is_ok();
            assert_eq!(is_encrypted, mode != "disable", "{mode}");
        }
        // Who is trusted was named, so that nothing less than the right name is believed.
        let other = address.replace("host=localhost", "host=127.0.0.1");
        assert!(refusal(&other).await.contains("not valid for name"), "{}", refusal(&other).await);
        Postgres::open(&format!("{other} sslmode=verify-ca")).await.unwrap();
        let nobody = address.split(" sslrootcert=").next().unwrap();
        let system = format!("{nobody} sslmode=verify-full");
        assert!(refusal(&system).await.contains("invalid peer certificate"), "{}", refusal(&system).await);
        Postgres::open(&format!("{nobody} sslmode=require")).await.unwrap();
        assert!(refusal(&format!("{nobody} sslrootcert=/nowhere.pem")).await.contains("/nowhere.pem"));
    }
}
