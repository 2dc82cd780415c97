//! HTTP/1 (RFC 9112): every path exists. What it holds goes by the end of its name.

use std::borrow::Cow;

use super::{Next, Service, Talk};
use crate::internet::event::{Blob, Body, Event, Http};
use crate::internet::recognise::{is_start_of, starts_with};

mod body;
mod content;

use body::Reader;

/// The longest head, and how many lines it may have.
const MAX_HEAD: usize = 64 << 10;
const MAX_HEADERS: usize = 100;
/// Bytes of a body that are told. The rest is counted.
const MAX_TOLD: usize = 1 << 20;

/// Methods that a connection may begin with: those of HTTP, WebDAV and UPnP.
const METHODS: [&str; 17] = [
    "GET ",
    "POST ",
    "HEAD ",
    "PUT ",
    "DELETE ",
    "OPTIONS ",
    "PATCH ",
    "CONNECT ",
    "TRACE ",
    "PROPFIND ",
    "PROPPATCH ",
    "MKCOL ",
    "COPY ",
    "MOVE ",
    "LOCK ",
    "REPORT ",
    "SEARCH ",
];
/// Of HTTP/2, which is not spoken here (RFC 9113, section 3.4).
const PREFACE: &str = "PRI * HTTP/2.0";

pub fn begins(bytes: &[u8]) -> bool {
    METHODS.iter().any(|method| starts_with(bytes, method)) || starts_with(bytes, PREFACE)
}

/// Whether it could still become a request.
pub fn may_begin(bytes: &[u8]) -> bool {
    METHODS.iter().any(|method| is_start_of(bytes, method)) || is_start_of(bytes, PREFACE)
}

#[derive(Default)]
pub struct Session {
    state: State,
}

#[derive(Default)]
enum State {
    #[default]
    Head,
    Body(Box<Head>, Reader),
}

/// A request's head.
struct Head {
    method: String,
    target: String,
    version: u8,
    host: Option<String>,
    user_agent: String,
    raw: Vec<u8>,
    keeps_open: bool,
    expects: bool,
}

impl Service for Session {
    fn take(&mut self, input: &mut Vec<u8>, talk: &mut Talk<'_>) -> Next {
        match std::mem::take(&mut self.state) {
            State::Head => self.head(input, talk),
            State::Body(head, mut reader) => match reader.take(input, MAX_TOLD) {
                body::Next::Wait => {
                    self.state = State::Body(head, reader);
                    Next::Wait
                }
                body::Next::Done => answer(&head, reader.body(), talk),
                body::Next::Bad => refuse(&head.raw, talk),
            },
        }
    }

    fn end(&mut self, rest: &[u8], talk: &mut Talk<'_>) {
        match std::mem::take(&mut self.state) {
            State::Head if rest.is_empty() => {}
            State::Head => tell_refused(rest, 0, talk),
            State::Body(head, mut reader) => {
                reader.break_off();
                tell(&head, reader.body(), 0, Vec::new(), Vec::new(), talk);
            }
        }
    }
}

