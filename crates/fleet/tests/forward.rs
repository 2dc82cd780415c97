//! Destinations: each gets every line at least once and in order, whatever becomes of it meanwhile.

use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use fleet::forward::{Destination, Forwarders};
use futures_util::StreamExt as _;
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use serde_json::{Value as Json, json};
use serve::listener::{Limits, Listener};
use store::event::Retention;
use store::result_log::{Log, ResultLog, encode};
use tokio::sync::oneshot;

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn results(&self) -> Arc<ResultLog> {
        Arc::new(ResultLog::open(self.path().join("results"), Retention::default()).unwrap())
    }

    fn start(&self, results: &Arc<ResultLog>, destination: Json) -> Forwarders {
        let destinations = Destination::parse(vec![destination]).unwrap();
        Forwarders::start(&destinations, self.path(), results).unwrap()
    }
}

async fn append(results: &ResultLog, numbers: impl IntoIterator<Item = u64>) {
    let rows = numbers.into_iter().map(|n| encode(12, 1_790_000_000_000_000, &line(n)).unwrap()).collect();
    let (done, wait) = oneshot::channel();
    results.append(Log::Result, rows, move |result| done.send(result).unwrap()).unwrap();
    wait.await.unwrap().unwrap();
}

fn line(n: u64) -> String {
    format!("{{\"name\":\"pack/p/q\",\"n\":{n}}}")
}

fn text(numbers: impl IntoIterator<Item = u64>) -> String {
    numbers.into_iter().map(|n| line(n) + "\n").collect()
}

