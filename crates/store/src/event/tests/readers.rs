//! Many readers and watchers beside the writer, the keeper and whoever removes rows.

use std::sync::atomic::AtomicBool;
use std::thread;

use super::*;

const ROWS: u64 = 3000;

fn numbered(number: u64) -> Row {
    format!("{{\"n\":{number}}}").into_bytes().into()
}

fn opened(dir: &std::path::Path) -> EventStore {
    let limits = Limits { segment: 4000, block: 500, ..Limits::default() };
    EventStore::open_with(dir.to_owned(), Retention::default(), limits).unwrap()
}

/// Reads everything again and again: the rows there are, in order, none missing.
fn keep_reading(store: &EventStore, is_done: &AtomicBool) {
    loop {
        let last_time = is_done.load(Ordering::Relaxed);
        let mut next = 1;
        for row in store.read("q", &Position::Oldest, Period::ALWAYS).unwrap() {
            let (number, row) = row.unwrap();
            assert_eq!((number, &*row), (next, &*numbered(next)));
            next += 1;
        }
        if last_time {
            return assert_eq!(next, ROWS + 1);
        }
    }
}

/// Sees each row once, in order, however slow; `from` is the first.
fn keep_watching(store: &EventStore, mut watcher: Subscription, from: u64, pause: Duration) {
    for number in from..=ROWS {
        let (found, row) = next_row(&mut watcher);
        assert_eq!((found, row.as_bytes()), (Some(number), &*numbered(number)));
        if number % 100 == 0 {
            thread::sleep(pause);
        }
        if number % 700 == 0 {
            // Comes back on another connection.
            let cursor = Position::After(watcher.cursor().unwrap());
            watcher = store.subscribe("q", &cursor).unwrap();
        }
    }
    assert!(matches!(watcher.recv_timeout(Duration::ZERO), Event::TimedOut));
}

#[test]
fn readers_and_watchers_see_every_row_while_rows_are_written_and_sealed() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(dir.path());
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| keep_reading(&store, &is_done));
        }
        for rows in [1, 7, 50, 100_000] {
            let limits = hub::Limits { rows, bytes: 1 << 20 };
            let watcher =
                Subscription::new(store.shared.queue("q").unwrap(), &Position::Newest, limits).unwrap();
            scope.spawn(|| keep_watching(&store, watcher, 1, Duration::from_millis(3)));
        }
        let mut number = 1;
        while number <= ROWS {
            let batch: Vec<Row> = (number..=ROWS).take(1 + (number % 40) as usize).map(numbered).collect();
            number += batch.len() as u64;
            store.append("q", batch).unwrap();
        }
        is_done.store(true, Ordering::Relaxed);
    });
    soon(|| names(dir.path(), "q").iter().filter(|name| !name.ends_with(".zst")).count() == 1);
}

#[test]
fn rows_that_are_not_stored_come_between_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(dir.path());
    store.append("q", vec![numbered(1)]).unwrap();
    let mut watcher = store.subscribe("q", &Position::Oldest).unwrap();
    store.publish("q", &rows(&["{\"live\":true}"])).unwrap();
    store.append("q", vec![numbered(2)]).unwrap();
    assert_eq!(next_row(&mut watcher).0, Some(1));
    assert_eq!(next_row(&mut watcher), (None, "{\"live\":true}".to_owned()));
    // It has no place of its own: a cursor is that of the stored row before.
    let cursor = watcher.cursor().unwrap();
    assert_eq!(next_row(&mut watcher).0, Some(2));
    let mut again = store.subscribe("q", &Position::After(cursor)).unwrap();
    assert_eq!(next_row(&mut again).0, Some(2));
    drop(store);
    assert!(matches!(again.recv_timeout(SOON), Event::Closed));
}

#[test]
fn names_that_were_only_listened_to_are_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let store = opened(dir.path());
    for n in 0..100 {
        drop(store.subscribe(&format!("q{n}"), &Position::Newest).unwrap());
        assert!(store.read(&format!("r{n}"), &Position::Oldest, Period::ALWAYS).unwrap().next().is_none());
    }
    assert!(store.shared.queues().len() <= 2);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}
