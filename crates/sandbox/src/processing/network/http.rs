//! Requests of HTTP in the clear.

use serde_json::{Value as Json, json};

use super::stream::Streams;
use crate::processing::text;

const MAX_REQUESTS: usize = 2000;
const MAX_HEADERS: usize = 128;

/// Every request, equal ones counted.
pub fn requests(streams: &Streams) -> Json {
    let mut requests: Vec<Json> = Vec::new();
    for (flow, bytes) in streams.iter() {
        let mut rest = bytes;
        while let Some((request, used)) = parse(rest, flow.dst.to_string(), flow.dport) {
            if !count(&mut requests, request) {
                return requests.into();
            }
            rest = &rest[used..];
        }
    }
    requests.into()
}

/// Adds a request, or counts it when it is known. False when there is no room for it.
pub fn count(requests: &mut Vec<Json>, request: Json) -> bool {
    let is_same = |known: &Json| ["uri", "method", "data"].iter().all(|key| known[*key] == request[*key]);
    match requests.iter().position(is_same) {
        Some(at) => requests[at]["count"] = (requests[at]["count"].as_u64().unwrap_or(0) + 1).into(),
        None if requests.len() < MAX_REQUESTS => requests.push(request),
        None => return false,
    }
    true
}

/// The first request in what a client said, and how long it is.
fn parse(bytes: &[u8], address: String, port: u16) -> Option<(Json, usize)> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let head = match request.parse(bytes).ok()? {
        httparse::Status::Complete(head) => head,
        httparse::Status::Partial => return None,
    };
    let header = |name: &str| {
        let found = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.map(|header| text::shown(header.value))
    };
    let length = header("content-length").and_then(|text| text.trim().parse::<usize>().ok()).unwrap_or(0);
    let end = head.saturating_add(length).min(bytes.len());
    let body = &bytes[head..end];
    let path = request.path?.to_owned();
    let host = header("host").unwrap_or(address);
    let uri = match (path.contains("://"), port) {
        (true, _) => path.clone(),
        // The port may be in the header already.
        (false, _) if port == 80 || host.contains(':') => format!("http://{host}{path}"),
        (false, port) => format!("http://{host}:{port}{path}"),
    };
    let shown = json!({
        "count": 1,
        "host": host,
        "port": port,
        "method": request.method?,
        "path": path,
        "uri": uri,
        "version": format!("1.{}", request.version?),
        "user-agent": header("user-agent").unwrap_or_default(),
        "body": text::shown(body),
        "data": text::shown(&bytes[..end]),
    });
    Some((shown, end))
}
