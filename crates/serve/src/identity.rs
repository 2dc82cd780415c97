//! Who is at the other end, as the verified client certificate says.
//!
//! The name is the common name; without one the first DNS name, else the first IP address among the
//! alternative names (the gRPC reference, section 5).

use std::fmt::Write;
use std::net::IpAddr;

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// The owner of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerIdentity {
    /// The user name.
    pub name: String,
    /// The serial number in lower-case hexadecimal without leading zeros.
    pub serial: String,
    /// The SHA-256 of the certificate in lower-case hexadecimal.
    pub fingerprint: String,
}

impl PeerIdentity {
    /// Reads a certificate; `None` when it is damaged or names nobody, or more than one.
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
        let fingerprint = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate);
        let serial = hex(parsed.raw_serial()).trim_start_matches('0').to_owned();
        Some(Self { name: name(&parsed)?, serial, fingerprint: hex(fingerprint.as_ref()) })
    }

    /// Reads the (first) certificate of a PEM text.
    pub fn of_pem(certificate: &str) -> Option<Self> {
        let block = pem::parse(certificate).ok()?;
        Self::of(&block.contents().into())
    }
}

fn name(certificate: &X509Certificate<'_>) -> Option<String> {
    let mut common = certificate.subject().iter_common_name();
    let first = common.next().map(|name| name.as_str());
    if common.next().is_some() {
        // Readers disagree which of several counts, and so would the audit log and the look-up of rights.
        return None;
    }
    match first {
        Some(Ok(name)) if !name.is_empty() => Some(name.to_owned()),
        Some(Err(_)) => None,
        _ => alternative_name(certificate),
    }
}

fn alternative_name(certificate: &X509Certificate<'_>) -> Option<String> {
    let names = &certificate.subject_alternative_name().ok()??.value.general_names;
    let dns = names.iter().find_map(|name| match name {
        GeneralName::DNSName(dns) if !dns.is_empty() => Some((*dns).to_owned()),
        _ => None,
    });
    dns.or_else(|| names.iter().find_map(ip_address))
}

fn ip_address(name: &GeneralName<'_>) -> Option<String> {
    let GeneralName::IPAddress(bytes) = name else { return None };
    let address = match bytes.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(*bytes).ok()?),
        _ => IpAddr::from(<[u8; 16]>::try_from(*bytes).ok()?),
    };
    Some(address.to_string())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    fn identity(common_names: &[&str], alternatives: &[&str]) -> Option<PeerIdentity> {
        let names: Vec<String> = alternatives.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = DistinguishedName::new();
        for name in common_names {
            params.distinguished_name.push(DnType::CommonName, *name);
        }
        params.serial_number = Some(vec![0x0a, 0xbc].into());
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        PeerIdentity::of(certificate.der())
    }

    #[test]
    fn the_common_name_counts_before_alternatives() {
        let fred = identity(&["Fred"], &["other"]).unwrap();
        assert_eq!((fred.name.as_str(), fred.serial.as_str(), fred.fingerprint.len()), ("Fred", "abc", 64));
        assert_eq!(identity(&[], &["10.0.0.1", "host"]).unwrap().name, "host");
        assert_eq!(identity(&[""], &["::1"]).unwrap().name, "::1");
        assert_eq!(identity(&[], &[]), None);
    }
}
