//! A proxy that the owner of the server lists, and what may be reached through it. The server speaks with it; guests never do.

mod encryption;

use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Deserializer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::allow::Allowed;
use encryption::Encryption;

/// Until the proxy has connected to the destination.
const CONNECT: Duration = Duration::from_secs(30);
/// What it answers to CONNECT.
const MAX_HEAD: usize = 8 << 10;

/// A proxy of the configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Given")]
pub struct Proxy {
    url: Upstream,
    /// What may be reached through it.
    pub allow: Vec<Allowed>,
    /// How connections to it are encrypted, if they are.
    encryption: Option<Encryption>,
}

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    /// `http://HOST:PORT`, `https://HOST:PORT` or `socks5://HOST:PORT`, with `USER:PASSWORD@` before the host where it takes them.
    url: Upstream,
    allow: Vec<Allowed>,
    /// For `https`: certificates of authorities (PEM) instead of those that this machine trusts.
    ca: Option<PathBuf>,
}

impl TryFrom<Given> for Proxy {
    type Error = String;

    /// What can go wrong before anything runs does so here.
    fn try_from(Given { url, allow, ca }: Given) -> Result<Self, String> {
        let encryption = match (url.kind, &ca) {
            (Kind::Https, ca) => Some(Encryption::with(&url.host, ca.as_deref())?),
            (_, Some(_)) => return Err("ca is for proxies at https://HOST:PORT".into()),
            (_, None) => None,
        };
        Ok(Self { url, allow, encryption })
    }
}

/// Where a proxy is and how it is spoken with.
#[derive(Clone)]
pub struct Upstream {
    kind: Kind,
    host: String,
    port: u16,
    account: Option<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// CONNECT of HTTP (RFC 9110, section 9.3.6).
    Http,
    /// The same within TLS.
    Https,
    /// RFC 1928.
    Socks5,
}

/// Without the password.
impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {}:{}", self.kind, self.host, self.port)
    }
}

impl Upstream {
    fn parse(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "a proxy is http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT, with USER:PASSWORD@ before the host where it takes them";
        let uri: Uri = text.parse().map_err(|_| WRONG)?;
        let kind = match uri.scheme_str() {
            Some("http") => Kind::Http,
            Some("https") => Kind::Https,
            Some("socks5" | "socks5h") => Kind::Socks5,
            _ => return Err(WRONG),
        };
        let authority = uri.authority().ok_or(WRONG)?;
        let port = authority.port_u16().filter(|port| *port > 0).ok_or(WRONG)?;
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let account = authority.as_str().rsplit_once('@').map(|(account, _)| {
            let (user, password) = account.split_once(':').unwrap_or((account, ""));
            (decode(user), decode(password))
        });
        if account
            .as_ref()
            .is_some_and(|(user, password)| user.is_empty() || user.len() > 255 || password.len() > 255)
        {
            return Err(
                "a user's name and password for a proxy have at most 255 bytes, the name at least one",
            );
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() || !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(WRONG);
        }
        Ok(Self { kind, host, port, account })
    }
}

impl<'de> Deserialize<'de> for Upstream {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A connection, encrypted or not.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl Proxy {
    pub fn permits(&self, host: &str, port: u16) -> bool {
        self.allow.iter().any(|allowed| allowed.permits(host, port))
    }

    /// A connection through the proxy, which resolves the name.
    pub async fn connect(&self, host: &str, port: u16) -> io::Result<Box<dyn Stream>> {
        match tokio::time::timeout(CONNECT, self.url.connect(host, port, self.encryption.as_ref())).await {
            Ok(connected) => connected,
            Err(_) => {
                Err(io::Error::other(format!("the proxy did not connect within {} s", CONNECT.as_secs())))
            }
        }
    }
}

impl Upstream {
    async fn connect(
        &self,
        host: &str,
        port: u16,
        encryption: Option<&Encryption>,
    ) -> io::Result<Box<dyn Stream>> {
        let gone = |error: io::Error| io::Error::other(format!("the proxy cannot be reached: {error}"));
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(gone)?;
        let _ = stream.set_nodelay(true);
        let mut stream: Box<dyn Stream> = match encryption {
            Some(encryption) => Box::new(encryption.begin(stream).await.map_err(gone)?),
            None => Box::new(stream),
        };
        match self.kind {
            Kind::Socks5 => self.socks(&mut stream, host, port).await?,
            Kind::Http | Kind::Https => self.tunnel(&mut stream, host, port).await?,
        }
        Ok(stream)
    }

