//! How to reach a PostgreSQL server, and how the connection is protected: `sslmode`, `sslrootcert`, `sslcert` and `sslkey` as libpq
//! has them (its documentation, "SSL Support"), which the driver does not know.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// What a connection is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslMode {
    Disable,
    /// Encrypted if the server can.
    Prefer,
    /// Encrypted; whoever answers is believed.
    Require,
    /// Encrypted, with a certificate of somebody who is trusted, whatever its name.
    VerifyCa,
    /// Encrypted, and the certificate is one for the server's name.
    VerifyFull,
}

impl SslMode {
    fn of(name: &str) -> Result<Self, String> {
        Ok(match name {
            "disable" => Self::Disable,
            "allow" | "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            other => {
                return Err(format!(
                    "unknown sslmode {other}: it is disable, prefer, require, verify-ca or verify-full"
                ));
            }
        })
    }
}

/// What a connection string says of TLS, and the rest of it.
#[derive(Debug, Default)]
pub struct Ssl {
    pub mode: Option<SslMode>,
    /// PEM: who is trusted, instead of those whom the machine trusts.
    pub root_cert: Option<PathBuf>,
    /// PEM: who we are, where servers ask for certificates.
    pub cert: Option<PathBuf>,
    pub key: Option<PathBuf>,
}

/// An address, `postgres://user:password@host:port/database?sslmode=…` or `host=… user=… sslmode=…`.
#[derive(Debug)]
pub struct Address {
    pub config: Config,
    pub ssl: Ssl,
}

#[expect(clippy::unwrap_used, reason = "a constant, compiled by the tests")]
static WORDS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(^|[\s?&])(sslmode|sslrootcert|sslcert|sslkey)\s*=\s*(?:'([^']*)'|([^\s&']*))").unwrap()
});

impl Address {
    /// Reads one; nothing is opened. Errors are for people, and hold no password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut words = HashMap::new();
        let is_url = text.starts_with("postgres://") || text.starts_with("postgresql://");
        // A user, a password or a database may contain anything, but these words.
        let rest = WORDS.replace_all(text, |found: &Captures<'_>| {
            let value = found.get(3).or(found.get(4)).map_or("", |value| value.as_str());
            words.insert(found[2].to_owned(), value.to_owned());
            // A word that the driver knows stands where others may follow.
            format!("{}sslmode=disable", &found[1])
        });
        let mut config: Config = rest.parse().map_err(|error: tokio_postgres::Error| {
            std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string)
        })?;
        if config.get_application_name().is_none() {
            config.application_name("harrier");
        }
        let mut file = |name: &str| {
            let value = words.remove(name)?;
            let decoded = if is_url { decode(&value) } else { value };
            Some(PathBuf::from(decoded))
        };
        let (root_cert, cert, key) = (file("sslrootcert"), file("sslcert"), file("sslkey"));
        let mode = words.remove("sslmode").map(|mode| SslMode::of(&mode.to_ascii_lowercase())).transpose()?;
        if cert.is_some() != key.is_some() {
            return Err("sslcert and sslkey belong together".into());
        }
        Ok(Self { config, ssl: Ssl { mode, root_cert, cert, key } })
    }

    /// What holds when nothing is said: what stays on this machine is not encrypted unless the server offers it, and what leaves
    /// it is only told to the server that was named.
    pub fn mode(&self) -> SslMode {
        let leaves = self.config.get_hosts().iter().any(|host| match host {
            Host::Unix(_) => false,
            Host::Tcp(name) => name != "localhost" && !name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback()),
        }) || self.config.get_hostaddrs().iter().any(|ip| !ip.is_loopback());
        let is_trusted = self.ssl.root_cert.is_some();
        match self.ssl.mode {
            Some(mode) => mode,
            None if leaves || is_trusted => SslMode::VerifyFull,
            None => SslMode::Prefer,
        }
    }
}

fn decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(text: &str) -> Result<SslMode, String> {
        Address::parse(text).map(|address| address.mode())
    }

    #[test]
    fn modes_are_those_of_libpq_and_what_leaves_the_machine_is_verified() {
        for (text, wanted) in [
            ("postgres://u:p@db.example.org/d", SslMode::VerifyFull),
            ("postgres://u:p@10.1.2.3/d", SslMode::VerifyFull),
            ("postgres://u:p@127.0.0.1/d", SslMode::Prefer),
            ("host=localhost user=u", SslMode::Prefer),
            ("host=/run/postgresql user=u", SslMode::Prefer),
            ("host=localhost user=u sslrootcert=/etc/ca.pem", SslMode::VerifyFull),
            ("host=localhost,db.example.org user=u", SslMode::VerifyFull),
            ("postgres://u:p@db.example.org/d?sslmode=require", SslMode::Require),
            ("postgresql://u@h/d?application_name=x&sslmode=verify-ca", SslMode::VerifyCa),
            ("host=h user=u sslmode = 'disable' dbname=d", SslMode::Disable),
        ] {
            assert_eq!(mode(text), Ok(wanted), "{text}");
        }
        assert!(mode("host=h user=u sslmode=sometimes").unwrap_err().contains("unknown sslmode sometimes"));
        assert!(mode("host=h user=u sslcert=/c.pem").unwrap_err().contains("belong together"));
        assert!(mode("host=h user=u colour=red").unwrap_err().contains("colour"));
    }

    #[test]
    fn files_are_named_and_the_rest_is_the_drivers() {
        let text = "postgres://u:p%40%20q@a:1,b:2/d?sslrootcert=%2Fetc%2Fmy%20ca.pem&connect_timeout=3";
        let address = Address::parse(text).unwrap();
        assert_eq!(address.ssl.root_cert, Some(PathBuf::from("/etc/my ca.pem")));
        assert_eq!(
            (address.config.get_password(), address.config.get_ports()),
            (Some(&b"p@ q"[..]), &[1, 2][..])
        );
        assert_eq!(address.config.get_connect_timeout().map(std::time::Duration::as_secs), Some(3));
        let address =
            Address::parse("sslrootcert='/etc/my ca.pem' host=h user=u sslcert=/c sslkey=/k").unwrap();
        assert_eq!(address.ssl.root_cert, Some(PathBuf::from("/etc/my ca.pem")));
        assert_eq!((address.ssl.cert, address.ssl.key), (Some("/c".into()), Some("/k".into())));
    }
}