#[track_caller]
fn soon(what: &str, mut is_so: impl FnMut() -> bool) -> impl Future<Output = ()> {
    let what = what.to_owned();
    async move {
        for _ in 0..3000 {
            if is_so() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{what}");
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn files(place: &Place) -> Json {
    json!({"name": "files", "kind": "filesystem", "directory": place.path().join("logs")})
}

#[tokio::test]
async fn files_hold_each_line_once_also_after_the_server_was_killed() {
    let place = Place::new();
    let log = place.path().join("logs/fleet_result.log");
    let noted = place.path().join("forwarding/files.result");
    let results = place.results();
    let forwarders = place.start(&results, files(&place));
    append(&results, 0..10).await;
    soon("lines are written", || read(&log) == text(0..10)).await;
    forwarders.stop().await;
    let place_at_10 = std::fs::read(&noted).unwrap();
    let forwarders = place.start(&results, files(&place));
    append(&results, 10..20).await;
    soon("more are written", || read(&log) == text(0..20)).await;
    forwarders.stop().await;
    // As if the server had been killed before it noted its place, in the middle of a line.
    std::fs::write(&noted, place_at_10).unwrap();
    let whole = text(0..20);
    std::fs::write(&log, &whole[..whole.len() - 9]).unwrap();
    append(&results, 20..22).await;
    let forwarders = place.start(&results, files(&place));
    soon("the rest is written", || read(&log) == text(0..22)).await;
    // A file that the owner renames is left alone.
    let renamed = place.path().join("logs/old");
    std::fs::rename(&log, &renamed).unwrap();
    append(&results, 22..25).await;
    soon("another file is begun", || read(&log) == text(22..25)).await;
    assert_eq!(read(&renamed), text(0..22));
    forwarders.stop().await;
}

#[tokio::test]
async fn a_disk_that_takes_nothing_holds_lines_back_and_loses_none() {
    let place = Place::new();
    std::fs::write(place.path().join("logs"), "in the way").unwrap();
    let results = place.results();
    let forwarders = place.start(&results, files(&place));
    append(&results, 0..3).await;
    let failures = || forwarders.progress[0].failures.load(Ordering::Relaxed);
    soon("a failure is counted", || failures() > 0).await;
    std::fs::remove_file(place.path().join("logs")).unwrap();
    let log = place.path().join("logs/fleet_result.log");
    soon("lines are written", || read(&log) == text(0..3)).await;
    forwarders.stop().await;
}

#[tokio::test]
async fn large_files_are_renamed_packed_and_removed() {
    let place = Place::new();
    let mut destination = files(&place);
    for (key, value) in [("max_bytes", json!(200)), ("max_files", json!(3)), ("compress", json!(true))] {
        destination[key] = value;
    }
    let results = place.results();
    let forwarders = place.start(&results, destination);
    let delivered = || forwarders.progress[0].delivered.load(Ordering::Relaxed);
    for n in 0..41 {
        append(&results, [n]).await;
        soon("each is delivered", || delivered() == n + 1).await;
    }
    forwarders.stop().await;
    let mut names: Vec<String> = std::fs::read_dir(place.path().join("logs"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let current = names.pop().unwrap();
    assert_eq!((names.len(), &*current), (3, "fleet_result.log"), "{names:?}");
    let mut all = String::new();
    for name in &names {
        assert!(name.starts_with("fleet_result-20") && name.ends_with("Z.log.gz"), "{name}");
        let file = std::fs::File::open(place.path().join("logs").join(name)).unwrap();
        flate2::read::GzDecoder::new(file).read_to_string(&mut all).unwrap();
    }
    all += &read(&place.path().join("logs").join(current));
    assert!(text(0..41).ends_with(&all) && all.len() > 600, "{all}");
}

#[tokio::test]
async fn a_new_destination_gets_what_comes_from_now_on_and_an_old_one_the_rest() {
    let place = Place::new();
    let log = place.path().join("logs/fleet_result.log");
    let results = place.results();
    append(&results, 0..5).await;
    place.start(&results, files(&place)).stop().await;
    append(&results, 5..8).await;
    let forwarders = place.start(&results, files(&place));
    soon("what came while it was away is written", || read(&log) == text(5..8)).await;
    forwarders.stop().await;
}

/// What a webhook received, and how it answers.
#[derive(Default)]
struct Receiver {
    status: AtomicU16,
    most: AtomicU16,
    /// A row that is too large.
    bad: AtomicU16,
    numbers: Mutex<Vec<u64>>,
    headers: Mutex<HeaderMap>,
    calls: AtomicU16,
}

async fn receive(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: String) -> StatusCode {
    receiver.calls.fetch_add(1, Ordering::Relaxed);
    let body: Json = serde_json::from_str(&body).unwrap();
    assert_eq!(body["log"], "result");
    let rows = body["rows"].as_array().unwrap();
    let most = receiver.most.load(Ordering::Relaxed);
    if most > 0 && rows.len() > most.into() {
        return StatusCode::PAYLOAD_TOO_LARGE;
    }
    let bad = receiver.bad.load(Ordering::Relaxed);
    if bad > 0 && rows.iter().any(|row| row["line"]["n"] == bad) {
        return StatusCode::PAYLOAD_TOO_LARGE;
    }
    let status = StatusCode::from_u16(receiver.status.load(Ordering::Relaxed)).unwrap();
    if status.is_success() {
        assert_eq!((&rows[0]["host_id"], &rows[0]["name"]), (&json!(12), &json!("pack/p/q")));
        receiver.numbers.lock().extend(rows.iter().map(|row| row["line"]["n"].as_u64().unwrap()));
        *receiver.headers.lock() = headers;
    }
    status
}

async fn listen(
    receiver: &Arc<Receiver>,
    address: &str,
    tls: Option<serve::web::Files>,
) -> (String, tokio::task::JoinHandle<()>) {
    let listener = Listener::bind(address.parse().unwrap(), Limits::default()).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let router = Router::new().route("/in", post(receive)).with_state(receiver.clone());
    let task = tokio::spawn(serve::http::serve(
        listener.incoming(tls.map(|files| serve::web::server_config(files).unwrap())),
        router,
        std::future::pending(),
    ));
    (address, task)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_was_away_gets_every_row_in_order() {
    let place = Place::new();
    let receiver = Arc::new(Receiver::default());
    receiver.status.store(500, Ordering::Relaxed);
    let (address, task) = listen(&receiver, "127.0.0.1:0", None).await;
    let secret = place.path().join("secret");
    std::fs::write(&secret, "Bearer one\n").unwrap();
    let hook = json!({
        "name": "hook", "kind": "webhook", "logs": ["result"], "url": format!("http://{address}/in"),
        "headers": {"X-From": "harrier"}, "header_files": {"Authorization": secret},
    });
    let results = place.results();
    let forwarders = place.start(&results, hook.clone());
    append(&results, 0..700).await;
    soon("it was tried", || receiver.calls.load(Ordering::Relaxed) > 1).await;
    assert!(receiver.numbers.lock().is_empty());
    // Nobody listens at all, and the server is started again meanwhile.
    task.abort();
    let _ = task.await;
    append(&results, 700..900).await;
    forwarders.stop().await;
    let forwarders = place.start(&results, hook);
    append(&results, 900..1000).await;
    let failures = || forwarders.progress[0].failures.load(Ordering::Relaxed);
    soon("it is tried again", || failures() > 0).await;
    let mut metrics = String::new();
    forwarders.metrics(&results, &mut metrics);
    assert!(
        metrics.contains("harrier_forward_lag_rows{destination=\"hook\",log=\"result\"} 1000"),
        "{metrics}"
    );
    std::fs::write(&secret, "Bearer two\n").unwrap();
    receiver.status.store(202, Ordering::Relaxed);
    receiver.most.store(100, Ordering::Relaxed);
    let (_, task) = listen(&receiver, &address, None).await;
    soon("all arrive", || receiver.numbers.lock().len() >= 1000).await;
    assert_eq!(*receiver.numbers.lock(), (0..1000).collect::<Vec<_>>());
    let headers = receiver.headers.lock().clone();
    assert_eq!(headers["authorization"], "Bearer two");
    assert_eq!(headers["x-from"], "harrier");
    forwarders.stop().await;
    task.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_trusted_by_its_authority_and_a_row_too_large_holds_nobody_up() {
    let place = Place::new();
    let (authority, ca) = serve::ca::Authority::create().unwrap();
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let files = serve::web::ensure(place.path(), "hook", &authority, &ca.certificate, &names).unwrap();
    let (_, other) = serve::ca::Authority::create().unwrap();
    let pem = place.path().join("ca.pem");
    std::fs::write(&pem, other.certificate).unwrap();
    let receiver = Arc::new(Receiver::default());
    receiver.status.store(200, Ordering::Relaxed);
    receiver.bad.store(13, Ordering::Relaxed);
    let (address, _task) = listen(&receiver, "127.0.0.1:0", Some(files)).await;
    let hook = json!({"name": "hook", "kind": "webhook", "logs": ["result"], "url": format!("https://{address}/in"), "ca": pem});
    let results = place.results();
    let forwarders = place.start(&results, hook.clone());
    append(&results, 0..30).await;
    let failures = || forwarders.progress[0].failures.load(Ordering::Relaxed);
    soon("another authority is refused", || failures() > 0).await;
    assert_eq!(receiver.calls.load(Ordering::Relaxed), 0);
    forwarders.stop().await;
    std::fs::write(&pem, ca.certificate).unwrap();
    let forwarders = place.start(&results, hook);
    soon("the others arrive", || receiver.numbers.lock().len() == 29).await;
    assert_eq!(*receiver.numbers.lock(), (0..30).filter(|n| *n != 13).collect::<Vec<_>>());
    assert_eq!(forwarders.progress[0].refused.load(Ordering::Relaxed), 1);
    forwarders.stop().await;
}

/// A NATS server with JetStream.
struct NatsServer(Child);

impl NatsServer {
    fn start(program: &str, dir: &Path, port: u16) -> Self {
        let child = Command::new(program)
            .args(["--jetstream", "--addr", "127.0.0.1", "--port", &port.to_string(), "--store_dir"])
            .arg(dir)
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks JetStream something.
async fn jetstream(client: &async_nats::Client, call: &str, body: Json) -> Json {
    let answer = client.request(format!("$JS.API.{call}"), body.to_string().into()).await.unwrap();
    serde_json::from_slice(&answer.payload).unwrap()
}

async fn connect(address: &str) -> async_nats::Client {
    for _ in 0..500 {
        if let Ok(client) = async_nats::connect(address).await {
            return client;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the NATS server does not start");
}

/// `HARRIER_TEST_NATS` names the program of a NATS server; `cargo xtask test` sets it.
#[tokio::test(flavor = "multi_thread")]
async fn a_nats_stream_has_every_line_also_after_the_server_was_killed() {
    let Ok(program) = std::env::var("HARRIER_TEST_NATS") else {
        return eprintln!("HARRIER_TEST_NATS is not set: this test is skipped");
    };
    let place = Place::new();
    let store = place.path().join("nats");
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("nats://127.0.0.1:{port}");
    let server = NatsServer::start(&program, &store, port);
    let client = connect(&address).await;
    let destination = json!({
        "name": "bus", "kind": "nats", "logs": ["result"], "url": address, "subject": "fleet.{log}.{host_id}.{name}",
    });
    let results = place.results();
    let forwarders = place.start(&results, destination.clone());
    append(&results, 0..300).await;
    // Without a stream nothing is confirmed, and so nothing is forgotten.
    let failures = || forwarders.progress[0].failures.load(Ordering::Relaxed);
    soon("a failure is counted", || failures() > 0).await;
    let config = json!({"name": "FLEET", "subjects": ["fleet.>"], "storage": "file"});
    assert_eq!(jetstream(&client, "STREAM.CREATE.FLEET", config).await["error"], Json::Null);
    let delivered = || forwarders.progress[0].delivered.load(Ordering::Relaxed);
    soon("the stream takes them", || delivered() == 300).await;
    // The server takes a mebibyte.
    let (done, wait) = oneshot::channel();
    let long = encode(12, 0, &format!("{{\"n\":\"{}\"}}", "x".repeat(1 << 20))).unwrap();
    results.append(Log::Result, vec![long], move |result| done.send(result).unwrap()).unwrap();
    wait.await.unwrap().unwrap();
    append(&results, 300..310).await;
    soon("one is left out and the others are taken", || delivered() == 310).await;
    assert_eq!(forwarders.progress[0].refused.load(Ordering::Relaxed), 1);
    drop(server);
    append(&results, 310..600).await;
    let before = failures();
    soon("the outage is noticed", || failures() > before).await;
    let _server = NatsServer::start(&program, &store, port);
    soon("it goes on", || delivered() == 600).await;
    forwarders.stop().await;
    let client = connect(&address).await;
    let inbox = client.new_inbox();
    let mut messages = client.subscribe(inbox.clone()).await.unwrap();
    let consumer = json!({
        "stream_name": "FLEET",
        "config": {"deliver_subject": inbox, "deliver_policy": "all", "ack_policy": "none"},
    });
    assert_eq!(jetstream(&client, "CONSUMER.CREATE.FLEET", consumer).await["error"], Json::Null);
    let mut found = Vec::new();
    while found.len() < 600 {
        let message = tokio::time::timeout(Duration::from_secs(10), messages.next()).await.unwrap().unwrap();
        assert_eq!(message.subject.as_str(), "fleet.result.12.pack/p/q");
        found.push(String::from_utf8(message.payload.to_vec()).unwrap());
    }
    assert_eq!(found, (0..600).map(line).collect::<Vec<_>>());
}
