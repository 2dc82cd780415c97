//! One HTTP exchange: request, redirects, the head of the answer, then its body in pieces as they come.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use parking_lot::Mutex;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response, StatusCode, Url};
use tokio::sync::mpsc::Sender;
use vql::call::{Error, Stop};
use vql::scope::Scope;
use vql::value::Time;

use super::clients::{Clients, Wishes};
use super::cookies::Jar;
use super::names::{Known, Names};
use super::proxy;
use super::task::Stream;
use super::tls::Trust;
use super::upload::{Body, Bytes};
use crate::world::World;

/// Redirects that are followed.
const MAX_HOPS: usize = 10;
/// Pieces of the body that wait for the query.
const AHEAD: usize = 4;
/// The host name of requests that go to a socket of the file system.
pub const UNIX_HOST: &str = "unix";

/// A request.
pub struct Call {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Body,
    pub trust: Trust,
    /// The socket to connect to instead of the host of the URL.
    pub unix: Option<PathBuf>,
    pub jar: Option<Arc<Mutex<Jar>>>,
    pub timeout: Option<Duration>,
    /// Headers that another host must not see, besides the usual ones; with any, no body goes to another host either.
    pub private: Vec<HeaderName>,
}

impl Call {
    pub fn new(method: Method, url: Url) -> Self {
        Call {
            method,
            url,
            headers: HeaderMap::new(),
            body: Body::Empty,
            trust: Trust::default(),
            unix: None,
            jar: None,
            timeout: None,
            private: Vec::new(),
        }
    }
}

/// The header of a user and a password.
pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
}

/// Sets a header; what cannot be one is an error.
pub fn set_header(headers: &mut HeaderMap, name: &str, value: impl AsRef<[u8]>) -> Result<(), Error> {
    let bad = || Error::new(format!("invalid header {name:?}"));
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
    headers.insert(name, HeaderValue::from_bytes(value.as_ref()).map_err(|_| bad())?);
    Ok(())
}

/// The answer without its body.
#[derive(Debug)]
pub struct Head {
    pub status: u16,
    pub headers: HeaderMap,
}

enum Event {
    Head(Head),
    Piece(Bytes),
    Failed(String),
}

/// Why an exchange gave no (more) data.
#[derive(Debug)]
pub enum Failure {
    /// The query is over.
    Left,
    Failed(String),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Left => Stop::Done,
            Failure::Failed(e) => Stop::Failed(e.into()),
        }
    }
}

/// A running exchange; dropping it aborts it.
pub struct Exchange(Stream<Event>);

impl Exchange {
    pub fn start(scope: &Scope<'_>, call: Call) -> Result<Self, Error> {
        let sender = Courier::new(scope)?;
        Stream::start(scope, AHEAD, |events| sender.carry(call, events)).map(Exchange)
    }

    /// The answer's head; to be asked for first.
    pub fn head(&mut self, scope: &Scope<'_>) -> Result<Head, Failure> {
        match self.0.next(scope) {
            Ok(Some(Event::Head(head))) => Ok(head),
            Ok(Some(Event::Failed(e))) => Err(Failure::Failed(e)),
            Ok(_) => Err(Failure::Failed("the exchange broke off".into())),
            Err(_) => Err(Failure::Left),
        }
    }

    /// The next piece of the body, `None` at its end.
    pub fn piece(&mut self, scope: &Scope<'_>) -> Result<Option<Bytes>, Failure> {
        match self.0.next(scope) {
            Ok(Some(Event::Piece(piece))) => Ok(Some(piece)),
            Ok(Some(Event::Failed(e))) => Err(Failure::Failed(e)),
            Ok(_) => Ok(None),
            Err(_) => Err(Failure::Left),
        }
    }
}

/// Sends requests on behalf of one program.
pub struct Courier {
    world: Arc<World>,
    clients: Arc<Clients>,
    names: Names,
}

/// Where a request goes next.
struct Hop {
    call: Call,
    count: usize,
}

impl Courier {
    pub fn new(scope: &Scope<'_>) -> Result<Self, Error> {
        let world = World::shared(scope)?;
        let names = Names { network: world.network.clone(), known: scope.kept::<Known>() };
        Ok(Courier { clients: scope.kept::<Clients>(), names, world })
    }

    /// The status of an answer and the beginning of its body.
    pub async fn answer(&self, call: Call, limit: usize) -> Result<(u16, Vec<u8>), String> {
        let mut response = self.follow(call).await?;
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(reason)? {
            let room = limit - body.len();
            body.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.len() >= room {
                break;
            }
        }
        Ok((response.status().as_u16(), body))
    }

    async fn carry(self, call: Call, events: Sender<Event>) {
        let mut response = match self.follow(call).await {
            Ok(response) => response,
            Err(e) => {
                let _ = events.send(Event::Failed(e)).await;
                return;
            }
        };
        let head = Head { status: response.status().as_u16(), headers: response.headers().clone() };
        let mut event = Event::Head(head);
        while events.send(event).await.is_ok() {
            event = match response.chunk().await {
                Ok(Some(piece)) => Event::Piece(piece),
                Ok(None) => return,
                Err(e) => {
                    let _ = events.send(Event::Failed(reason(e))).await;
                    return;
                }
            };
        }
    }

    /// The first answer that is no redirect.
    async fn follow(&self, call: Call) -> Result<Response, String> {
        let mut hop = Hop { call, count: 0 };
        loop {
            let response = self.send(&hop.call).await?;
            if let Some(jar) = &hop.call.jar {
                let lines = response.headers().get_all(header::SET_COOKIE);
                jar.lock().set(&hop.call.url, lines.iter().map(HeaderValue::as_bytes), Time::now());
            }
            let Some(next) = target(&response, &hop.call.url)? else { return Ok(response) };
            hop.turn(next, response.status())?;
        }
    }

