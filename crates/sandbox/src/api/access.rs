//! Who may call (the Cuckoo reference, sections 1.5 and 9).
//!
//! With a token, every path needs it. Without one, whoever reaches the port may call; but a web page may not make its
//! visitors' browsers call, neither directly nor under a name of its own that leads here.

use std::net::IpAddr;

use http::uri::Authority;
use http::{HeaderMap, StatusCode, Uri, header};

use super::error::{Error, Result};
use crate::settings::{Access, Settings};

const TOKEN_NEEDED: &str =
    "Authentication in the form of an 'Authorization: Bearer <TOKEN>' header is required";

pub fn check(settings: &Settings, uri: &Uri, headers: &HeaderMap) -> Result<()> {
    match &settings.access {
        Access::Token(token) => has_token(headers, token),
        Access::Open => is_no_foreign_page(uri, headers, &settings.names),
    }
}

fn has_token(headers: &HeaderMap, token: &str) -> Result<()> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token"));
    let given = given.map_or("", |(_, token)| token.trim());
    match aws_lc_rs::constant_time::verify_slices_are_equal(given.as_bytes(), token.as_bytes()) {
        Ok(()) if !token.is_empty() => Ok(()),
        _ => Err(Error::new(StatusCode::UNAUTHORIZED, TOKEN_NEEDED)),
    }
}

fn is_no_foreign_page(uri: &Uri, headers: &HeaderMap, names: &[String]) -> Result<()> {
    let refuse = |what: &str| {
        let text = format!(
            "{what}: without a token, only programs on this machine may call, under localhost, an address or a \
            configured name"
        );
        Err(Error::new(StatusCode::FORBIDDEN, text))
    };
    let texts = |name: &str| headers.get_all(name).into_iter().map(|value| value.to_str().unwrap_or("?"));
    // HTTP/2 has it in the URI, and HTTP/1.1 may.
    let mut hosts = texts("host").chain(uri.authority().map(Authority::as_str));
    if hosts.any(|host| !is_ours(host, names)) {
        return refuse("The name in the Host header is not known here");
    }
    if texts("origin").any(|origin| !comes_from_here(origin, names)) {
        return refuse("Web pages from elsewhere may not call");
    }
    if texts("sec-fetch-site").any(|site| site == "cross-site") {
        return refuse("Web pages from elsewhere may not call");
    }
    Ok(())
}

/// Names can be made to lead anywhere by their owners, addresses cannot.
fn is_ours(authority: &str, names: &[String]) -> bool {
    let Some(host) = Host::of(authority) else { return false };
    host.address.is_some() || host.is_named(names)
}

/// An address is as foreign as any other origin, unless it is this machine's own.
fn comes_from_here(origin: &str, names: &[String]) -> bool {
    let host = origin.split_once("://").and_then(|(_, authority)| Host::of(authority));
    host.is_some_and(|host| host.address.is_some_and(|address| address.is_loopback()) || host.is_named(names))
}

/// The host of `host:port`.
struct Host {
    name: String,
    address: Option<IpAddr>,
}

impl Host {
    fn of(authority: &str) -> Option<Self> {
        let authority = authority.parse::<Authority>().ok()?;
        let name = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        Some(Self { address: name.parse().ok(), name })
    }

    fn is_named(&self, names: &[String]) -> bool {
        let is = |name: &str| self.name.eq_ignore_ascii_case(name);
        is("localhost") || names.iter().any(|name| is(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(access: Access) -> Settings {
        Settings { access, names: vec!["sandbox.example".into()], ..Settings::in_dir("/nowhere".into()) }
    }

    fn status(settings: &Settings, headers: &[(&'static str, &str)]) -> u16 {
        let headers = headers.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap()));
        check(settings, &Uri::from_static("/"), &headers.collect())
            .map_or_else(|error| error.status.as_u16(), |()| 200)
    }

    #[test]
    fn the_token_may_come_under_either_word() {
        let settings = settings(Access::Token("s3cret".into()));
        for good in ["Bearer s3cret", "bearer s3cret", "Token s3cret"] {
            assert_eq!(status(&settings, &[("authorization", good)]), 200, "{good}");
        }
        for bad in ["Basic s3cret", "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3cret2", "s3cret"] {
            assert_eq!(status(&settings, &[("authorization", bad)]), 401, "{bad}");
        }
        assert_eq!(status(&settings, &[]), 401);
        assert_eq!(
            status(&super::tests::settings(Access::Token(String::new())), &[("authorization", "Bearer ")]),
            401
        );
    }

    #[test]
    fn without_a_token_no_foreign_page_gets_through() {
        let settings = settings(Access::Open);
        for host in [
            "localhost:8090",
            "127.0.0.1:8090",
            "[::1]:8090",
            "192.0.2.1",
            "sandbox.example",
            "SANDBOX.example:80",
        ] {
            assert_eq!(status(&settings, &[("host", host)]), 200, "{host}");
        }
        for host in ["evil.example", "localhost.evil.example:8090", "127.0.0.1.evil.example", "", "a b"] {
            assert_eq!(status(&settings, &[("host", host)]), 403, "{host}");
        }
        for (origin, expected) in [
            ("http://localhost:3000", 200),
            ("http://127.0.0.1:8090", 200),
            ("https://sandbox.example", 200),
            ("http://evil.example", 403),
            ("http://203.0.113.7", 403),
            ("null", 403),
        ] {
            assert_eq!(status(&settings, &[("origin", origin)]), expected, "{origin}");
        }
        assert_eq!(status(&settings, &[("host", "localhost"), ("host", "evil.example")]), 403);
        for (uri, expected) in
            [("http://127.0.0.1:8090/tasks/list", 200), ("http://evil.example/tasks/list", 403)]
        {
            let result = check(&settings, &Uri::from_static(uri), &HeaderMap::new());
            assert_eq!(result.map_or_else(|error| error.status.as_u16(), |()| 200), expected, "{uri}");
        }
        assert_eq!(status(&settings, &[("sec-fetch-site", "cross-site")]), 403);
        assert_eq!(status(&settings, &[("sec-fetch-site", "none")]), 200);
    }
}
