//! `http_client()` against servers that do not keep to the rules, and queries that leave early.

mod common;

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::live::{Live, until};
use common::server::{Server, raw, read_head};
use common::{Outcome, run};

/// Reads the request, then says this and closes.
fn saying(text: impl Into<Vec<u8>>) -> Server {
    let text = text.into();
    raw(move |stream| {
        if read_head(stream).is_some() {
            let _ = stream.write_all(&text);
            let _ = stream.shutdown(Shutdown::Write);
        }
    })
}

fn fetch(server: &Server, more: &str) -> Outcome {
    run(&format!("SELECT Content, Response FROM http_client(url='{}'{more})", server.url("/")))
}

/// One row that says 500, and a log line.
fn assert_failed(server: &Server) {
    let outcome = fetch(server, "");
    assert!(outcome.rows.ends_with(r#"","Response":500}]"#), "{}", outcome.rows);
    assert!(outcome.log[1].starts_with("http_client: Error "), "{:?}", outcome.log);
    assert_eq!(outcome.log.len(), 2);
}

#[test]
fn answers_that_are_none_are_errors() {
    for text in [
        &b""[..],
        b"garbage\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"\x16\x03\x01\x00\x00",
        &[0; 100_000],
    ] {
        assert_failed(&saying(text));
    }
}

#[test]
fn giant_headers_are_refused() {
    assert_failed(&saying(format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(2 << 20))));
    let many: String = (0..5000).map(|i| format!("X-{i}: y\r\n")).collect();
    assert_failed(&saying(format!("HTTP/1.1 200 OK\r\n{many}\r\n")));
}

#[test]
fn a_header_without_end_is_refused() {
    assert_failed(&raw(|stream| {
        let _ = read_head(stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX: ");
        while stream.write_all(&[b'x'; 65536]).is_ok() {}
    }));
}

#[test]
fn a_body_that_breaks_off_gives_what_came() {
    let short = saying("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabcdefgh");
    let outcome = fetch(&short, ", chunk_size=3");
    let wanted = r#"[{"Content":"abc","Response":200},{"Content":"def","Response":200},{"Content":"gh","Response":200}]"#;
    assert_eq!(outcome.rows, wanted);
    assert!(outcome.log[1].starts_with("http_client: Error ") && outcome.log.len() == 2, "{:?}", outcome.log);
    // Nothing but the head came: there is no row of an answer that is not there.
    let none = saying("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
    assert_eq!(fetch(&none, "").rows, "[]");
    let chunked = saying("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nZZ\r\n");
    assert_eq!(fetch(&chunked, "").rows, r#"[{"Content":"abc","Response":200}]"#);
    let gzip = saying("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd");
    let outcome = fetch(&gzip, "");
    assert_eq!((outcome.rows.as_str(), outcome.log.len()), ("[]", 2));
}

#[test]
fn a_reset_in_the_middle_is_told() {
    let server = raw(|stream| {
        let _ = read_head(stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc");
        std::thread::sleep(Duration::from_millis(50));
        // Closing with unread data (the body below) resets the connection.
    });
    let outcome = fetch(&server, ", method='POST', data='unread'");
    assert_eq!(outcome.rows, r#"[{"Content":"abc","Response":200}]"#);
    assert!(outcome.log[1].contains("Error"), "{:?}", outcome.log);
}

#[test]
fn a_longer_body_than_announced_is_cut() {
    let server = saying("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdefghij");
    assert_eq!(fetch(&server, "").rows, r#"[{"Content":"abc","Response":200}]"#);
}

#[test]
fn a_temporary_file_of_a_broken_body_is_no_row() {
    let server = saying("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc");
    let outcome = fetch(&server, ", tempfile_extension='.x'");
    assert_eq!((outcome.rows.as_str(), outcome.log.len()), ("[]", 3));
    let outcome = fetch(&server, ", tempfile_extension='/../../x'");
    assert_eq!(outcome.rows, "[]");
}

#[test]
fn a_slow_server_delivers_row_by_row() {
    let (next, wanted) = std::sync::mpsc::channel::<()>();
    let wanted = parking_lot::Mutex::new(wanted);
    let server = raw(move |stream| {
        let _ = read_head(stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        let mut parts = ["first part", "other part", "third part"].into_iter();
        let _ = stream.write_all(parts.next().unwrap().as_bytes());
        for part in parts {
            let _ = wanted.lock().recv();
            let _ = stream.write_all(part.as_bytes());
        }
    });
    // Each part is sent when the row of the one before is there.
    let query = format!("SELECT Content FROM http_client(url='{}', chunk_size=10)", server.url("/"));
    let live = Live::start(&query, &[]);
    for row in 1..3 {
        live.rows(row);
        next.send(()).unwrap();
    }
    // One that ends with a whole chunk is followed by an empty row.
    let wanted =
        r#"[{"Content":"first part"},{"Content":"other part"},{"Content":"third part"},{"Content":""}]"#;
    assert_eq!(live.end().rows, wanted);
}

/// Sends a body without end; the flag is set when the client has left.
fn endless() -> (Server, Arc<AtomicBool>) {
    let left = Arc::new(AtomicBool::new(false));
    let seen = left.clone();
    let server = raw(move |stream: &mut TcpStream| {
        let _ = read_head(stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n");
        while stream.write_all(&[b'x'; 65536]).is_ok() {}
        seen.store(true, Ordering::SeqCst);
    });
    (server, left)
}

#[test]
fn a_limit_ends_a_body_without_end() {
    let (server, left) = endless();
    let outcome = run(&format!(
        "SELECT len(list=Content) AS N FROM http_client(url='{}', chunk_size=100000) LIMIT 2",
        server.url("/")
    ));
    assert_eq!(outcome.rows, r#"[{"N":100000},{"N":100000}]"#);
    until("the connection is closed", || left.load(Ordering::SeqCst));
}

#[test]
fn cancelling_ends_whatever_goes_on() {
    let (endless, left) = endless();
    let silent = raw(|stream| {
        let _ = read_head(stream);
        std::thread::sleep(Duration::from_secs(60));
    });
    let stalled = raw(|stream| {
        let _ = read_head(stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc");
        std::thread::sleep(Duration::from_secs(60));
    });
    let deaf = raw(|_| std::thread::sleep(Duration::from_secs(60)));
    let upload = ", method='POST', files=dict(file='z', key='z', path='/dev/zero', accessor='file')";
    for (server, more) in
        [(&endless, ", tempfile_extension='.x'"), (&silent, ""), (&stalled, ""), (&deaf, upload)]
    {
        let query = format!("SELECT * FROM http_client(url='{}'{more})", server.url("/"));
        let live = Live::start(&query, &[]);
        until("the server is asked", || server.connections() > 0);
        // Until it is in the middle of it.
        std::thread::sleep(Duration::from_millis(150));
        let outcome = live.stop();
        assert_eq!(outcome.rows, "[]");
        assert!(!outcome.log.iter().any(|l| l.contains("Error")), "{:?}", outcome.log);
    }
    until("the connection is closed", || left.load(Ordering::SeqCst));
}