    async fn send(&self, call: &Call) -> Result<Response, String> {
        if !matches!(call.url.scheme(), "http" | "https") {
            return Err(format!("unsupported protocol scheme {:?}", call.url.scheme()));
        }
        let proxy = self.route(call).await?;
        let wishes = Wishes {
            trust: call.trust.clone(),
            raw: call.headers.contains_key(header::ACCEPT_ENCODING),
            proxy,
            unix: call.unix.clone(),
        };
        let network = &self.world.network;
        let client = self.clients.get(&wishes, network.own_ca.as_deref(), &self.names)?;
        let mut request = client.request(call.method.clone(), call.url.clone()).headers(headers(call));
        if let Some(body) = call.body.outgoing() {
            request = request.body(body);
        }
        if let Some(timeout) = call.timeout {
            request = request.timeout(timeout);
        }
        request.send().await.map_err(reason)
    }

    /// Whether the destination is allowed, and the proxy on the way there. Of direct connections by name, the
    /// addresses are checked when the name is resolved.
    async fn route(&self, call: &Call) -> Result<Option<String>, String> {
        let network = &self.world.network;
        let policy = &network.policy;
        if let Some(socket) = &call.unix {
            return policy.check_unix(&socket.to_string_lossy()).map(|()| None).map_err(|e| e.to_string());
        }
        let host = call.url.host_str().unwrap_or_default();
        let address = host.trim_matches(['[', ']']).parse();
        let proxy = proxy::choose(&self.world, network, &call.url);
        match (address, &proxy) {
            (Ok(address), _) => policy.check(host, address).map_err(|e| e.to_string())?,
            (Err(_), None) => {}
            // The proxy would go there for us. Names that only the proxy knows are judged by themselves.
            (Err(_), Some(_)) => match self.names.resolve(host, 0).await {
                Err(e) if e.kind() == io::ErrorKind::PermissionDenied => return Err(e.to_string()),
                Err(_) => policy.check_name(host).map_err(|e| e.to_string())?,
                Ok(_) => {}
            },
        }
        // Either way the proxy looks the name up.
        Ok(proxy.map(|url| url.replacen("socks5://", "socks5h://", 1)))
    }
}

/// The headers to send, cookies of the jar included.
fn headers(call: &Call) -> HeaderMap {
    let mut headers = call.headers.clone();
    if let Some(length) = call.body.length().filter(|_| matches!(call.body, Body::Parts(_))) {
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
    let kept = call.jar.as_ref().and_then(|jar| jar.lock().header(&call.url, Time::now()));
    if let Some(kept) = kept {
        let all = match headers.get(header::COOKIE).and_then(|own| own.to_str().ok()) {
            Some(own) => format!("{own}; {kept}"),
            None => kept,
        };
        // Only printable characters get into the jar.
        if let Ok(value) = HeaderValue::from_str(&all) {
            headers.insert(header::COOKIE, value);
        }
    }
    headers
}

/// Where an answer sends us, if it does.
fn target(response: &Response, from: &Url) -> Result<Option<Url>, String> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = response.headers().get(header::LOCATION) else { return Ok(None) };
    let text = String::from_utf8_lossy(location.as_bytes());
    from.join(&text).map(Some).map_err(|_| format!("redirected to {text:?}, which is no URL"))
}

impl Hop {
    /// Turns the request towards the next place.
    fn turn(&mut self, next: Url, status: StatusCode) -> Result<(), String> {
        self.count += 1;
        if self.count > MAX_HOPS {
            return Err(format!("stopped after {MAX_HOPS} redirects"));
        }
        let call = &mut self.call;
        let is_elsewhere = !is_same_host(&call.url, &next);
        if is_elsewhere {
            call.unix = None;
            for name in [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION] {
                call.headers.remove(name);
            }
            for name in &call.private {
                call.headers.remove(name);
            }
        }
        if !matches!(status.as_u16(), 307 | 308) {
            call.method = Method::GET;
            call.body = Body::Empty;
            for name in [header::CONTENT_TYPE, header::CONTENT_ENCODING, header::CONTENT_LANGUAGE] {
                call.headers.remove(name);
            }
        } else if is_elsewhere && !call.private.is_empty() && !matches!(call.body, Body::Empty) {
            return Err("redirected to another host, which must not see what the secret adds".into());
        }
        call.url = next;
        Ok(())
    }
}

/// Whether both are served by the same party: same host and port, or the same host made secure.
fn is_same_host(a: &Url, b: &Url) -> bool {
    let ports = (a.port_or_known_default(), b.port_or_known_default());
    let made_secure = a.scheme() == "http" && b.scheme() == "https" && ports == (Some(80), Some(443));
    a.host() == b.host() && ((a.scheme() == b.scheme() && ports.0 == ports.1) || made_secure)
}

/// Why an exchange failed; without the URL, which may hold a secret.
fn reason(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "the time is over".into();
    }
    chain(&error.without_url())
}

/// An error with its causes, without the words that each layer puts before them.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let mut text = error.to_string();
        if let Some(at) = text.find(" (os error") {
            text.truncate(at);
        }
        let generic = ["client error (", "error sending request", "request or response body error"];
        let is_news = !generic.iter().any(|words| text.starts_with(words));
        if is_news && texts.last() != Some(&text) {
            texts.push(text);
        }
        next = error.source();
    }
    texts.join(": ")
}
