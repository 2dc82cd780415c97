//! TLS to a PostgreSQL server, as its address asks for.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{CertificateError, ClientConfig, Error, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::{Address, SslMode};
use crate::tls::{Shown, Verifier};

/// What makes connections to this address; files are read now. Errors are for people.
pub fn connector(address: &Address) -> Result<MakeRustlsConnect, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let (checks, any_name) = (checks(address, &provider)?, address.mode() != SslMode::VerifyFull);
    let verifier = Verifier::new(provider.clone(), move |shown: &Shown<'_>| {
        checks.as_ref().map_or(Ok(()), |checks| believe(checks, any_name, shown))
    });
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

/// Whose certificates are believed; `None` believes everybody.
fn checks(
    address: &Address,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<WebPkiServerVerifier>>, String> {
    let roots = match (address.mode(), &address.ssl.root_cert) {
        (SslMode::VerifyCa | SslMode::VerifyFull, file) => roots(file.as_deref())?,
        // As libpq has it: who names certificates wants them checked.
        (SslMode::Require, Some(file)) => roots(Some(file))?,
        (SslMode::Disable | SslMode::Prefer | SslMode::Require, _) => return Ok(None),
    };
    let checks = WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone());
    checks.build().map(Some).map_err(|error| error.to_string())
}

/// Whether a certificate is believed: the name is looked at last.
fn believe(checks: &WebPkiServerVerifier, any_name: bool, shown: &Shown<'_>) -> Result<(), Error> {
    match checks.verify_server_cert(shown.end_entity, shown.between, shown.name, shown.ocsp, shown.now) {
        Err(Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) if any_name => Ok(()),
        verified => verified.map(drop),
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
