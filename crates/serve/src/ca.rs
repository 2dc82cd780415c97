//! The certificate authority: makes itself, and certificates for the server, the gateway and API clients.
//!
//! All values (key sizes, subjects, validity, usages) are those of the gRPC reference, section 5.

use std::net::IpAddr;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, PublicKeyData as _, RsaKeySize,
    SanType, SerialNumber,
};
use store::user::{GATEWAY, SUPER_USER, check_name};
use time::{Duration, OffsetDateTime};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::error::{Error, Result};

mod pkcs1;

/// How long a CA is valid.
const CA_DAYS: i64 = 3650;

/// How long other certificates are valid unless the configuration says otherwise.
pub const DEFAULT_DAYS: u32 = 365;

/// Certificates are valid a little before they are made, as clocks of hosts differ.
const BACKDATED: Duration = Duration::minutes(5);

const CA_NAME: &str = "Velociraptor_ca.velocidex.com";
const CA_ORGANISATION: &str = "Velociraptor CA";
const ORGANISATION: &str = "Velociraptor";

/// A certificate and its key, both as PEM.
#[derive(Clone)]
pub struct Issued {
    /// `CERTIFICATE`.
    pub certificate: String,
    /// `RSA PRIVATE KEY` (PKCS#1).
    pub private_key: String,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// When a certificate is valid.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Validity {
    pub from: OffsetDateTime,
    pub until: OffsetDateTime,
}

impl Validity {
    fn days(days: i64) -> Self {
        let now = OffsetDateTime::now_utc();
        Self { from: now - BACKDATED, until: now + Duration::days(days) }
    }
}

/// A CA that can issue.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes a new CA.
    pub fn create() -> Result<(Self, Issued)> {
        let key = new_key()?;
        let mut params = params(Validity::days(CA_DAYS), CA_ORGANISATION)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages.push(KeyUsagePurpose::KeyCertSign);
        params.subject_alt_names = dns_name(CA_NAME);
        let certificate = params.self_signed(&key).map_err(Error::Certificate)?;
        let issued = Issued { certificate: certificate.pem(), private_key: pkcs1::pem(&key)? };
        Ok((Self { issuer: Issuer::new(params, key) }, issued))
    }

    /// Reads a CA back from its private key and certificate.
    pub fn load(private_key: &str, certificate: &str) -> Result<Self> {
        if private_key.trim().is_empty() {
            return Err(Error::CaMissing);
        }
        let key = KeyPair::from_pem(private_key).map_err(|_| Error::Pem("CA.private_key"))?;
        let bad_certificate = || Error::Pem("Client.ca_certificate");
        let der = pem::parse(certificate).map_err(|_| bad_certificate())?;
        let (_, parsed) = X509Certificate::from_der(der.contents()).map_err(|_| bad_certificate())?;
        if parsed.public_key().raw != key.subject_public_key_info() {
            return Err(Error::KeyMismatch);
        }
        let issuer = Issuer::from_ca_cert_der(&der.contents().into(), key).map_err(|_| bad_certificate())?;
        Ok(Self { issuer })
    }

    /// The identity of the API server.
    pub fn issue_server(&self, days: u32) -> Result<Issued> {
        self.issue(SUPER_USER, Validity::days(days.into()))
    }

    /// The identity of the gateway.
    pub fn issue_gateway(&self, days: u32) -> Result<Issued> {
        self.issue(GATEWAY, Validity::days(days.into()))
    }

    /// The identity of the API client `name`; names of the server itself are refused.
    pub fn issue_client(&self, name: &str, days: u32) -> Result<Issued> {
        check_name(name).map_err(Error::Name)?;
        self.issue(name, Validity::days(days.into()))
    }

    /// A certificate for a server that browsers and agents connect to: ECDSA P-256, whose handshakes cost a fraction of
    /// RSA's. `names` are host names and addresses; its key is PKCS#8.
    pub fn issue_web(&self, names: &[String], days: u32) -> Result<Issued> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(Error::Certificate)?;
        let mut params = params(Validity::days(days.into()), ORGANISATION)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let alternatives = names.iter().map(|name| match name.parse::<IpAddr>() {
            Ok(address) => vec![SanType::IpAddress(address)],
            Err(_) => dns_name(name),
        });
        params.subject_alt_names = alternatives.flatten().collect();
        let common = names.iter().find(|name| name.parse::<IpAddr>().is_err());
        params.distinguished_name.push(DnType::CommonName, common.map_or("localhost", String::as_str));
        let certificate = params.signed_by(&key, &self.issuer).map_err(Error::Certificate)?;
        Ok(Issued { certificate: certificate.pem(), private_key: key.serialize_pem() })
    }

    pub(crate) fn issue(&self, name: &str, validity: Validity) -> Result<Issued> {
        let key = new_key()?;
        let mut params = params(validity, ORGANISATION)?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.use_authority_key_identifier_extension = true;
        params.subject_alt_names = match name.parse::<IpAddr>() {
            Ok(address) => vec![SanType::IpAddress(address)],
            Err(_) => dns_name(name),
        };
        let certificate = params.signed_by(&key, &self.issuer).map_err(Error::Certificate)?;
        Ok(Issued { certificate: certificate.pem(), private_key: pkcs1::pem(&key)? })
    }
}