    async fn tunnel(&self, stream: &mut dyn Stream, host: &str, port: u16) -> io::Result<()> {
        let account = self.account.as_ref().map(|(user, password)| {
            let both = STANDARD.encode(format!("{user}:{password}"));
            format!("Proxy-Authorization: Basic {both}\r\n")
        });
        let account = account.unwrap_or_default();
        let request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n{account}\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut head = Vec::new();
        // Byte by byte: what follows is the destination's.
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() == MAX_HEAD {
                return Err(io::Error::other("the proxy's answer has no end"));
            }
            head.push(stream.read_u8().await?);
        }
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut answer = httparse::Response::new(&mut headers);
        answer
            .parse(&head)
            .map_err(|error| io::Error::other(format!("the proxy's answer is no HTTP: {error}")))?;
        match answer.code {
            Some(200..=299) => Ok(()),
            code => Err(io::Error::other(format!("the proxy answers {}", code.unwrap_or_default()))),
        }
    }

    async fn socks(&self, stream: &mut dyn Stream, host: &str, port: u16) -> io::Result<()> {
        const NO_ACCOUNT: u8 = 0;
        const ACCOUNT: u8 = 2;
        let refused = |what: &str| Err(io::Error::other(format!("the proxy {what}")));
        let method = if self.account.is_some() { ACCOUNT } else { NO_ACCOUNT };
        stream.write_all(&[5, 1, method]).await?;
        let mut chosen = [0; 2];
        stream.read_exact(&mut chosen).await?;
        if chosen != [5, method] {
            return refused("takes no such login, or is none of SOCKS 5");
        }
        if let Some((user, password)) = &self.account {
            // RFC 1929; both are at most 255 bytes long.
            let login =
                [&[1, user.len() as u8], user.as_bytes(), &[password.len() as u8], password.as_bytes()]
                    .concat();
            stream.write_all(&login).await?;
            stream.read_exact(&mut chosen).await?;
            if chosen[1] != 0 {
                return refused("refuses the login");
            }
        }
        let mut request = vec![5, 1, 0];
        match host.parse::<Ipv4Addr>() {
            Ok(address) => request.extend([&[1][..], &address.octets()].concat()),
            Err(_) => request.extend(
                [&[3, u8::try_from(host.len()).map_err(io::Error::other)?][..], host.as_bytes()].concat(),
            ),
        }
        request.extend(port.to_be_bytes());
        stream.write_all(&request).await?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await?;
        if answer[..2] != [5, 0] {
            return refused(&format!("cannot connect (code {} of SOCKS 5)", answer[1]));
        }
        let length = match answer[3] {
            1 => 4,
            4 => 16,
            3 => usize::from(stream.read_u8().await?),
            _ => return refused("gives an address of an unknown kind"),
        };
        stream.read_exact(&mut vec![0; length + 2]).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Value as Json, json};
    use tokio::net::TcpListener;

    use super::*;
    use crate::internet::authority::authority;

    fn proxy(text: &str) -> Proxy {
        read(json!({"url": text, "allow": []})).unwrap()
    }

    fn read(text: Json) -> Result<Proxy, String> {
        serde_json::from_value(text).map_err(|error| error.to_string())
    }

