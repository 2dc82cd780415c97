//! A large sample on its way through the server, whose memory does not grow with it. Alone in its file: the memory of a process is
//! measured.
//!
//! A debug build hashes a few MiB in a second; `HARRIER_TEST_UPLOAD_MIB=4096` sends the largest sample that is promised.

use bytes::Bytes;
use reqwest::multipart::{Form, Part};
use sandbox::pool::{Machine, Pool};
use sandbox::{Sandbox, Settings};
use serde_json::{Value as Json, json};
use serve::listener::{Limits, Listener};
use serve::shutdown::CancellationToken;
use store::db::{Db, Location};

/// Growth of the whole process while a sample passes, client and tests included.
const MOST: u64 = 32 << 20;
/// Several times that.
const MEBIBYTES: u64 = 96;

#[tokio::test(flavor = "multi_thread")]
async fn memory_does_not_grow_with_a_sample() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let asked = std::env::var("HARRIER_TEST_UPLOAD_MIB").ok().and_then(|text| text.parse().ok());
    let mebibytes: u64 = asked.unwrap_or(MEBIBYTES);
    let length = mebibytes << 20;
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(&Location::Sqlite(dir.path().join("harrier.db"))).await.unwrap();
    let pool = Pool::new(vec![Machine::new("one", "linux", &[])]);
    let sandbox = Sandbox::open(db, Settings::in_dir(dir.path().to_owned()), pool).unwrap();
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), Limits::default()).await.unwrap();
    let root = format!("http://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    tokio::spawn(sandbox::serve(sandbox, listener.incoming(None), stop.clone().cancelled_owned()));

    // The same zeros over and over.
    let piece = Bytes::from(vec![0; 1 << 20]);
    let pieces = (0..length >> 20).map(move |_| Ok::<_, std::io::Error>(piece.clone()));
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    let part = Part::stream_with_length(body, length).file_name("large.bin");
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = peak();
    let client = reqwest::Client::new();
    let form = Form::new().part("file", part);
    let sent = client.post(format!("{root}/tasks/create/file")).multipart(form).send().await.unwrap();
    assert_eq!(sent.status(), 200);
    let grown = peak() - before;
    eprintln!("{mebibytes} MiB: the peak of memory grew by {} KiB", grown >> 10);
    assert!(grown < MOST, "{grown} bytes");

    let task: Json = serde_json::from_slice(&sent.bytes().await.unwrap()).unwrap();
    let shown = client.get(format!("{root}/tasks/view/{}", task["task_id"])).send().await.unwrap();
    let shown: Json = serde_json::from_slice(&shown.bytes().await.unwrap()).unwrap();
    let sample =
        client.get(format!("{root}/files/view/id/{}", shown["task"]["sample_id"])).send().await.unwrap();
    let sample: Json = serde_json::from_slice(&sample.bytes().await.unwrap()).unwrap();
    assert_eq!(sample["sample"]["file_size"], json!(length), "{sample:#}");
    stop.cancel();
}

/// The most memory that this process ever had, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}
