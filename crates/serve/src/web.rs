//! The certificate of servers that browsers and agents connect to: an ECDSA P-256 one from our own CA, or the owner's.
//!
//! ```text
//! DIR/fleet.pem        what clients trust: the CA's certificate   (fixed while the CA lives)
//! DIR/fleet-cert.pem   the server's certificate and its chain
//! DIR/fleet-key.pem    its key, readable by the owner only
//! ```
//!
//! Files are looked at again every few seconds, so that a new certificate counts without a restart. Agents trust the CA, and
//! a renewed certificate changes nothing for them.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, ServerSessionMemoryCache};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::ca::Authority;
use crate::error::{Error, Result};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A warning is given this long before a certificate ends.
pub const WARN_DAYS: i64 = 30;
/// Sessions that can be resumed.
const SESSIONS: usize = 16_384;
/// How long certificates of our own are valid.
const DAYS: u32 = 397;

/// Where a server's certificate is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The certificate and its chain, PEM.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub private_key: PathBuf,
}

/// Makes the files of `name` in `dir` when they are missing or end soon. `names` are the host names and addresses that the
/// certificate is for.
pub fn ensure(dir: &Path, name: &str, authority: &Authority, ca: &str, names: &[String]) -> Result<Files> {
    let files = files(dir, name);
    write(&dir.join(format!("{name}.pem")), ca, 0o644)?;
    let known = fs::read_to_string(&files.certificate).ok();
    if known.is_some_and(|pem| days_left(&pem).is_some_and(|days| days > WARN_DAYS))
        && files.private_key.exists()
    {
        return Ok(files);
    }
    renew(dir, name, authority, names)
}

/// Makes a new certificate and key.
pub fn renew(dir: &Path, name: &str, authority: &Authority, names: &[String]) -> Result<Files> {
    let files = files(dir, name);
    let issued = authority.issue_web(names, DAYS)?;
    write(&files.private_key, &issued.private_key, 0o600)?;
    write(&files.certificate, &issued.certificate, 0o644)?;
    Ok(files)
}

fn files(dir: &Path, name: &str) -> Files {
    Files {
        certificate: dir.join(format!("{name}-cert.pem")),
        private_key: dir.join(format!("{name}-key.pem")),
    }
}

/// The names and addresses that a certificate of ours is for, unless the owner says otherwise.
pub fn default_names(listen: IpAddr) -> Vec<String> {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".into(), "::1".into(), host];
    if !listen.is_unspecified() {
        names.push(listen.to_string());
    }
    names.sort();
    names.dedup();
    names
}

/// Replaces a file in one step.
fn write(path: &Path, text: &str, mode: u32) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;
    let put = || -> std::io::Result<()> {
        let dir = path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        file.write_all(text.as_bytes())?;
        file.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|e| e.error)?;
        Ok(())
    };
    put().map_err(|source| Error::File { path: path.to_owned(), source })
}

/// Whole days until the first certificate of a PEM text ends.
pub fn days_left(pem: &str) -> Option<i64> {
    let der = CertificateDer::pem_slice_iter(pem.as_bytes()).next()?.ok()?;
    let (_, parsed) = X509Certificate::from_der(&der).ok()?;
    let now = jiff::Timestamp::now().as_second();
    Some((parsed.validity().not_after.timestamp() - now).div_euclid(86_400))
}

/// The host names and addresses that the first certificate of a PEM text is for.
pub fn names(pem: &str) -> Option<Vec<String>> {
    let der = CertificateDer::pem_slice_iter(pem.as_bytes()).next()?.ok()?;
    let (_, parsed) = X509Certificate::from_der(&der).ok()?;
    let names = &parsed.subject_alternative_name().ok()??.value.general_names;
    let text = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => Some(IpAddr::from(<[u8; 4]>::try_from(*bytes).ok()?).to_string()),
            _ => Some(IpAddr::from(<[u8; 16]>::try_from(*bytes).ok()?).to_string()),
        },
        _ => None,
    };
    Some(names.iter().filter_map(text).collect())
}

