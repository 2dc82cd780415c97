//! Every moment at which a process can be killed, made by hand, and what is read after the next start.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::event::cursor::Period;
use crate::event::keeper;
use crate::event::queue::Queue;
use crate::event::reader::Reader;
use crate::event::shared::{Limits, Retention, Shared};

const DAYS: [&str; 3] = ["2026-09-29", "2026-09-30", "2026-10-01"];

fn day(n: usize) -> Date {
    DAYS[n].parse().unwrap()
}

fn row(number: u64) -> String {
    format!("{{\"n\":{number}}}")
}

fn lines(numbers: std::ops::Range<u64>) -> String {
    numbers.map(|number| row(number) + "\n").collect()
}

/// Opens the queue and gives all rows; they must be the right ones, numbered without gaps from 1.
fn rows_of(dir: &Path) -> u64 {
    let queue = Arc::new(Queue::open("q", dir.to_owned(), false).unwrap());
    let end = queue.next();
    let mut count = 0;
    for (found, number) in Reader::new(queue, 1, end, Period::ALWAYS).zip(1..) {
        let (found, text) = found.unwrap();
        assert_eq!((found, &*text), (number, row(number).as_bytes()));
        count += 1;
    }
    assert_eq!(count, end - 1);
    count
}

fn names(dir: &Path) -> BTreeSet<String> {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.starts_with('.')).collect()
}

/// A directory with a finished segment, rows 1 to 100, and one that is appended to, rows 101 to 120.
struct Crash {
    dir: tempfile::TempDir,
    queue: PathBuf,
    plain: PathBuf,
    active: PathBuf,
    sealed: Vec<u8>,
}

fn crash() -> Crash {
    let dir = tempfile::tempdir().unwrap();
    let queue = dir.path().join("q");
    fs::create_dir(&queue).unwrap();
    let (plain, active) = (queue.join(plain_name(1, day(0))), queue.join(plain_name(101, day(1))));
    fs::write(&plain, lines(1..101)).unwrap();
    fs::write(&active, lines(101..121)).unwrap();
    let limits = Limits { block: 200, ..Limits::default() };
    let shared = Shared::open(dir.path().to_owned(), Retention::default(), limits).unwrap();
    keeper::seal_if_finished(&shared, &shared.queue("q").unwrap(), 1).unwrap();
    let sealed = fs::read(queue.join(sealed_name(1, day(0)))).unwrap();
    fs::remove_file(queue.join(sealed_name(1, day(0)))).unwrap();
    fs::write(&plain, lines(1..101)).unwrap();
    Crash { dir, queue, plain, active, sealed }
}

#[test]
fn killed_while_appending() {
    let crash = crash();
    let text = lines(101..121);
    for len in 0..=text.len() {
        fs::write(&crash.active, &text[..len]).unwrap();
        let whole = text[..len].bytes().filter(|byte| *byte == b'\n').count() as u64;
        assert_eq!(rows_of(&crash.queue), 100 + whole, "{len}");
        let kept = fs::read_to_string(&crash.active).unwrap();
        assert!(kept.is_empty() || kept.ends_with('\n'), "{len}");
    }
}

#[test]
fn killed_while_sealing() {
    let crash = crash();
    let sealed = crash.queue.join(sealed_name(1, day(0)));
    let temporary = PathBuf::from(format!("{}.tmp", sealed.display()));
    let step = crash.sealed.len() / 50 + 1;
    for len in (0..=crash.sealed.len()).step_by(step).chain([crash.sealed.len()]) {
        // Written in part, or as a whole and not yet renamed.
        fs::write(&temporary, &crash.sealed[..len]).unwrap();
        assert_eq!(rows_of(&crash.queue), 120);
        assert!(!temporary.exists());
        // A file system that lost a part of what it was told to sync.
        fs::write(&sealed, &crash.sealed[..len]).unwrap();
        assert_eq!(rows_of(&crash.queue), 120);
        // Renamed, and the plain one is still there: it goes if the sealed one is whole.
        assert_eq!(crash.plain.exists(), len < crash.sealed.len());
        assert_ne!(crash.plain.exists(), sealed.exists());
    }
    // Both steps done.
    assert_eq!(rows_of(&crash.queue), 120);
    assert_eq!(names(&crash.queue).len(), 2);
    drop(crash.dir);
}

