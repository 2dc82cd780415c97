//! The page that scripts of other origins put into a frame, so that requests come from ours.
//!
//! Other servers have it load the whole client from a host on the Internet, which must be of the very version that the page around
//! it uses. Ours holds the little that a frame needs: it works in a network without a way out, with every version since 1.0, and asks
//! nobody else.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::keep_for_a_year;

const PAGE: &str = include_str!("iframe.html");
/// The browser is told, too, that nothing from elsewhere belongs to the page.
const POLICY: &str =
    "default-src 'none'; script-src 'unsafe-inline'; connect-src 'self'; frame-src 'self'; base-uri 'none'";

/// `iframe.html`, `iframe-<anything>.html`.
pub fn is_page(name: &str) -> bool {
    let middle = name.strip_prefix("iframe").and_then(|rest| rest.strip_suffix(".html"));
    middle.is_some_and(|middle| middle.is_empty() || middle.starts_with('-'))
}

/// The page, or 304 when the browser has it.
pub fn page(asked: &HeaderMap) -> Response {
    let etag = format!("\"{:016x}\"", fingerprint(PAGE));
    let known = asked.get_all(header::IF_NONE_MATCH).iter().any(|list| names(list, &etag));
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, "text/html; charset=UTF-8")], PAGE).into_response()
    };
    let headers = response.headers_mut();
    if let Ok(etag) = etag.parse() {
        headers.insert(header::ETAG, etag);
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    keep_for_a_year(headers);
    response
}

/// Whether a list of tags has this one; proxies that pack answers mark tags as weak (RFC 9110, section 13.1.2).
fn names(list: &HeaderValue, etag: &str) -> bool {
    let Ok(list) = list.to_str() else { return false };
    list.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// FNV-1a: tells one page from another.
fn fingerprint(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_named_as_published() {
        for name in ["iframe.html", "iframe-.html", "iframe-a.html", "iframe-0.1.2abc-dirty.2144.html"] {
            assert!(is_page(name), "{name}");
        }
        for name in ["iframe", "iframe.htm", "IFRAME.HTML", "iframe.HTML", "iframe.xml", "iframex.html"] {
            assert!(!is_page(name), "{name}");
        }
    }

    #[test]
    fn the_page_asks_nobody_else() {
        assert!(!PAGE.contains("://") && !PAGE.contains("src="), "the page names another place");
        assert!(PAGE.is_ascii());
    }

    #[test]
    fn a_page_that_is_known_is_not_sent_again() {
        let asked = |tags: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, tags.parse().unwrap());
            page(&headers)
        };
        let first = page(&HeaderMap::new());
        let etag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
        for tags in [etag.clone(), format!("\"x\", W/{etag}"), "*".into()] {
            let known = asked(&tags);
            assert_eq!(
                (known.status(), known.headers().contains_key(header::CONTENT_TYPE)),
                (StatusCode::NOT_MODIFIED, false)
            );
            assert_eq!(known.headers()[header::CACHE_CONTROL], "public, max-age=31536000");
        }
        assert_eq!((first.status(), asked("\"x\"").status()), (StatusCode::OK, StatusCode::OK));
    }
}
