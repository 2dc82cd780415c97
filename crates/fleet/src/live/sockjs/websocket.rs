//! The WebSocket transport: one session for each connection, frames as text messages.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::FromRequest as _;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use http::{Request, StatusCode, header};
use serde_json::Value as Json;
use tokio::sync::mpsc;

use super::frame::{ENDED, Frame};
use crate::live::converse::converse;
use crate::live::websocket::{MAX_MESSAGE, is_foreign};
use crate::server::Fleet;

/// A sign of life every so often.
const HEARTBEAT: Duration = Duration::from_secs(25);
/// Messages to the client that wait in memory.
const WAITING: usize = 16;

pub async fn upgrade(fleet: Arc<Fleet>, request: Request<Body>) -> Response {
    let wanted = request.headers().get(header::UPGRADE).and_then(|value| value.to_str().ok());
    if !wanted.is_some_and(|wanted| wanted.eq_ignore_ascii_case("websocket")) {
        return (StatusCode::BAD_REQUEST, "Can \"Upgrade\" only to \"WebSocket\".\n").into_response();
    }
    if is_foreign(request.headers()) {
        return (StatusCode::FORBIDDEN, "the page comes from another origin\n").into_response();
    }
    match WebSocketUpgrade::from_request(request, &()).await {
        Ok(upgrade) => upgrade.max_message_size(MAX_MESSAGE).on_upgrade(|socket| serve(fleet, socket)),
        Err(refusal) => refusal.into_response(),
    }
}

async fn serve(fleet: Arc<Fleet>, mut socket: WebSocket) {
    let (to_talk, from_client) = mpsc::channel(4);
    let (to_client, mut from_talk) = mpsc::channel::<Arc<str>>(WAITING);
    let talk = tokio::spawn(converse(fleet, from_client, to_client));
    let mut heartbeat = tokio::time::interval_at(tokio::time::Instant::now() + HEARTBEAT, HEARTBEAT);
    let mut sent = say(&mut socket, &Frame::Open).await;
    while sent {
        sent = tokio::select! {
            text = from_talk.recv() => match text {
                Some(text) => say(&mut socket, &Frame::Messages(vec![text])).await,
                None => {
                    say(&mut socket, &ENDED).await;
                    break;
                }
            },
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => hear(&text, &to_talk).await,
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                Some(Ok(_)) => true,
            },
            _ = heartbeat.tick() => say(&mut socket, &Frame::Heartbeat).await,
        };
    }
    drop((to_talk, from_talk));
    let _ = socket.send(Message::Close(None)).await;
    let _ = talk.await;
}

async fn say(socket: &mut WebSocket, frame: &Frame) -> bool {
    socket.send(Message::Text(Utf8Bytes::from(frame.text()))).await.is_ok()
}

/// Takes a list of messages, or one alone. False when it is neither, which ends the connection.
async fn hear(text: &str, to_talk: &mpsc::Sender<String>) -> bool {
    if text.is_empty() {
        return true;
    }
    let messages = match serde_json::from_str(text) {
        Ok(Json::String(message)) => vec![message],
        Ok(Json::Array(list)) => {
            match list.into_iter().map(|message| message.as_str().map(String::from)).collect() {
                Some(messages) => messages,
                None => return false,
            }
        }
        _ => return false,
    };
    for message in messages {
        // A conversation that has ended says so in its own frame.
        let _ = to_talk.send(message).await;
    }
    true
}
