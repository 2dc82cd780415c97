//! Receiving requests: each transport wraps frames in its own way.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::{StatusCode, header};

use super::frame::{BUSY, Frame};
use super::session::Receiver;
use super::{NO_CACHE, unknown};
use crate::request::query_pairs;
use crate::server::Fleet;

/// After so many bytes a response ends, and the client asks again: some keep all they have received.
const MAX_BYTES: usize = 128 << 10;
/// The longest name of a callback.
const MAX_CALLBACK: usize = 128;

/// How frames travel.
#[derive(Clone, Debug, PartialEq)]
enum Wrapping {
    /// A line each.
    Xhr,
    EventSource,
    /// A call of a function in a page.
    HtmlFile,
    Jsonp(String),
}

struct Transport {
    wrapping: Wrapping,
    /// What comes before the first frame.
    prelude: String,
    content_type: &'static str,
    /// Whether one request takes many frames.
    streams: bool,
}

pub async fn receive(fleet: &Arc<Fleet>, session: &str, transport: &str, query: Option<&str>) -> Response {
    let transport = match Transport::of(transport, query) {
        Ok(Some(transport)) => transport,
        Ok(None) => return unknown(),
        Err(text) => return (StatusCode::INTERNAL_SERVER_ERROR, text).into_response(),
    };
    let Some(session) = fleet.sockjs.find_or_begin(fleet, session) else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many sessions are open\n").into_response();
    };
    // The name of a callback is the client's: what it begins is not to be taken for anything but what it says it is.
    let headers = [
        (header::CONTENT_TYPE, transport.content_type),
        (header::CACHE_CONTROL, NO_CACHE),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    let Some(receiver) = session.receive() else {
        let text = transport.prelude.clone() + &transport.wrapping.wrap(&BUSY);
        return (headers, text).into_response();
    };
    if transport.streams {
        return (headers, streamed(transport, receiver)).into_response();
    }
    let mut receiver = receiver;
    let frame = receiver.next().await;
    receiver.leave();
    (headers, transport.prelude.clone() + &transport.wrapping.wrap(&frame)).into_response()
}

impl Transport {
    fn of(name: &str, query: Option<&str>) -> Result<Option<Self>, &'static str> {
        const SCRIPT: &str = "application/javascript; charset=UTF-8";
        let made = |wrapping, prelude: String, content_type, streams| {
            Ok(Some(Self { wrapping, prelude, content_type, streams }))
        };
        match name {
            "xhr" => made(Wrapping::Xhr, String::new(), SCRIPT, false),
            "xhr_streaming" => made(Wrapping::Xhr, "h".repeat(2048) + "\n", SCRIPT, true),
            "eventsource" => {
                made(Wrapping::EventSource, "\r\n".into(), "text/event-stream; charset=UTF-8", true)
            }
            "htmlfile" => {
                let page = html_page(&callback(query)?);
                made(Wrapping::HtmlFile, page, "text/html; charset=UTF-8", true)
            }
            "jsonp" => made(Wrapping::Jsonp(callback(query)?), String::new(), SCRIPT, false),
            _ => Ok(None),
        }
    }
}

/// The name of the function that the client wants called. It becomes part of a script, so little is allowed in it.
fn callback(query: Option<&str>) -> Result<String, &'static str> {
    let mut pairs = query_pairs(query.unwrap_or_default());
    let name =
        pairs.find(|(name, _)| name == "c" || name == "callback").map(|(_, value)| value).unwrap_or_default();
    if name.is_empty() {
        return Err("\"callback\" parameter required\n");
    }
    let is_safe = name.len() <= MAX_CALLBACK
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    if is_safe { Ok(name) } else { Err("invalid \"callback\" parameter\n") }
}

/// A page that calls its parent. Browsers show nothing of a page before its first kilobyte is there.
///
/// The page of the protocol's text assigns `document.domain` to itself as well. Where that still does anything, it parts the page
/// from a parent of the same origin that did not (HTML, section 7.1.1.2), and only those use this transport.
fn html_page(callback: &str) -> String {
    let page = format!(
        "<!doctype html>\n<html><head>\n\
         <meta http-equiv=\"X-UA-Compatible\" content=\"IE=edge\" />\n\
         <meta http-equiv=\"Content-Type\" content=\"text/html; charset=UTF-8\" />\n\
         </head><body><h2>Don't panic!</h2>\n<script>\n\
         var c = parent.{callback};\nc.start();\n\
         function p(d) {{ c.message(d); }};\nwindow.onload = c.stop;\n</script>\n"
    );
    let padding = " ".repeat(1024_usize.saturating_sub(page.len()));
    page + &padding + "\r\n\r\n"
}

impl Wrapping {
    fn wrap(&self, frame: &Frame) -> String {
        let text = frame.text();
        match self {
            Self::Xhr => text + "\n",
            Self::EventSource => {
                // Line breaks end an event, and a percent sign would be taken for an encoding.
                let safe = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
                format!("data: {safe}\r\n\r\n")
            }
            Self::HtmlFile => format!("<script>\np({});\n</script>\r\n", script_string(&text)),
            Self::Jsonp(callback) => format!("/**/{callback}({});\r\n", script_string(&text)),
        }
    }
}

/// A string of JavaScript that may stand in a page: neither `</script` nor `<!--` is left in it.
fn script_string(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default().replace('<', "\\u003c")
}

/// Frames until the session ends or enough was sent.
fn streamed(transport: Transport, receiver: Receiver) -> Body {
    let start = (Some(receiver), 0_usize);
    let wrapping = transport.wrapping;
    let frames = stream::unfold(start, move |(receiver, sent)| {
        let wrapping = wrapping.clone();
        async move {
            let mut receiver = receiver?;
            let frame = receiver.next().await;
            let text = wrapping.wrap(&frame);
            let sent = sent + text.len();
            let is_last = matches!(frame, Frame::Close(..)) || sent >= MAX_BYTES;
            let next = if is_last {
                receiver.leave();
                None
            } else {
                Some(receiver)
            };
            Some((Bytes::from(text), (next, sent)))
        }
    });
    let prelude = stream::once(std::future::ready(Bytes::from(transport.prelude)));
    let all =
        futures_util::StreamExt::map(futures_util::StreamExt::chain(prelude, frames), Ok::<_, Infallible>);
    Body::from_stream(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callbacks_are_names_and_nothing_else() {
        assert_eq!(callback(Some("t=1&c=cb.x_1-2")).as_deref(), Ok("cb.x_1-2"));
        assert_eq!(callback(None), Err("\"callback\" parameter required\n"));
        assert!(callback(Some("c=alert(1)")).is_err() && callback(Some("c=%3Cscript%3E")).is_err());
    }

    #[test]
    fn each_transport_wraps_in_its_way() {
        let frame = Frame::Messages(vec!["</script>".into()]);
        assert_eq!(Wrapping::Xhr.wrap(&frame), "a[\"</script>\"]\n");
        assert_eq!(Wrapping::EventSource.wrap(&Frame::Open), "data: o\r\n\r\n");
        assert_eq!(
            Wrapping::HtmlFile.wrap(&frame),
            "<script>\np(\"a[\\\"\\u003c/script>\\\"]\");\n</script>\r\n"
        );
        assert_eq!(Wrapping::Jsonp("cb".into()).wrap(&Frame::Heartbeat), "/**/cb(\"h\");\r\n");
        assert!(html_page("cb").len() >= 1024);
    }
}
