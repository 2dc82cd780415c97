//! Who is trusted: what this machine trusts, what the call adds, and what the deployment's own CA issued.

use std::sync::{Arc, LazyLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use store::tls::{Shown, Verifier};

/// What a call says about the certificates it accepts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Trust {
    /// No checks at all.
    pub skip_verify: bool,
    /// PEM certificates to trust besides.
    pub root_ca: String,
}

/// Looked up once: reading a few hundred files takes a while.
static SYSTEM: LazyLock<Vec<CertificateDer<'static>>> =
    LazyLock::new(|| rustls_native_certs::load_native_certs().certs);

/// The TLS settings for these wishes.
pub fn config(trust: &Trust, own_ca: Option<&str>) -> Result<ClientConfig, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match trust.skip_verify {
        true => Arc::new(NoChecks(provider.clone())),
        false => {
            let checks = Checks::new(&trust.root_ca, own_ca, &provider)?;
            Arc::new(Verifier::new(provider.clone(), move |shown: &Shown<'_>| checks.believe(shown)))
        }
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(config)
}

fn certificates(pem: &str, what: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        _ => Err(format!("{what} holds no PEM certificate")),
    }
}

/// The usual checks, then those of our own CA.
struct Checks {
    /// `None` on a machine that trusts nobody.
    public: Option<Arc<WebPkiServerVerifier>>,
    own: RootCertStore,
    algorithms: &'static [&'static dyn SignatureVerificationAlgorithm],
}

impl Checks {
    fn new(root_ca: &str, own_ca: Option<&str>, provider: &Arc<CryptoProvider>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(SYSTEM.iter().cloned());
        if !root_ca.trim().is_empty() {
            for certificate in certificates(root_ca, "root_ca")? {
                roots.add(certificate).map_err(|e| format!("root_ca: {e}"))?;
            }
        }
        let mut own = RootCertStore::empty();
        if let Some(pem) = own_ca {
            own.add_parsable_certificates(certificates(pem, "the server's own CA")?);
        }
        let public = match roots.is_empty() {
            true => None,
            false => Some(
                WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone())
                    .build()
                    .map_err(|e| e.to_string())?,
            ),
        };
        Ok(Checks { public, own, algorithms: provider.signature_verification_algorithms.all })
    }

    /// Whether a certificate is believed.
    fn believe(&self, shown: &Shown<'_>) -> Result<(), Error> {
        let Shown { end_entity, between, name, ocsp, now } = *shown;
        let refused = match &self.public {
            Some(public) => match public.verify_server_cert(end_entity, between, name, ocsp, now) {
                Ok(_) => return Ok(()),
                Err(e) => e,
            },
            None => rustls::CertificateError::UnknownIssuer.into(),
        };
        self.own(end_entity, between, now).map_err(|_| refused)
    }

    /// Whether our own CA issued it, to whatever name.
    fn own(
        &self,
        end_entity: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(&certificate, &self.own, between, now, self.algorithms)
    }
}

/// `skip_verify`: whoever answers is who was meant.
#[derive(Debug)]
struct NoChecks(Arc<CryptoProvider>);

impl ServerCertVerifier for NoChecks {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _between: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
