//! A page in the guest's Chromium. Building such a guest and an emulated browser take minutes each: `cargo xtask test browser` runs it,
//! the usual tests do not.

#[allow(dead_code)] // Of the tests of guests.
mod common;
mod server;

use std::time::Instant;

use serde_json::json;
use server::Server;

/// Not a test of its own: what answers the machines of the tests below, in a process of its own.
#[test]
#[ignore = "it is started by other tests"]
fn internet_process() {
    sandbox::internet::run().unwrap();
}

const GUEST: &str = "test-browser";
const URL: &str = "https://shop.example/welcome.html";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it takes minutes: cargo xtask test browser"]
async fn a_page_is_shown_in_chromium() {
    let begun = Instant::now();
    if common::guest_with(GUEST, &["chromium"], 1024).is_none() {
        return;
    }
    eprintln!("the guest is there after {:?}", begun.elapsed());
    let Some(server) = Server::start_with(1, GUEST).await else { return };
    let begun = Instant::now();
    let task = server.submit_url(URL, &[("timeout", "600")]).await;
    // Told until the task is over, however long that takes.
    server.get(&format!("tasks/events/{task}")).await.text().await.unwrap();
    let shown = server.ended(task).await;
    let log = server.file(task, "analysis.log");
    assert_eq!(shown["errors"], json!([]), "{log}");
    eprintln!("the task took {:?}, of which its guest ran {} s", begun.elapsed(), shown["duration"]);
    let report = server.report(task).await;
    let dropped = report["dropped"].as_array().unwrap();
    let picture = dropped.iter().find(|file| file["filepath"] == "/tmp/page.png");
    let picture = picture.unwrap_or_else(|| panic!("{log}\n{}", server.file(task, "logs/stderr.txt")));
    let path = format!("analyses/{task}/files/{}", picture["name"].as_str().unwrap());
    let picture = std::fs::File::open(server.dir.path().join(path)).unwrap();
    let mut picture = png::Decoder::new(std::io::BufReader::new(picture)).read_info().unwrap();
    let mut pixels = vec![0; picture.output_buffer_size().unwrap()];
    let about = picture.next_frame(&mut pixels).unwrap();
    assert!(about.width >= 640 && about.height >= 400, "{about:?}");
    // Letters on a page: more than one colour.
    let size = about.color_type.samples();
    assert!(pixels.chunks_exact(size).any(|pixel| pixel != &pixels[..size]), "the page is empty");
    // The browser asked for it, in a connection that the guest's internet signed for.
    let asked = report["network"]["https_ex"].as_array().unwrap();
    let asked = asked.iter().find(|one| one["host"] == "shop.example" && one["uri"] == "/welcome.html");
    assert!(
        asked.is_some_and(|one| one["request"].as_str().unwrap().contains("HeadlessChrome")),
        "{asked:#?}"
    );
    let processes = report["behavior"]["processes"].as_array().unwrap();
    assert!(processes.iter().any(|process| process["command_line"].as_str().unwrap().contains(URL)));
}