#[test]
fn what_was_not_sealed_is_sealed_after_the_next_start() {
    let crash = crash();
    let store = crate::event::EventStore::open(crash.dir.path().to_owned(), Retention::default()).unwrap();
    for _ in 0..500 {
        if !crash.plain.exists() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(crash.queue.join(sealed_name(1, day(0))).exists() && !crash.plain.exists());
    drop(store);
    assert_eq!(rows_of(&crash.queue), 120);
}

#[test]
fn killed_between_two_segments() {
    let crash = crash();
    fs::remove_file(&crash.active).unwrap();
    // The new file was not made yet: the finished one is appended to again.
    assert_eq!(rows_of(&crash.queue), 100);
    // It was made and is empty.
    fs::write(&crash.active, "").unwrap();
    assert_eq!(rows_of(&crash.queue), 100);
}

#[test]
fn killed_while_files_of_days_are_taken_over() {
    let files = [(day(0), lines(1..11)), (day(1), lines(11..11)), (day(2), lines(11..31))];
    // So many files were already renamed.
    for done in 0..=3 {
        let dir = tempfile::tempdir().unwrap();
        let mut first = 1;
        for (i, (day, text)) in files.iter().enumerate() {
            let name = if i < done { plain_name(first, *day) } else { format!("{day}.jsonl") };
            first += text.lines().count() as u64;
            // An empty file before one with rows gave its number up.
            if i < done && text.is_empty() && done > i + 1 {
                continue;
            }
            fs::write(dir.path().join(name), text).unwrap();
        }
        assert_eq!(rows_of(dir.path()), 30, "{done}");
        assert_eq!(rows_of(dir.path()), 30, "{done} again");
    }
}

#[test]
fn an_old_store_with_a_torn_line_is_taken_over() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("2026-09-29.jsonl"), lines(1..11) + "{\"n\":1").unwrap();
    fs::write(dir.path().join("2026-09-30.jsonl"), lines(11..21) + "{\"n\"").unwrap();
    assert_eq!(rows_of(dir.path()), 20);
    let wanted = [plain_name(1, day(0)), plain_name(11, day(1))];
    assert_eq!(names(dir.path()), BTreeSet::from(wanted));
}

#[test]
fn rows_behind_the_next_segments_first_do_not_count() {
    // Appending failed, could not be taken back, and went on in another file.
    let crash = crash();
    fs::write(&crash.plain, lines(1..101) + &lines(1..5)).unwrap();
    assert_eq!(rows_of(&crash.queue), 120);
}

#[test]
fn a_queue_keeps_count_when_its_last_file_is_gone() {
    let crash = crash();
    fs::remove_file(&crash.plain).unwrap();
    fs::remove_file(&crash.active).unwrap();
    fs::write(crash.queue.join(sealed_name(1, day(0))), &crash.sealed).unwrap();
    assert_eq!(rows_of(&crash.queue), 100);
    assert!(names(&crash.queue).contains(&plain_name(101, day(0))));
    // Nobody can tell how many there were: no number is given twice.
    fs::remove_file(crash.queue.join(plain_name(101, day(0)))).unwrap();
    fs::write(crash.queue.join(sealed_name(1, day(0))), "nonsense").unwrap();
    assert_eq!(open(&crash.queue).unwrap().next, 1 + UNKNOWN_ROWS);
}

#[test]
fn a_copied_segment_is_not_read_twice() {
    let crash = crash();
    fs::copy(&crash.plain, crash.queue.join(plain_name(1, day(2)))).unwrap();
    assert!(matches!(open(&crash.queue), Err(Error::SegmentTwice { .. })));
}

#[test]
fn strangers_among_the_files_stay() {
    let crash = crash();
    for name in ["notes.txt", "old.jsonl", "1_2.jsonl.zst"] {
        fs::write(crash.queue.join(name), "mine").unwrap();
    }
    assert_eq!(rows_of(&crash.queue), 120);
    assert_eq!(fs::read_to_string(crash.queue.join("old.jsonl")).unwrap(), "mine");
}