impl Session {
    fn head(&mut self, input: &mut Vec<u8>, talk: &mut Talk<'_>) -> Next {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let length = match request.parse(input) {
            Ok(httparse::Status::Complete(length)) if length <= MAX_HEAD => length,
            Ok(httparse::Status::Partial) if input.len() <= MAX_HEAD => return Next::Wait,
            _ => return refuse(&std::mem::take(input), talk),
        };
        let header = |name: &str| {
            let found = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
            found.map(|header| String::from_utf8_lossy(header.value).trim().to_owned())
        };
        let version = request.version.unwrap_or(0);
        let connection = header("connection").unwrap_or_default().to_ascii_lowercase();
        let keeps_open =
            if version == 0 { connection.contains("keep-alive") } else { !connection.contains("close") };
        let head = Box::new(Head {
            method: request.method.unwrap_or_default().to_owned(),
            target: request.path.unwrap_or_default().to_owned(),
            version,
            host: header("host").filter(|host| !host.is_empty()),
            user_agent: header("user-agent").unwrap_or_default(),
            keeps_open,
            expects: header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")),
            raw: input[..length].to_vec(),
        });
        let reader = Reader::new(header("transfer-encoding").as_deref(), header("content-length").as_deref());
        input.drain(..length);
        let Some(reader) = reader else { return refuse(&head.raw, talk) };
        if head.method == "CONNECT" {
            return connect(&head, talk);
        }
        if head.expects && !reader.is_empty() {
            talk.out.extend(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        self.state = State::Body(head, reader);
        Next::Again
    }
}

/// A proxy's part: what follows is a connection to somewhere else, which is here as well.
fn connect(head: &Head, talk: &mut Talk<'_>) -> Next {
    let response = b"HTTP/1.1 200 Connection established\r\n\r\n".to_vec();
    talk.out.extend(&response);
    tell(head, Body::default(), 200, response, Vec::new(), talk);
    Next::Anew
}

fn answer(head: &Head, body: Body, talk: &mut Talk<'_>) -> Next {
    let path = path(&head.target);
    let host = head.host.clone().unwrap_or_else(|| talk.peer.host());
    let page = content::of(&host, &path);
    let date = talk.world.guest_time().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let mut response = format!(
        "HTTP/1.1 {}\r\nServer: nginx\r\nDate: {date}\r\nContent-Type: {}\r\nContent-Length: {}\r\n",
        page.status,
        page.kind,
        page.bytes.len()
    );
    if page.bytes.is_empty() {
        // 204 has no length (RFC 9110, section 8.6).
        response = response.replace("Content-Length: 0\r\n", "");
    }
    response.push_str(if head.keeps_open {
        "Connection: keep-alive\r\n\r\n"
    } else {
        "Connection: close\r\n\r\n"
    });
    let code = page.code();
    let is_sent = head.method != "HEAD";
    let bytes = if is_sent { page.bytes.into_owned() } else { Vec::new() };
    talk.out.extend(response.as_bytes());
    talk.out.extend(&bytes);
    tell(head, body, code, response.into_bytes(), bytes, talk);
    if head.keeps_open { Next::Again } else { Next::Close }
}

/// Without the query; of an absolute address, as proxies get it, the part behind the host.
fn path(target: &str) -> Cow<'_, str> {
    let rest =
        target.split_once("://").map_or(target, |(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    percent_encoding::percent_decode_str(path).decode_utf8_lossy()
}

/// What is no request, or asks for what cannot be done.
fn refuse(raw: &[u8], talk: &mut Talk<'_>) -> Next {
    let response: &[u8] =
        b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    talk.out.extend(response);
    tell_refused(raw, 400, talk);
    Next::Close
}

fn tell_refused(raw: &[u8], status: u16, talk: &mut Talk<'_>) {
    let line = raw.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(&line[..line.len().min(4096)]);
    let mut words = line.split_whitespace();
    let head = Head {
        method: words.next().unwrap_or_default().to_owned(),
        target: words.next().unwrap_or_default().to_owned(),
        version: 0,
        host: None,
        user_agent: String::new(),
        raw: raw[..raw.len().min(MAX_HEAD)].to_vec(),
        keeps_open: false,
        expects: false,
    };
    tell(&head, Body::default(), status, Vec::new(), Vec::new(), talk);
}

fn tell(head: &Head, body: Body, status: u16, response: Vec<u8>, bytes: Vec<u8>, talk: &mut Talk<'_>) {
    talk.world.tell(Event::Http(Box::new(Http {
        flow: talk.peer.flow,
        is_secure: talk.peer.is_secure,
        method: head.method.clone(),
        host: head.host.clone().unwrap_or_else(|| talk.peer.host()),
        target: head.target.clone(),
        version: head.version,
        user_agent: head.user_agent.clone(),
        request: Blob(head.raw.clone()),
        request_body: body,
        status,
        response: Blob(response),
        response_body: Blob(bytes),
    })));
}
