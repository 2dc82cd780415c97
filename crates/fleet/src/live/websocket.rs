//! Streams over plain WebSockets: each text message is one JSON object (the Fleet reference, section 11.4).

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use tokio::sync::mpsc;

use super::converse::converse;
use crate::server::Fleet;

/// The most bytes of a message of a client.
pub const MAX_MESSAGE: usize = 64 << 10;
/// Messages to the client that wait in memory.
const WAITING: usize = 16;
/// A sign of life every so often.
const PING: Duration = Duration::from_secs(25);
/// A normal end.
const NORMAL: u16 = 1000;

pub async fn upgrade(
    State(fleet): State<Arc<Fleet>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if is_foreign(&headers) {
        return (StatusCode::FORBIDDEN, "the page comes from another origin\n").into_response();
    }
    upgrade
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE)
        .on_upgrade(|socket| serve(fleet, socket))
}

/// Whether a browser's page of another origin asks.
pub fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
    let Some(origin) = text(header::ORIGIN) else { return false };
    let host = origin.split_once("://").map(|(_, host)| host);
    host.is_none() || host != text(header::HOST)
}

async fn serve(fleet: Arc<Fleet>, mut socket: WebSocket) {
    let (to_talk, from_client) = mpsc::channel(4);
    let (to_client, mut from_talk) = mpsc::channel::<Arc<str>>(WAITING);
    let talk = tokio::spawn(converse(fleet, from_client, to_client));
    let mut to_talk = Some(to_talk);
    let mut ping = tokio::time::interval(PING);
    loop {
        let sent = tokio::select! {
            text = from_talk.recv() => match text {
                Some(text) => socket.send(Message::Text(Utf8Bytes::from(&*text))).await,
                None => break,
            },
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => {
                    if let Some(sender) = &to_talk && sender.send(text.to_string()).await.is_err() {
                        to_talk = None;
                    }
                    Ok(())
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                Some(Ok(_)) => Ok(()),
            },
            _ = ping.tick() => socket.send(Message::Ping(bytes::Bytes::new())).await,
        };
        if sent.is_err() {
            break;
        }
    }
    drop((to_talk, from_talk));
    let end = CloseFrame { code: NORMAL, reason: Utf8Bytes::from_static("none") };
    let _ = socket.send(Message::Close(Some(end))).await;
    let _ = talk.await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_other_origins_are_told_apart() {
        let with = |origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "fleet.example.org:8080".parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            is_foreign(&headers)
        };
        assert!(!with(None) && !with(Some("https://fleet.example.org:8080")));
        assert!(with(Some("https://evil.example.org")) && with(Some("null")));
    }
}
