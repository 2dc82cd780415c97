//! Promises of the event store as a whole.

use std::fs;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use super::*;

mod history;
mod readers;

/// After which something hangs.
const SOON: Duration = Duration::from_secs(60);

fn rows(texts: &[&str]) -> Vec<Row> {
    texts.iter().map(|text| text.as_bytes().into()).collect()
}

fn open(dir: &std::path::Path) -> EventStore {
    EventStore::open(dir.to_owned(), Retention::default()).unwrap()
}

fn stored(dir: &std::path::Path, queue: &str) -> String {
    names(dir, queue).iter().map(|name| fs::read_to_string(dir.join(queue).join(name)).unwrap()).collect()
}

/// The files of a queue that hold rows.
fn names(dir: &std::path::Path, queue: &str) -> Vec<String> {
    let files = fs::read_dir(dir.join(queue)).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

fn next_row(watcher: &mut Subscription) -> (Option<u64>, String) {
    match watcher.recv_timeout(SOON) {
        Event::Row(number, row) => (number, String::from_utf8(row.to_vec()).unwrap()),
        other => panic!("{other:?}"),
    }
}

fn soon(mut holds: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + SOON;
    while !holds() {
        assert!(std::time::Instant::now() < end, "it took too long");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn appended_rows_are_on_disk_and_handed_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut watcher = store.subscribe("Custom.Queue", &Position::Newest).unwrap();
    store.append("Custom.Queue", rows(&["{\"a\":1}", "{\"a\":2}"])).unwrap();
    assert_eq!(stored(dir.path(), "Custom.Queue"), "{\"a\":1}\n{\"a\":2}\n");
    assert_eq!(next_row(&mut watcher), (Some(1), "{\"a\":1}".to_owned()));
    assert_eq!(next_row(&mut watcher), (Some(2), "{\"a\":2}".to_owned()));
    assert_eq!(store.queues().unwrap(), ["Custom.Queue"]);
}

#[test]
fn published_rows_are_handed_on_only() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut watcher = store.subscribe("q", &Position::Newest).unwrap();
    store.publish("q", &rows(&["{}"])).unwrap();
    assert_eq!(next_row(&mut watcher), (None, "{}".to_owned()));
    assert!(store.queues().unwrap().is_empty() && watcher.cursor().is_none());
}

#[test]
fn many_callers_share_the_writer_and_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
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
    let store = open(dir.path());
    assert!(matches!(
        EventStore::open(dir.path().to_owned(), Retention::default()),
        Err(Error::InUse { .. })
    ));
    drop(store);
    assert!(EventStore::open(dir.path().to_owned(), Retention::default()).is_ok());
}

#[test]
fn appending_after_a_crash_starts_a_line_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.append("q", rows(&["{}"])).unwrap();
    drop(store);
    let file = dir.path().join("q").join(&names(dir.path(), "q")[0]);
    fs::write(&file, "{}\n{\"half").unwrap();
    let store = open(dir.path());
    store.append("q", rows(&["{\"b\":1}"])).unwrap();
    assert_eq!(stored(dir.path(), "q"), "{}\n{\"b\":1}\n");
}

#[test]
fn a_failed_write_is_reported_and_later_ones_go_through() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    fs::write(dir.path().join("q"), b"in the way").unwrap();
    assert!(matches!(store.append("q", rows(&["{}"])), Err(Error::Io { .. })));
    fs::remove_file(dir.path().join("q")).unwrap();
    store.append("q", rows(&["{}"])).unwrap();
}

#[test]
fn queue_names_stay_inside_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("events"));
    store.append("../up/Custom.A/Source", rows(&["{}"])).unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    assert_eq!(store.queues().unwrap(), ["../up/Custom.A/Source"]);
    for name in ["", " q", "a\nb", &"x".repeat(129)] {
        assert!(matches!(store.append(name, rows(&["{}"])), Err(Error::NameInvalid { .. })), "{name}");
    }
}

#[test]
fn a_row_that_would_be_two_lines_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let refused = open(dir.path()).append("q", rows(&["{}", "{\n}"]));
    assert!(matches!(refused, Err(Error::RowInvalid { line: 2, .. })));
}

