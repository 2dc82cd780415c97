//! Certificates for whatever name the guest asks, signed by the authority that it trusts.

use std::collections::HashMap;
use std::sync::Arc;

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, SanType,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, crypto::CryptoProvider};
use time::{Duration, OffsetDateTime};

use super::settings::Authority;

/// Names whose certificates are kept.
const MAX_CERTIFICATES: usize = 256;
/// As long as certificates of known authorities are valid today, and some of it gone.
const AGE: Duration = Duration::days(20);
const REST: Duration = Duration::days(70);

/// The longest common name (RFC 5280, appendix A.1).
const MAX_COMMON_NAME: usize = 64;

const HTTP: &[u8] = b"http/1.1";

pub struct Certificates {
    mint: Option<Mint>,
    provider: Arc<CryptoProvider>,
    known: HashMap<String, Arc<CertifiedKey>>,
}

struct Mint {
    issuer: Issuer<'static, KeyPair>,
    /// One key for all: making one costs more than signing.
    key: KeyPair,
}

impl Certificates {
    pub fn new(authority: Option<&Authority>) -> Result<Self, String> {
        let bad = |error: rcgen::Error| format!("the guest's certificate authority cannot be used: {error}");
        let mint = match authority {
            Some(authority) => {
                let key = KeyPair::from_pem(&authority.key).map_err(bad)?;
                let issuer = Issuer::from_ca_cert_pem(&authority.certificate, key).map_err(bad)?;
                Some(Mint { issuer, key: KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(bad)? })
            }
            None => None,
        };
        Ok(Self { mint, provider: Arc::new(aws_lc_rs::default_provider()), known: HashMap::new() })
    }

    /// How a server of this name (or address) speaks to a client that offers these protocols.
    pub fn config(&mut self, name: &str, alpn: &[Vec<u8>], now: i64) -> Result<Arc<ServerConfig>, String> {
        let key = self.key(name, now)?;
        let mut config = ServerConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|error| error.to_string())?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
        // Whoever offers only what is not spoken here is not turned away for that.
        if alpn.iter().any(|protocol| protocol == HTTP) {
            config.alpn_protocols = vec![HTTP.to_vec()];
        }
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Arc::new(config))
    }

    fn key(&mut self, name: &str, now: i64) -> Result<Arc<CertifiedKey>, String> {
        if let Some(known) = self.known.get(name) {
            return Ok(known.clone());
        }
        let mint = self.mint.as_ref().ok_or("the guest trusts no authority of ours")?;
        let certificate = mint.certificate(name, now).map_err(|error| error.to_string())?;
        let key = PrivateKeyDer::try_from(mint.key.serialize_der()).map_err(str::to_owned)?;
        let key = self.provider.key_provider.load_private_key(key).map_err(|error| error.to_string())?;
        let made = Arc::new(CertifiedKey::new(vec![certificate], key));
        if self.known.len() >= MAX_CERTIFICATES {
            self.known.clear();
        }
        self.known.insert(name.to_owned(), made.clone());
        Ok(made)
    }
}

impl Mint {
    fn certificate(&self, name: &str, now: i64) -> Result<CertificateDer<'static>, rcgen::Error> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![match name.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(name.try_into()?),
        }];
        params.distinguished_name = DistinguishedName::new();
        if name.len() <= MAX_COMMON_NAME {
            params.distinguished_name.push(DnType::CommonName, name);
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let now = OffsetDateTime::from_unix_timestamp(now).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        params.not_before = now.saturating_sub(AGE);
        params.not_after = now.saturating_add(REST);
        Ok(params.signed_by(&self.key, &self.issuer)?.der().clone())
    }
}
