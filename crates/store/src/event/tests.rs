//! Promises of the event store as a whole.

use std::fs;
use std::time::Duration;

use super::*;

const SOON: Duration = Duration::from_secs(5);

fn rows(texts: &[&str]) -> Vec<Row> {
    texts.iter().map(|text| text.as_bytes().into()).collect()
}

fn stored(dir: &std::path::Path, queue: &str) -> String {
    let files = fs::read_dir(dir.join(queue)).unwrap();
    files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect()
}

#[test]
fn appended_rows_are_on_disk_and_handed_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = EventStore::open(dir.path().to_owned()).unwrap();
    let watcher = store.subscribe("Custom.Queue").unwrap();
    store.append("Custom.Queue", rows(&["{\"a\":1}", "{\"a\":2}"])).unwrap();
    assert_eq!(stored(dir.path(), "Custom.Queue"), "{\"a\":1}\n{\"a\":2}\n");
    assert_eq!(watcher.recv_timeout(SOON), Event::Row(b"{\"a\":1}"[..].into()));
    assert_eq!(watcher.recv_timeout(SOON), Event::Row(b"{\"a\":2}"[..].into()));
    assert_eq!(store.queues().unwrap(), ["Custom.Queue"]);
}

#[test]
fn published_rows_are_handed_on_only() {
    let dir = tempfile::tempdir().unwrap();
    let store = EventStore::open(dir.path().to_owned()).unwrap();
    let watcher = store.subscribe("q").unwrap();
    store.publish("q", &rows(&["{}"])).unwrap();
    assert_eq!(watcher.recv_timeout(SOON), Event::Row(b"{}"[..].into()));
    assert!(store.queues().unwrap().is_empty());
}

#[test]
fn many_callers_share_the_writer_and_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = EventStore::open(dir.path().to_owned()).unwrap();
    std::thread::scope(|scope| {
        for caller in 0..8 {
            let store = &store;
            scope.spawn(move || {
                for i in 0..20 {
                    let row = format!("{{\"n\":{}}}", caller * 100 + i);
                    store.append("q", rows(&[&row])).unwrap();
                }
            });
        }
    });
    drop(store);
    let unique: std::collections::BTreeSet<String> =
        stored(dir.path(), "q").lines().map(str::to_owned).collect();
    assert_eq!(unique.len(), 160);
}

#[test]
fn a_second_opener_is_refused_until_the_first_closes() {
    let dir = tempfile::tempdir().unwrap();
    let store = EventStore::open(dir.path().to_owned()).unwrap();
    assert!(matches!(EventStore::open(dir.path().to_owned()), Err(Error::InUse { .. })));
    drop(store);
    assert!(EventStore::open(dir.path().to_owned()).is_ok());
}

#[test]
fn appending_after_a_crash_starts_a_line_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let store = EventStore::open(dir.path().to_owned()).unwrap();
    store.append("q", rows(&["{}"])).unwrap();
    drop(store);
    let file = fs::read_dir(dir.path().join("q")).unwrap().next().unwrap().unwrap().path();
    fs::write(&file, "{}\n{\"half").unwrap();
    let store = EventStore::open(dir.path().to_owned()).unwrap();
    store.append("q", rows(&["{\"b\":1}"])).unwrap();
    assert_eq!(stored(dir.path(), "q"), "{}\n{\"b\":1}\n");
}

#[test]
fn a_failed_write_is_reported_and_later_ones_go_through() {
    let dir = tempfile::tempdir().unwrap();
    let store = EventStore::open(dir.path().to_owned()).unwrap();
    fs::write(dir.path().join("q"), b"in the way").unwrap();
    assert!(matches!(store.append("q", rows(&["{}"])), Err(Error::Io { .. })));
    fs::remove_file(dir.path().join("q")).unwrap();
    store.append("q", rows(&["{}"])).unwrap();
}

#[test]
fn queue_names_stay_inside_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let store = EventStore::open(dir.path().join("events")).unwrap();
    store.append("../up/Custom.A/Source", rows(&["{}"])).unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    assert_eq!(store.queues().unwrap(), ["../up/Custom.A/Source"]);
    for name in ["", " q", "a\nb", &"x".repeat(129)] {
        assert!(matches!(store.append(name, rows(&["{}"])), Err(Error::NameInvalid { .. })), "{name}");
    }
}
