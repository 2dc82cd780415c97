//! Patience with clients, over real connections.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::service_fn;

use super::*;
use crate::listener::{Limits, Listener};

const SHORT: Duration = Duration::from_millis(300);
/// After which something hangs.
const LONG: Duration = Duration::from_secs(60);
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
const ANSWER: &[u8] = b"answered";

async fn server(patience: Patience, limits: Limits) -> SocketAddr {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), limits).await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = service_fn(|request: Request<Body>| async move {
        http_body_util::BodyExt::collect(request.into_body()).await?;
        Ok::<_, hyper::Error>(http::Response::new(http_body_util::Full::new(ANSWER)))
    });
    tokio::spawn(serve_with(patience, listener.incoming(None), service, std::future::pending()));
    address
}

async fn client(patience: Patience) -> TcpStream {
    TcpStream::connect(server(patience, Limits::default()).await).await.unwrap()
}

/// Reads to the end of an answer; false when the server closed before.
async fn is_answered(stream: &mut TcpStream) -> bool {
    let mut told = Vec::new();
    let read = async {
        while !told.ends_with(ANSWER) {
            if stream.read_buf(&mut told).await.unwrap_or(0) == 0 {
                return false;
            }
        }
        true
    };
    tokio::time::timeout(LONG, read).await.expect("an answer or an end")
}

async fn ask(stream: &mut TcpStream) -> bool {
    stream.write_all(REQUEST).await.is_ok() && is_answered(stream).await
}

#[tokio::test]
async fn an_idle_connection_outlives_the_limit_for_headers() {
    let mut stream = client(Patience { headers: SHORT, idle: LONG * 10 }).await;
    for _ in 0..3 {
        assert!(ask(&mut stream).await);
        tokio::time::sleep(2 * SHORT).await;
    }
    assert!(ask(&mut stream).await);
}

#[tokio::test]
async fn an_idle_connection_ends_at_its_own_limit() {
    let mut stream = client(Patience { headers: LONG * 10, idle: SHORT }).await;
    assert!(ask(&mut stream).await);
    assert!(!is_answered(&mut stream).await);
}

#[tokio::test]
async fn headers_that_began_after_a_pause_are_limited_from_their_first_byte() {
    let mut stream = client(Patience { headers: SHORT, idle: LONG * 10 }).await;
    assert!(ask(&mut stream).await);
    tokio::time::sleep(2 * SHORT).await;
    stream.write_all(&REQUEST[..1]).await.unwrap();
    assert!(!is_answered(&mut stream).await);
}

#[tokio::test]
async fn a_byte_now_and_then_does_not_stretch_the_limit() {
    let stream = client(Patience { headers: SHORT, idle: LONG * 10 }).await;
    let (mut reader, mut writer) = stream.into_split();
    writer.write_all(REQUEST).await.unwrap();
    let drip = tokio::spawn(async move {
        let header = std::iter::repeat_n(b'x', usize::MAX);
        for byte in b"GET / HTTP/1.1\r\nx: ".iter().copied().chain(header) {
            if writer.write_all(&[byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(SHORT / 10).await;
        }
    });
    // The answer to the first, and the end.
    let _ = tokio::time::timeout(LONG, reader.read_to_end(&mut Vec::new())).await.expect("an end");
    drip.await.unwrap();
}

#[tokio::test]
async fn a_new_connection_that_says_nothing_ends_soon() {
    let mut stream = client(Patience { headers: SHORT, idle: LONG * 10 }).await;
    assert!(!is_answered(&mut stream).await);
}

#[tokio::test]
async fn first_headers_that_are_not_completed_end_soon() {
    for part in [&REQUEST[..1], &REQUEST[..20], b"PRI * HTTP/2.0\r\n"] {
        let mut stream = client(Patience { headers: SHORT, idle: LONG * 10 }).await;
        stream.write_all(part).await.unwrap();
        assert!(!is_answered(&mut stream).await);
    }
}

#[tokio::test]
async fn a_body_may_take_longer_than_headers() {
    let mut stream = client(Patience { headers: SHORT, idle: SHORT }).await;
    stream.write_all(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n1").await.unwrap();
    tokio::time::sleep(3 * SHORT).await;
    stream.write_all(b"2").await.unwrap();
    assert!(is_answered(&mut stream).await);
}

#[tokio::test]
async fn idle_connections_end_soon_while_connections_are_scarce() {
    let patience = Patience { headers: SHORT, idle: LONG * 10 };
    let address = server(patience, Limits { total: 2, ..Limits::default() }).await;
    let mut first = TcpStream::connect(address).await.unwrap();
    assert!(ask(&mut first).await);
    let mut second = TcpStream::connect(address).await.unwrap();
    assert!(ask(&mut second).await);
    assert!(!is_answered(&mut second).await);
    // The first became idle while there was room, and is kept.
    assert!(ask(&mut first).await);
}

#[tokio::test]
async fn http_2_is_not_limited_by_what_holds_for_http_1() {
    const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    const PING: &[u8] = &[0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    let mut stream = client(Patience { headers: SHORT, idle: SHORT }).await;
    stream.write_all(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", SETTINGS].concat()).await.unwrap();
    tokio::time::sleep(3 * SHORT).await;
    stream.write_all(PING).await.unwrap();
    let mut told = Vec::new();
    let answer = async {
        while !told.ends_with(&PING[9..]) {
            assert_ne!(stream.read_buf(&mut told).await.unwrap(), 0);
        }
    };
    tokio::time::timeout(LONG, answer).await.expect("an answer");
}
