//! Cookies: kept between requests by the usual rules of domain, path and public suffix (RFC 6265).
//!
//! `cookie_jar=` shows them to a query: a dict of the URLs that set cookies, each with the list of those cookies.

use std::net::IpAddr;

use reqwest::Url;
use vql::dict::Dict;
use vql::value::{Time, Value};

mod shown;
mod syntax;

/// Limits of one jar; beyond, the oldest cookies of the host or of all go.
const MAX_PER_HOST: usize = 50;
const MAX_COOKIES: usize = 3000;
/// Longer `Set-Cookie` lines are ignored.
const MAX_LINE: usize = 8192;

/// One cookie, as a server set it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cookie {
    pub name: String,
    pub value: String,
    pub quoted: bool,
    pub path: String,
    pub domain: String,
    pub expires: Option<Time>,
    pub raw_expires: String,
    /// 0: none was given; below: delete it now.
    pub max_age: i64,
    pub secure: bool,
    pub http_only: bool,
    /// 0: none, 1: not understood, 2: lax, 3: strict, 4: none at all.
    pub same_site: i64,
    pub partitioned: bool,
    pub raw: String,
    pub unparsed: Vec<String>,
}

/// A cookie in its place.
#[derive(Debug)]
struct Stored {
    cookie: Cookie,
    /// The host that set it, or the domain it is for.
    domain: String,
    host_only: bool,
    path: String,
    until: Option<Time>,
}

/// The cookies of a program, or of one dict.
#[derive(Debug, Default)]
pub struct Jar {
    cookies: Vec<Stored>,
    /// What was set since the jar was made, by URL.
    fresh: Vec<(String, Vec<Cookie>)>,
}

impl Jar {
    /// A jar with the cookies of a dict.
    pub fn preloaded(dict: &Dict, now: Time) -> Self {
        let mut jar = Jar::default();
        for (url, cookies) in dict.snapshot().iter() {
            let Ok(url) = Url::parse(url.as_str()) else { continue };
            let cookies = shown::list(cookies);
            cookies.into_iter().for_each(|cookie| jar.keep(&url, cookie, now));
        }
        jar
    }

    /// Takes over what a response from this URL sets.
    pub fn set<'a>(&mut self, url: &Url, lines: impl Iterator<Item = &'a [u8]>, now: Time) {
        let line = |line: &[u8]| (line.len() <= MAX_LINE).then(|| syntax::parse(line)).flatten();
        let cookies: Vec<Cookie> = lines.filter_map(line).collect();
        if cookies.is_empty() {
            return;
        }
        cookies.iter().for_each(|cookie| self.keep(url, cookie.clone(), now));
        if self.fresh.len() < MAX_COOKIES {
            self.fresh.push((url.to_string(), cookies));
        }
    }

    /// Shows in a dict what was set since the last time.
    pub fn show(&mut self, dict: &Dict) {
        for (url, cookies) in std::mem::take(&mut self.fresh) {
            let mut all = dict.get_str(&url).map(|v| shown::list(&v)).unwrap_or_default();
            for cookie in cookies {
                let same = |c: &Cookie| {
                    (&c.name, &c.domain, &c.path) == (&cookie.name, &cookie.domain, &cookie.path)
                };
                all.retain(|c| !same(c));
                all.push(cookie);
            }
            dict.set(&url, Value::list(all.iter().map(shown::value).collect()));
        }
    }

    fn keep(&mut self, url: &Url, cookie: Cookie, now: Time) {
        let Some((domain, host_only)) = place(url, &cookie.domain) else { return };
        let path = if cookie.path.starts_with('/') { cookie.path.clone() } else { default_path(url) };
        let until = match cookie.max_age {
            0 => cookie.expires,
            age if age < 0 => Some(Time::MIN),
            age => now.checked_add(jiff::SignedDuration::from_secs(age)).ok(),
        };
        let is_same = |s: &Stored| s.cookie.name == cookie.name && s.domain == domain && s.path == path;
        self.cookies.retain(|s| !is_same(s));
        if until.is_some_and(|until| until <= now) {
            return;
        }
        if self.cookies.iter().filter(|s| s.domain == domain).count() >= MAX_PER_HOST
            && let Some(oldest) = self.cookies.iter().position(|s| s.domain == domain)
        {
            self.cookies.remove(oldest);
        }
        if self.cookies.len() >= MAX_COOKIES {
            self.cookies.remove(0);
        }
        self.cookies.push(Stored { cookie, domain, host_only, path, until });
    }

    /// The `Cookie` header for a request; the longest paths first.
    pub fn header(&self, url: &Url, now: Time) -> Option<String> {
        let host = host(url);
        let mut sent: Vec<&Stored> = self
            .cookies
            .iter()
            .filter(|s| if s.host_only { s.domain == host } else { is_within(&host, &s.domain) })
            .filter(|s| path_matches(url.path(), &s.path))
            .filter(|s| !s.cookie.secure || url.scheme() == "https")
            .filter(|s| s.until.is_none_or(|until| until > now))
            .collect();
        sent.sort_by_key(|s| std::cmp::Reverse(s.path.len()));
        let pair = |s: &&Stored| match s.cookie.quoted {
            true => format!("{}=\"{}\"", s.cookie.name, s.cookie.value),
            false => format!("{}={}", s.cookie.name, s.cookie.value),
        };
        (!sent.is_empty()).then(|| sent.iter().map(pair).collect::<Vec<_>>().join("; "))
    }
}

fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase()
}

/// The domain of a cookie and whether it is for that host alone; `None` when the host may not set it.
fn place(url: &Url, domain: &str) -> Option<(String, bool)> {
    let host = host(url);
    let domain = domain.strip_prefix('.').unwrap_or(domain).to_ascii_lowercase();
    if domain.is_empty() || domain == host {
        // An address stands for itself alone, and so does a name that others live below.
        let alone = domain.is_empty() || is_address(&host) || is_public(&host);
        return Some((host, alone));
    }
    let may = is_within(&host, &domain) && !is_address(&host) && !is_public(&domain);
    may.then_some((domain, false))
}

fn is_address(host: &str) -> bool {
    host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}

/// Whether strangers share the domain, as they do `co.uk`.
fn is_public(domain: &str) -> bool {
    psl::suffix_str(domain).is_none_or(|suffix| suffix == domain)
}

fn is_within(host: &str, domain: &str) -> bool {
    host == domain || (host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')) && !is_address(host))
}

fn path_matches(path: &str, wanted: &str) -> bool {
    match path.strip_prefix(wanted) {
        Some(rest) => rest.is_empty() || wanted.ends_with('/') || rest.starts_with('/'),
        None => false,
    }
}

/// The directory of the request.
fn default_path(url: &Url) -> String {
    match url.path().rfind('/') {
        None | Some(0) => "/".to_owned(),
        Some(at) => url.path()[..at].to_owned(),
    }
}

#[cfg(test)]
mod tests;