fn new_key() -> Result<KeyPair> {
    KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).map_err(Error::Certificate)
}

/// What all certificates have in common.
fn params(validity: Validity, organisation: &str) -> Result<CertificateParams> {
    let mut serial = [0; 16];
    aws_lc_rs::rand::fill(&mut serial).map_err(|_| Error::Random)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, organisation);
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.not_before = validity.from;
    params.not_after = validity.until;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}

/// The alternative name for `name`. Names that no DNS name can hold go without: the common name tells them.
fn dns_name(name: &str) -> Vec<SanType> {
    name.try_into().map(SanType::DnsName).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;
    use x509_parser::prelude::GeneralName;

    fn with_parsed<T>(pem_text: &str, look: impl FnOnce(&X509Certificate<'_>) -> T) -> T {
        let der = pem::parse(pem_text).unwrap();
        look(&X509Certificate::from_der(der.contents()).unwrap().1)
    }

    fn days(cert: &X509Certificate<'_>) -> i64 {
        let seconds = cert.validity().not_after.timestamp() - cert.validity().not_before.timestamp();
        seconds / 86400
    }

    #[test]
    fn the_authority_has_the_published_shape() {
        let (_, issued) = Authority::create().unwrap();
        assert!(issued.private_key.starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));
        with_parsed(&issued.certificate, |cert| {
            assert_eq!(cert.subject().to_string(), "O=Velociraptor CA");
            assert_eq!(days(cert), CA_DAYS);
            assert!(cert.is_ca());
            let usage = cert.key_usage().unwrap().unwrap().value;
            assert!(usage.digital_signature() && usage.key_encipherment() && usage.key_cert_sign());
            assert!(!usage.crl_sign());
            assert_eq!(cert.signature_algorithm.algorithm.to_id_string(), "1.2.840.113549.1.1.11");
        });
    }

    #[test]
    fn clients_have_the_published_shape() {
        let (made, ca) = Authority::create().unwrap();
        drop(made);
        let authority = Authority::load(&ca.private_key, &ca.certificate).unwrap();
        let fred = authority.issue_client("Fred", DEFAULT_DAYS).unwrap();
        with_parsed(&fred.certificate, |cert| {
            assert_eq!(cert.subject().to_string(), "O=Velociraptor, CN=Fred");
            assert_eq!(cert.issuer().to_string(), "O=Velociraptor CA");
            assert_eq!(days(cert), 365);
            let names = &cert.subject_alternative_name().unwrap().unwrap().value.general_names;
            assert_eq!(names[..], [GeneralName::DNSName("Fred")]);
            let usage = cert.extended_key_usage().unwrap().unwrap().value;
            assert!(usage.server_auth && usage.client_auth && !cert.is_ca());
            assert!(cert.raw_serial().len() > 12);
        });
        let host = authority.issue_client("10.0.0.1", 30).unwrap();
        with_parsed(&host.certificate, |cert| {
            let names = &cert.subject_alternative_name().unwrap().unwrap().value.general_names;
            assert_eq!(names[..], [GeneralName::IPAddress(&[10, 0, 0, 1])]);
            assert_eq!(days(cert), 30);
        });
    }

    #[test]
    fn the_servers_names_are_not_given_to_clients() {
        let (authority, _) = Authority::create().unwrap();
        let refused = authority.issue_client("velociraptorServer", 1).unwrap_err();
        assert_eq!(refused.to_string(), "Username is reserved: velociraptorServer");
        with_parsed(&authority.issue_server(1).unwrap().certificate, |cert| {
            assert_eq!(cert.subject().to_string(), "O=Velociraptor, CN=VelociraptorServer");
        });
    }

    #[test]
    fn a_key_of_another_authority_is_refused() {
        let (_, one) = Authority::create().unwrap();
        let (_, two) = Authority::create().unwrap();
        assert!(matches!(Authority::load(&one.private_key, &two.certificate), Err(Error::KeyMismatch)));
        let missing = Authority::load(" ", &two.certificate).unwrap_err();
        assert_eq!(missing.to_string(), "Config with valid CA is required");
        assert!(matches!(Authority::load("x", &two.certificate), Err(Error::Pem("CA.private_key"))));
    }

    #[test]
    fn openssl_agrees_when_it_is_there() {
        let (authority, ca) = Authority::create().unwrap();
        let fred = authority.issue_client("Fred", 1).unwrap();
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [("ca", &ca.certificate), ("cert", &fred.certificate), ("key", &fred.private_key)]
        {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let openssl = |args: &[&str]| Command::new("openssl").args(args).current_dir(dir.path()).output();
        let Ok(verify) = openssl(&["verify", "-x509_strict", "-CAfile", "ca", "cert"]) else { return };
        assert!(verify.status.success(), "{}", String::from_utf8_lossy(&verify.stderr));
        let check = openssl(&["rsa", "-check", "-noout", "-in", "key"]).unwrap();
        assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
    }
}