#[test]
fn a_new_day_and_a_full_segment_begin_another() {
    static NOW: AtomicI64 = AtomicI64::new(1_790_000_000);
    let now = || Timestamp::from_second(NOW.load(Ordering::Relaxed)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { segment: 20, block: 100, now, ..Limits::default() };
    let store = EventStore::open_with(dir.path().to_owned(), Retention::default(), limits).unwrap();
    for text in ["{\"a\":1}", "{\"a\":2}", "{\"a\":3}", "{\"a\":4}"] {
        store.append("q", rows(&[text])).unwrap();
    }
    NOW.fetch_add(86_400, Ordering::Relaxed);
    store.append("q", rows(&["{\"a\":5}"])).unwrap();
    let wanted = [
        "0000000000000001_2026-09-21.jsonl.zst",
        "0000000000000004_2026-09-21.jsonl.zst",
        "0000000000000005_2026-09-22.jsonl",
    ];
    soon(|| names(dir.path(), "q") == wanted);
    let read = store.read("q", &Position::Oldest, Period::ALWAYS).unwrap();
    let read: Vec<u64> = read.map(|row| row.unwrap().0).collect();
    assert_eq!(read, [1, 2, 3, 4, 5]);
}

#[test]
fn cursors_of_other_queues_and_other_lives_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.append("a", rows(&["{}", "{}"])).unwrap();
    store.append("b", rows(&["{}"])).unwrap();
    let reader = store.read("a", &Position::Oldest, Period::ALWAYS).unwrap();
    let cursor = |number| Position::After(reader.cursor(number).unwrap());
    let from = |queue, cursor| store.read(queue, &cursor, Period::ALWAYS).map(|rows| rows.count());
    assert_eq!(from("a", cursor(0)).unwrap(), 2);
    assert_eq!(from("a", cursor(1)).unwrap(), 1);
    assert_eq!(from("a", cursor(2)).unwrap(), 0);
    let told = |queue, cursor| from(queue, cursor).unwrap_err().to_string();
    assert!(
        told("a", cursor(3))
            .ends_with("it is ahead of the queue, which may have been restored from a backup")
    );
    assert!(
        told("b", cursor(1)).ends_with("it came from another queue, or from one that was since made anew")
    );
    assert!(told("none", cursor(1)).ends_with("made anew"));
    assert!(told("a", Position::After("7".into())).ends_with("it is no cursor"));
    drop(store);
    // The same queue, made anew.
    fs::remove_dir_all(dir.path().join("a")).unwrap();
    let store = open(dir.path());
    store.append("a", rows(&["{}", "{}"])).unwrap();
    assert!(store.read("a", &cursor(1), Period::ALWAYS).is_err());
}

#[test]
fn what_is_too_old_or_too_much_is_removed_oldest_first() {
    static NOW: AtomicI64 = AtomicI64::new(1_790_000_000);
    let now = || Timestamp::from_second(NOW.load(Ordering::Relaxed)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let open = |retention| {
        EventStore::open_with(dir.path().to_owned(), retention, Limits { now, ..Limits::default() }).unwrap()
    };
    let store = open(Retention::default());
    for _ in 0..6 {
        store.append("q", rows(&["{}", "{}"])).unwrap();
        NOW.fetch_add(86_400, Ordering::Relaxed);
    }
    soon(|| names(dir.path(), "q").iter().filter(|name| name.ends_with(".zst")).count() == 5);
    drop(store);
    let sealed = fs::metadata(dir.path().join("q").join(&names(dir.path(), "q")[0])).unwrap().len();

    let week = Duration::from_secs(4 * 86_400);
    let store = open(Retention { max_age: Some(week), max_bytes: None });
    soon(|| names(dir.path(), "q").len() == 4);
    let first = |store: &EventStore| store.read("q", &Position::Oldest, Period::ALWAYS).unwrap().next();
    assert_eq!(first(&store).unwrap().unwrap().0, 5);
    drop(store);

    let store = open(Retention { max_age: None, max_bytes: Some(2 * sealed + 10) });
    soon(|| names(dir.path(), "q").len() == 3);
    assert_eq!(first(&store).unwrap().unwrap().0, 7);
    drop(store);

    // Everything may go but the count.
    let store = open(Retention { max_age: None, max_bytes: Some(0) });
    soon(|| names(dir.path(), "q").len() == 1);
    store.append("q", rows(&["{}"])).unwrap();
    let mut read = store.read("q", &Position::Row(12), Period::ALWAYS).unwrap();
    assert!(read.all(|row| row.is_err() || row.is_ok_and(|(number, _)| number == 12 || number == 13)));
}

#[test]
fn rows_of_a_period_are_deleted_and_the_others_keep_their_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits { block: 100, segment: 700, ..Limits::default() };
    let store = EventStore::open_with(dir.path().to_owned(), Retention::default(), limits).unwrap();
    for n in 1..=100 {
        store.append("q", rows(&[&format!("{{\"n\":{n},\"_ts\":{n}}}")])).unwrap();
    }
    let at = |second| Timestamp::from_second(second).ok();
    let period = Period { start: at(20), end: at(95) };
    let total = |removed: &[Removed]| removed.iter().map(|removed| removed.rows).sum::<u64>();
    let dry = store.delete("q", period, false).unwrap();
    assert_eq!(total(&dry), 75);
    assert_eq!(store.read("q", &Position::Oldest, Period::ALWAYS).unwrap().count(), 100);
    let done = store.delete("q", period, true).unwrap();
    assert_eq!(done, dry);
    assert_eq!((done[0].first, done[done.len() - 1].last), (20, 94));
    assert!(done.iter().any(|removed| removed.is_whole));
    store.append("q", rows(&["{\"n\":101}"])).unwrap();
    let left = |store: &EventStore| -> Vec<u64> {
        store.read("q", &Position::Oldest, Period::ALWAYS).unwrap().map(|row| row.unwrap().0).collect()
    };
    let wanted: Vec<u64> = (1..20).chain(95..102).collect();
    assert_eq!(left(&store), wanted);
    drop(store);
    let store = open(dir.path());
    assert_eq!(left(&store), wanted);
    assert_eq!(total(&store.delete("q", Period::ALWAYS, true).unwrap()), 26);
    assert_eq!(left(&store), Vec::<u64>::new());
    store.append("q", rows(&["{}"])).unwrap();
    assert_eq!(left(&store), [102]);
    assert!(store.delete("none", Period::ALWAYS, true).unwrap().is_empty());
}
