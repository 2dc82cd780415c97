//! `http_client()` holds little in memory, whatever goes through it. A process of its own, so that nothing else counts.

mod common;

use std::fs::File;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::run;
use common::server::{raw, read_head};

const MIB: u64 = 1 << 20;

/// The most memory this process ever held, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// Bytes without a short period.
fn block() -> Vec<u8> {
    let mut x = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x.to_le_bytes()
    };
    (0..MIB / 8).flat_map(|_| next()).collect()
}

/// The size of an upload; `HARRIER_TEST_UPLOAD_MIB` makes it larger.
fn blocks() -> u64 {
    std::env::var("HARRIER_TEST_UPLOAD_MIB").ok().and_then(|n| n.parse().ok()).unwrap_or(256)
}

#[test]
fn large_bodies_pass_through_in_little_memory() {
    let before = peak();
    upload();
    let uploaded = peak() - before;
    assert!(uploaded < 64 * MIB, "an upload took {} MiB", uploaded / MIB);
    download();
    let all = peak() - before;
    assert!(all < 64 * MIB, "a download took {} MiB", all / MIB);
}

/// Each byte arrives, in order.
fn upload() {
    let (block, blocks) = (Arc::new(block()), blocks());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("large");
    let mut file = File::create(&path).unwrap();
    (0..blocks).for_each(|_| file.write_all(&block).unwrap());
    let (good, received) = (block.clone(), Arc::new(AtomicU64::new(0)));
    let count = received.clone();
    let server = raw(move |stream| {
        let head = read_head(stream).unwrap();
        let length = head.lines().find_map(|l| l.strip_prefix("Content-Length: ")).unwrap();
        let tail = head.lines().find_map(|l| l.split_once("boundary=")).unwrap().1.len() + 8;
        let part = read_head(stream).unwrap().len() + 4;
        assert_eq!(length.parse::<u64>().unwrap(), part as u64 + blocks * MIB + tail as u64);
        let mut got = vec![0; MIB as usize];
        for _ in 0..blocks {
            stream.read_exact(&mut got).unwrap();
            assert!(got == *good);
            count.fetch_add(1, Ordering::SeqCst);
        }
        stream.read_exact(&mut got[..tail]).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
    });
    let outcome = run(&format!(
        "SELECT Response FROM http_client(url='{}', method='POST', files=dict(file='f', key='k', path='{}', accessor='file'))",
        server.url("/"),
        path.display()
    ));
    assert_eq!(outcome.rows, r#"[{"Response":200}]"#, "{:?}", outcome.log);
    assert_eq!(received.load(Ordering::SeqCst), blocks);
}

/// A slow consumer holds the server back; a bomb is unpacked piece by piece.
fn download() {
    let bomb = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        (0..256).for_each(|_| encoder.write_all(&[0; MIB as usize]).unwrap());
        encoder.finish().unwrap()
    };
    let server = raw(move |stream| {
        while let Some(head) = read_head(stream) {
            let (kind, body) = match head.contains("bomb") {
                true => ("Content-Encoding: gzip\r\n", &bomb[..]),
                false => ("", &[][..]),
            };
            let length = if body.is_empty() { 256 * MIB } else { body.len() as u64 };
            let _ = stream
                .write_all(format!("HTTP/1.1 200 OK\r\n{kind}Content-Length: {length}\r\n\r\n").as_bytes());
            let _ = stream.write_all(body);
            (0..if body.is_empty() { 256 } else { 0 }).for_each(|_| {
                let _ = stream.write_all(&[b'x'; MIB as usize]);
            });
        }
    });
    for path in ["/bomb", "/plain"] {
        let query = format!(
            "SELECT sum(item=len(list=Content)) AS N FROM http_client(url='{}') GROUP BY 1",
            server.url(path)
        );
        assert_eq!(run(&query).rows, format!(r#"[{{"N":{}}}]"#, 256 * MIB));
    }
}