/// TLS for everybody, with this certificate.
pub fn server_config(files: Files) -> Result<Arc<ServerConfig>> {
    let resolver = Arc::new(Reloading::open(files)?);
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(Error::Tls)?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // Agents that connect again and again save the costly half of the handshake.
    config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
    config.ticketer = aws_lc_rs::Ticketer::new().map_err(Error::Tls)?;
    Ok(Arc::new(config))
}

/// A certificate that is read again when its file changed.
#[derive(Debug)]
struct Reloading {
    files: Files,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    key: Arc<CertifiedKey>,
    looked: Instant,
    modified: Option<SystemTime>,
}

impl Reloading {
    fn open(files: Files) -> Result<Self> {
        let current = Current { key: load(&files)?, looked: Instant::now(), modified: modified(&files) };
        Ok(Self { files, current: Mutex::new(current) })
    }
}

impl ResolvesServerCert for Reloading {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut current = self.current.lock();
        if current.looked.elapsed() >= LOOK_EVERY {
            current.looked = Instant::now();
            let modified = modified(&self.files);
            if modified != current.modified {
                match load(&self.files) {
                    Ok(key) => {
                        tracing::info!(file = %self.files.certificate.display(), "a new certificate is in use");
                        (current.key, current.modified) = (key, modified);
                    }
                    // Perhaps just being written; the old one serves on.
                    Err(error) => tracing::warn!(%error, "the new certificate cannot be used yet"),
                }
            }
        }
        Some(current.key.clone())
    }
}

fn modified(files: &Files) -> Option<SystemTime> {
    let time = |path: &Path| fs::metadata(path).and_then(|meta| meta.modified()).ok();
    time(&files.certificate).max(time(&files.private_key))
}

fn load(files: &Files) -> Result<Arc<CertifiedKey>> {
    let read = |path: &Path| {
        fs::read_to_string(path).map_err(|source| Error::File { path: path.to_owned(), source })
    };
    let (certificate, key) = (read(&files.certificate)?, read(&files.private_key)?);
    if let Some(days) = days_left(&certificate).filter(|days| *days < WARN_DAYS) {
        tracing::warn!(days, file = %files.certificate.display(), "the server's certificate ends soon");
    }
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or(Error::Pem("the server's certificate"))?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| Error::Pem("the server's key"))?;
    let certified = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(Error::Tls)?;
    Ok(Arc::new(certified))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority() -> (Authority, String) {
        let (authority, issued) = Authority::create().unwrap();
        (authority, issued.certificate)
    }

    #[test]
    fn a_certificate_is_kept_until_it_ends_soon_and_its_names_can_be_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let (authority, ca) = authority();
        let names = ["::1".to_owned(), "10.0.0.1".into(), "fleet.example.org".into()];
        let files = ensure(dir.path(), "fleet", &authority, &ca, &names).unwrap();
        let first = fs::read_to_string(&files.certificate).unwrap();
        assert_eq!(super::names(&first).unwrap(), names);
        assert!(days_left(&first).unwrap() > 390);
        assert_eq!(fs::read_to_string(dir.path().join("fleet.pem")).unwrap(), ca);
        ensure(dir.path(), "fleet", &authority, &ca, &names).unwrap();
        assert_eq!(fs::read_to_string(&files.certificate).unwrap(), first);
        let short = authority.issue_web(&names, 29).unwrap();
        fs::write(&files.certificate, short.certificate).unwrap();
        ensure(dir.path(), "fleet", &authority, &ca, &names).unwrap();
        assert!(days_left(&fs::read_to_string(&files.certificate).unwrap()).unwrap() > 390);
    }

    #[test]
    fn only_the_owner_reads_the_key() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let (authority, ca) = authority();
        let files = ensure(dir.path(), "fleet", &authority, &ca, &["localhost".into()]).unwrap();
        assert_eq!(fs::metadata(&files.private_key).unwrap().permissions().mode() & 0o777, 0o600);
        server_config(files).unwrap();
    }
}
