//! The request that the arguments describe.

use std::sync::Arc;

use parking_lot::Mutex;
use reqwest::header::{self, HeaderMap};
use reqwest::{Method, Url};
use vql::args::Args;
use vql::call::Error;
use vql::dict::Dict;
use vql::host::Level;
use vql::value::{Row, Time, Value, convert};

use super::secret::Secret;
use super::{
    CHUNK_SIZE, COOKIE_JAR, DATA, DISABLE_SSL_SECURITY, FILES, HEADERS, METHOD, PARAMS, REMOVE_LAST, ROOT_CA,
    SECRET, SKIP_VERIFY, TEMPFILE_EXTENSION, URL, USER_AGENT,
};
use crate::net::cookies::Jar;
use crate::net::exchange::{Call, set_header};
use crate::net::form;
use crate::net::multipart::{self, Field};
use crate::net::tls::Trust;
use crate::net::upload::{Body, Bytes};

/// What the client calls itself.
const USER_AGENT_DEFAULT: &str = "Velociraptor";
const CHUNK: i64 = 4 << 20;
/// Headers that describe the connection, which is ours.
const OURS: [&str; 4] = ["host", "content-length", "transfer-encoding", "trailer"];

/// What a call asks for.
pub struct Request {
    /// As the caller wrote them, which is how rows and log lines show them.
    pub urls: Vec<String>,
    pub method: Method,
    params: Row,
    headers: Vec<(String, Vec<u8>)>,
    data: Option<Vec<u8>>,
    user_agent: String,
    files: Vec<Value>,
    pub trust: Trust,
    pub chunk_size: usize,
    pub extension: String,
    pub remove_last: bool,
    /// The caller's own jar, when there is one.
    pub cookies: Option<Dict>,
    pub jar: Arc<Mutex<Jar>>,
    pub secret: Option<Secret>,
}

impl Request {
    pub fn read(args: &Args<'_>) -> Result<Self, Error> {
        let text = |slot| args.string(slot);
        let urls: Vec<String> = args.text_list(URL)?.iter().map(|u| u.to_str_lossy().into_owned()).collect();
        if args.bool(DISABLE_SSL_SECURITY) {
            let line = "http_client: DisableSSLSecurity is deprecated, please use SkipVerify instead";
            args.scope.log(Level::Default, line);
        }
        let cookies = args.dict(COOKIE_JAR)?;
        let jar = match &cookies {
            Some(dict) => Arc::new(Mutex::new(Jar::preloaded(dict, Time::now()))),
            None => args.scope.kept::<Mutex<Jar>>(),
        };
        let agent = args.optional_text(USER_AGENT)?.filter(|agent| !agent.is_empty());
        let mut request = Request {
            urls,
            method: Method::GET,
            params: args.dict(PARAMS)?.map(|d| d.snapshot()).unwrap_or_default(),
            headers: args.dict(HEADERS)?.map(|d| text_pairs(&d.snapshot())).unwrap_or_default(),
            data: args.optional_text(DATA)?.map(|d| d.to_vec()).filter(|d| !d.is_empty()),
            user_agent: agent.map_or(USER_AGENT_DEFAULT.into(), |a| a.to_str_lossy().into_owned()),
            files: args.list(FILES)?.to_vec(),
            trust: Trust {
                skip_verify: args.bool(SKIP_VERIFY) || args.bool(DISABLE_SSL_SECURITY),
                root_ca: text(ROOT_CA)?,
            },
            chunk_size: match args.int(CHUNK_SIZE, CHUNK)? {
                n if n > 0 => (n as usize).min(convert::MAX_TEXT),
                _ => CHUNK as usize,
            },
            extension: text(TEMPFILE_EXTENSION)?,
            remove_last: args.bool(REMOVE_LAST),
            cookies,
            jar,
            secret: None,
        };
        let mut method = text(METHOD)?;
        if let Some(secret) = Secret::named(args, &text(SECRET)?, &mut request.urls)? {
            request.apply(&secret, &mut method);
            request.secret = Some(secret);
        }
        request.method = verb(&method)?;
        Ok(request)
    }

