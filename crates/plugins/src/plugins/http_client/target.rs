//! What a URL names: a server, a socket of the file system, or a file.

use std::path::PathBuf;

use reqwest::Url;
use vql::call::Error;

use crate::net::exchange::UNIX_HOST;

/// Where a request goes.
pub enum Target {
    Web(Url),
    /// A socket, and the URL to ask for there.
    Unix(PathBuf, Url),
    /// The path of a file.
    File(Vec<u8>),
}

impl Target {
    pub fn parse(text: &str) -> Result<Self, Error> {
        if let Some((socket, request)) = socket(text) {
            let request = if request.starts_with('/') { request.to_owned() } else { format!("/{request}") };
            let url = Url::parse(&format!("http://{UNIX_HOST}{request}")).map_err(|e| unreadable(text, e))?;
            return Ok(Target::Unix(socket.into(), url));
        }
        let url = match Url::parse(text) {
            Ok(url) => url,
            // Read as a URL without a scheme: nothing can fetch it.
            Err(e) => return Err(unreadable(text, e)),
        };
        if url.scheme() == "file" {
            return Ok(Target::File(unescape(url.path())));
        }
        Ok(Target::Web(url))
    }

    /// The URL as it is matched against rules.
    pub fn url(&self) -> Option<&Url> {
        match self {
            Target::Web(url) | Target::Unix(_, url) => Some(url),
            Target::File(_) => None,
        }
    }
}

fn unreadable(text: &str, error: impl std::fmt::Display) -> Error {
    Error::new(format!("cannot read the URL {text}: {error}"))
}

/// `/var/run/docker.sock:unix/v1/info` and `unix:/var/run/docker.sock:/v1/info`: the socket and the rest.
fn socket(text: &str) -> Option<(&str, &str)> {
    if let Some(rest) = text.strip_prefix("unix:") {
        let rest = rest.strip_prefix("//").filter(|r| r.starts_with('/')).unwrap_or(rest);
        return rest.starts_with('/').then(|| rest.split_once(':').unwrap_or((rest, "/")));
    }
    text.starts_with('/').then(|| text.split_once(":unix")).flatten()
}

/// The bytes of a path whose special characters are written `%XX`.
fn unescape(path: &str) -> Vec<u8> {
    let bytes = path.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let digits = (bytes[i] == b'%').then(|| path.get(i + 1..i + 3)).flatten();
        match digits.and_then(|d| u8::from_str_radix(d, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                i += 3;
            }
            None => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match Target::parse(text) {
            Ok(Target::Web(url)) => format!("web {url}"),
            Ok(Target::Unix(socket, url)) => format!("unix {} {url}", socket.display()),
            Ok(Target::File(path)) => format!("file {}", String::from_utf8_lossy(&path)),
            Err(e) => format!("error {e}"),
        }
    }

    #[test]
    fn every_form_is_read() {
        assert_eq!(shown("http://h/x?a=1"), "web http://h/x?a=1");
        assert_eq!(
            shown("/var/run/docker.sock:unix/v1/info?x=1"),
            "unix /var/run/docker.sock http://unix/v1/info?x=1"
        );
        assert_eq!(shown("/var/run/docker.sock:unix"), "unix /var/run/docker.sock http://unix/");
        assert_eq!(shown("unix:/a.sock:/v1"), "unix /a.sock http://unix/v1");
        assert_eq!(shown("unix:///a.sock:/v1"), "unix /a.sock http://unix/v1");
        assert_eq!(shown("unix:/a.sock"), "unix /a.sock http://unix/");
        assert_eq!(shown("file:///etc/a%20b%zz"), "file /etc/a b%zz");
        assert_eq!(shown("http://0xA9FEA9FE/"), "web http://169.254.169.254/");
        assert!(shown("http://[::1").starts_with("error cannot read the URL http://[::1: "));
        assert!(shown("no url").starts_with("error "));
    }
}