    /// A proxy that answers these words, each after something was said, and gives what it heard.
    async fn scripted(answers: &'static [&'static [u8]]) -> (u16, tokio::task::JoinHandle<Vec<Vec<u8>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut heard = Vec::new();
            for answer in answers {
                let mut piece = vec![0; 4096];
                let length = stream.read(&mut piece).await.unwrap();
                heard.push(piece[..length].to_vec());
                stream.write_all(answer).await.unwrap();
            }
            heard
        });
        (port, task)
    }

    #[tokio::test]
    async fn names_go_to_the_proxy_and_what_follows_its_answer_is_the_destinations() {
        let (port, heard) = scripted(&[b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n220 hello"]).await;
        let mut stream =
            proxy(&format!("http://ada:s%3Acret@127.0.0.1:{port}")).connect("a.example", 25).await.unwrap();
        let mut greeting = [0; 9];
        stream.read_exact(&mut greeting).await.unwrap();
        assert_eq!(&greeting, b"220 hello");
        let request = String::from_utf8(heard.await.unwrap().remove(0)).unwrap();
        assert!(request.starts_with("CONNECT a.example:25 HTTP/1.1\r\nHost: a.example:25\r\n"), "{request}");
        assert!(request.contains(&STANDARD.encode("ada:s:cret")), "{request}");
        let (port, heard) = scripted(&[b"\x05\x02", b"\x01\x00", b"\x05\x00\x00\x03\x02ab\x00\x50X"]).await;
        let mut stream =
            proxy(&format!("socks5://u:p@127.0.0.1:{port}")).connect("b.example", 443).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'X');
        let heard = heard.await.unwrap();
        assert_eq!(heard[1], b"\x01\x01u\x01p");
        assert_eq!(heard[2], b"\x05\x01\x00\x03\x09b.example\x01\xbb");
    }

    #[tokio::test]
    async fn a_proxy_that_refuses_or_talks_nonsense_is_an_error() {
        let endless: &[u8] = &[b'a'; 10_000];
        let cases: [(&str, &'static [&'static [u8]], &str); 5] = [
            ("http", &[b"HTTP/1.1 403 No\r\n\r\n"], "answers 403"),
            ("http", &[b"SSH-2.0-x\r\n\r\n"], "no HTTP"),
            ("http", Box::leak(Box::new([endless])), "has no end"),
            ("socks5", &[b"\x05\xff"], "takes no such login"),
            ("socks5", &[b"\x05\x00", b"\x05\x02\x00\x01\0\0\0\0\0\0"], "code 2"),
        ];
        for (scheme, answers, expected) in cases {
            let (port, _heard) = scripted(answers).await;
            let connected = proxy(&format!("{scheme}://127.0.0.1:{port}")).connect("a.example", 80).await;
            let error = connected.err().unwrap().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[tokio::test]
    async fn a_proxy_within_tls_is_the_one_that_its_authority_named() {
        let dir = tempfile::tempdir().unwrap();
        let (certificate, acceptor) = authority();
        let (own, other) = (dir.path().join("own.pem"), dir.path().join("other.pem"));
        std::fs::write(&own, certificate).unwrap();
        std::fs::write(&other, authority().0).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut piece = vec![0; 4096];
                let length = stream.read(&mut piece).await.unwrap();
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n220 hello").await.unwrap();
                stream.flush().await.unwrap();
                return String::from_utf8(piece[..length].to_vec()).unwrap();
            }
        });
        let at = |host: &str, ca: &Path| {
            let url = format!("https://ada:secret@{host}:{port}");
            read(json!({"url": url, "allow": ["*:443"], "ca": ca})).unwrap()
        };
        for (host, ca) in [("localhost", &other), ("127.0.0.1", &own)] {
            let error = at(host, ca).connect("a.example", 443).await.err().unwrap().to_string();
            assert!(error.contains("the proxy cannot be reached: invalid peer certificate"), "{error}");
        }
        let mut stream = at("localhost", &own).connect("a.example", 443).await.unwrap();
        let mut greeting = [0; 9];
        stream.read_exact(&mut greeting).await.unwrap();
        assert_eq!(&greeting, b"220 hello");
        assert!(heard.await.unwrap().starts_with("CONNECT a.example:443 HTTP/1.1\r\n"));
        // What cannot be is said when the configuration is read.
        std::fs::write(&other, "no certificate").unwrap();
        for (ca, url, expected) in [
            (dir.path().join("none.pem"), "https://localhost:1", "none.pem"),
            (other, "https://localhost:1", "there is no certificate in it"),
            (own.clone(), "http://localhost:1", "ca is for proxies at https://HOST:PORT"),
            (own, "https://a_%20b:1", "HOST:PORT"),
        ] {
            let error = read(json!({"url": url, "allow": [], "ca": ca})).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused_and_passwords_are_not_shown() {
        for wrong in
            ["", "ftp://a:1", "http://a", "socks5://:1080", "http://a:80/x", "a:80", "http://:p@a:80"]
        {
            assert!(Upstream::parse(wrong).is_err(), "{wrong}");
        }
        let shown = format!("{:?}", proxy("socks5://ada:secret@10.0.0.1:1080"));
        assert!(shown.contains("10.0.0.1:1080") && !shown.contains("secret"), "{shown}");
    }
}