    /// What a secret says counts more than what the call says.
    fn apply(&mut self, secret: &Secret, method: &mut String) {
        let text = |name: &str| secret.fields.get(name).filter(|v| !v.trim().is_empty());
        if let Some(wanted) = text("method") {
            wanted.trim().clone_into(method);
        }
        if let Some(agent) = text("user_agent") {
            agent.clone_into(&mut self.user_agent);
        }
        if let Some(pem) = text("root_ca") {
            pem.clone_into(&mut self.trust.root_ca);
        }
        if let Some(skip) = secret.truth("skip_verify") {
            self.trust.skip_verify = skip;
        }
        for (name, value) in secret.lines("extra_params") {
            self.params.set(&vql::schema::Name::new(name), Value::from(value));
        }
        for (name, value) in secret.lines("extra_headers") {
            self.headers.retain(|(given, _)| !given.eq_ignore_ascii_case(name));
            self.headers.push((name.to_owned(), value.as_bytes().to_vec()));
        }
        let cookies: Vec<String> = secret.lines("cookies").map(|(n, v)| format!("{n}={v}")).collect();
        if !cookies.is_empty() {
            self.headers.retain(|(given, _)| !given.eq_ignore_ascii_case("cookie"));
            self.headers.push(("Cookie".into(), cookies.join("; ").into_bytes()));
        }
    }

    /// Where a URL of the caller really leads.
    pub fn place<'a>(&'a self, url: &'a str) -> &'a str {
        self.secret.as_ref().and_then(|s| s.url()).unwrap_or(url)
    }

    /// The request to one place.
    pub fn call(&self, args: &Args<'_>, shown: &str, mut url: Url) -> Result<Call, Error> {
        if let (Some(_), Some(query)) = (&self.secret, own_query(shown)) {
            append(&mut url, query);
        }
        let mut headers = self.header_map()?;
        let body = match self.method {
            Method::GET => {
                append(&mut url, &form::encode(&self.params));
                self.data.clone().map_or(Body::Empty, held)
            }
            _ => self.body(args, &mut headers)?,
        };
        let mut call = Call::new(self.method.clone(), url);
        call.headers = headers;
        call.body = body;
        call.trust = self.trust.clone();
        call.jar = Some(self.jar.clone());
        if let Some(secret) = &self.secret {
            call.private = secret.header_names();
        }
        Ok(call)
    }

    fn header_map(&self) -> Result<HeaderMap, Error> {
        let mut headers = HeaderMap::new();
        set_header(&mut headers, "User-Agent", &self.user_agent)?;
        for (name, value) in &self.headers {
            if !OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours)) {
                set_header(&mut headers, name.trim(), value)?;
            }
        }
        if headers.get(header::USER_AGENT).is_some_and(|agent| agent.is_empty()) {
            headers.remove(header::USER_AGENT);
        }
        Ok(headers)
    }

    /// The body of a request that is no GET.
    fn body(&self, args: &Args<'_>, headers: &mut HeaderMap) -> Result<Body, Error> {
        let log = |line: &str| args.scope.log(Level::Default, format!("http_client: {line}"));
        if let Some(data) = &self.data {
            if !self.files.is_empty() {
                log("Both files and data set. Defaulting to data.");
            } else if !self.params.cells.is_empty() {
                log("Both params and data set. Defaulting to data.");
            }
            return Ok(held(data.clone()));
        }
        if self.files.is_empty() {
            let text = form::encode(&self.params);
            return Ok(if text.is_empty() { Body::Empty } else { held(text.into_bytes()) });
        }
        let fields = self.params.iter().flat_map(|(name, value)| {
            let field = |text| Field { name: name.as_str().to_owned(), value: text };
            form::values(value).into_iter().map(field)
        });
        let (content_type, body) = multipart::body(args, fields.collect(), &self.files)?;
        headers.insert(header::CONTENT_TYPE, content_type);
        Ok(body)
    }
}

fn held(data: Vec<u8>) -> Body {
    Body::Held(Bytes::from(data))
}

fn verb(text: &str) -> Result<Method, Error> {
    Ok(match text.to_ascii_uppercase().as_str() {
        "" | "GET" => Method::GET,
        "POST" => Method::POST,
        "PUT" => Method::PUT,
        "PATCH" => Method::PATCH,
        "DELETE" => Method::DELETE,
        other => return Err(Error::new(format!("Invalid HTTP Method {other}"))),
    })
}

/// The pairs whose values are text.
fn text_pairs(row: &Row) -> Vec<(String, Vec<u8>)> {
    row.iter()
        .filter_map(|(name, value)| match value {
            Value::Text(text) | Value::Bytes(text) => Some((name.as_str().to_owned(), text.to_vec())),
            _ => None,
        })
        .collect()
}

/// The query that the caller wrote after the name of a secret.
fn own_query(shown: &str) -> Option<&str> {
    let rest = shown.strip_prefix("secret://")?;
    rest.split_once('?').map(|(_, query)| query.split('#').next().unwrap_or_default())
}

/// Adds to the query of a URL; what it has stays.
fn append(url: &mut Url, more: &str) {
    if more.is_empty() {
        return;
    }
    let query = match url.query() {
        Some(old) if !old.is_empty() => format!("{old}&{more}"),
        _ => more.to_owned(),
    };
    url.set_query(Some(&query));
}
