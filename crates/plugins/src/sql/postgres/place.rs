//! Where a server is, and how the connection to it is protected.

use std::io;
use std::str::FromStr;

use store::db::{Address, SslMode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_postgres::Config;
use tokio_postgres::config::{self, Host};
use vql::call::Error;

use crate::net::dial::{Dialler, Line};
use crate::net::tls::Trust;

const PORT: u16 = 5432;

/// What asks a server whether it speaks TLS.
const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// Where a server is, as [`Address`] reads it.
pub struct Place {
    pub config: Config,
    mode: SslMode,
}

impl FromStr for Place {
    type Err = Error;

    /// `postgres://user:password@host:port/database?sslmode=verify-full`, or `host=… user=… dbname=…`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let Address { mut config, ssl } =
            Address::parse(text).map_err(|why| Error::new(format!("connstring: {why}")))?;
        if ssl.root_cert.is_some() || ssl.cert.is_some() {
            // Queries read files with accessors, if they may at all.
            return Err("connstring: sslrootcert, sslcert and sslkey are not supported".into());
        }
        if config.get_hosts().is_empty() {
            return Err("connstring names no host".into());
        }
        if config.get_user().is_none() {
            return Err("connstring names no user".into());
        }
        if !config.get_hostaddrs().is_empty() {
            return Err("connstring: hostaddr is not supported: name the address as host".into());
        }
        // TLS is ours.
        config.ssl_mode(config::SslMode::Disable);
        Ok(Place { config, mode: ssl.mode.unwrap_or(SslMode::Require) })
    }
}

impl Place {
    /// Connects to the first of its hosts that answers.
    pub async fn connect(&self, dialler: &Dialler) -> io::Result<Line> {
        let ports = self.config.get_ports();
        let mut failure = io::ErrorKind::NotFound.into();
        for (i, host) in self.config.get_hosts().iter().enumerate() {
            let port = ports.get(i).or(ports.first()).copied().unwrap_or(PORT);
            let line = match host {
                Host::Tcp(name) => self.tcp(dialler, name, port).await,
                Host::Unix(directory) => {
                    let socket = dialler.unix(&directory.join(format!(".s.PGSQL.{port}"))).await;
                    socket.map(|socket| Box::new(socket) as Line)
                }
            };
            match line {
                Ok(line) => return Ok(line),
                Err(e) => failure = e,
            }
        }
        Err(failure)
    }

    async fn tcp(&self, dialler: &Dialler, host: &str, port: u16) -> io::Result<Line> {
        let stream = dialler.tcp(host, port).await?;
        stream.set_nodelay(true)?;
        let mut line: Line = Box::new(stream);
        if self.mode == SslMode::Disable {
            return Ok(line);
        }
        line.write_all(&TLS_REQUEST).await?;
        // Nothing but this byte is read, so that nobody can put words into what follows.
        match (line.read_u8().await?, self.mode) {
            (b'S', mode) => {
                let mut trust = Trust {
                    skip_verify: matches!(mode, SslMode::Prefer | SslMode::Require),
                    ..Trust::default()
                };
                // Where certificates have to be checked, they are.
                trust.skip_verify &= dialler.check(&trust).is_ok();
                dialler.secure(line, host, &trust).await
            }
            (b'N', SslMode::Prefer) => Ok(line),
            (b'N', _) => {
                Err(io::Error::other("the server does not speak TLS, and sslmode does not disable it"))
            }
            _ => Err(io::Error::other("the other side is no PostgreSQL server")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_strings_are_read() {
        let mode = |text: &str| text.parse::<Place>().map(|p| p.mode).map_err(|e| e.to_string());
        for (text, wanted) in [
            ("postgres://u:p@h/d", SslMode::Require),
            ("postgres://u:p@h/d?sslmode=disable", SslMode::Disable),
            ("postgresql://u@h/d?application_name=x&sslmode=verify-full", SslMode::VerifyFull),
            ("host=h user=u sslmode='verify-ca' dbname=d", SslMode::VerifyCa),
            ("host=/run user=u sslmode = prefer", SslMode::Prefer),
        ] {
            assert_eq!(mode(text), Ok(wanted), "{text}");
        }
        for (text, wanted) in [
            ("", "connstring names no host"),
            ("host=h", "connstring names no user"),
            (
                "host=h user=u sslmode=sometimes",
                "connstring: unknown sslmode sometimes: it is disable, prefer, require, verify-ca or verify-full",
            ),
            (
                "host=h hostaddr=127.0.0.1 user=u",
                "connstring: hostaddr is not supported: name the address as host",
            ),
            ("host=h user=u colour=red", "connstring: unknown option `colour`"),
        ] {
            assert_eq!(mode(text), Err(wanted.to_owned()), "{text}");
        }
        let place: Place = "postgres://u:p%40%20q@a:1,b:2/d".parse().unwrap();
        assert_eq!(place.config.get_password(), Some(&b"p@ q"[..]));
        assert_eq!(place.config.get_ports(), [1, 2]);
    }
}
