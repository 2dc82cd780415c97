//! A certificate authority that one guest trusts: with its key, encrypted connections of samples can be answered.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose};
use time::{Duration, OffsetDateTime};

use crate::error::{Error, Result};

/// Clocks of analyses may be set far away.
const VALID: Duration = Duration::days(30 * 365);

/// Writes `ca.pem` and `ca.key`; only the owner reads the key.
pub fn make(folder: &Path, guest: &str) -> Result<()> {
    let failed = |error: rcgen::Error| Error::Program { call: "certificate".into(), text: error.to_string() };
    let key = KeyPair::generate().map_err(failed)?;
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, format!("Root R1 {guest}"));
    name.push(DnType::OrganizationName, "Global Trust Services");
    params.distinguished_name = name;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let now = OffsetDateTime::now_utc();
    params.not_before = now - VALID;
    params.not_after = now + VALID;
    let certificate = params.self_signed(&key).map_err(failed)?;
    write(&folder.join("ca.pem"), 0o644, &certificate.pem())?;
    write(&folder.join("ca.key"), 0o600, &key.serialize_pem())
}

fn write(path: &Path, mode: u32, text: &str) -> Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .map_err(Error::io("write", path))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(Error::io("write", path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_key_is_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        super::make(dir.path(), "linux").unwrap();
        let mode = |name: &str| dir.path().join(name).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("ca.key"), mode("ca.pem")), (0o600, 0o644));
        assert!(super::make(dir.path(), "linux").is_err(), "a key is never overwritten");
    }
}
