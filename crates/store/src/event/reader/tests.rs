//! Promises of reading back: by number, by time, in spite of damage.

use std::fs;
use std::path::PathBuf;

use jiff::Timestamp;

use super::*;
use crate::event::keeper;
use crate::event::segment::{plain_name, sealed_name};
use crate::event::shared::{Limits, Retention, Shared};

/// Rows 1 to 300 in three segments, the first two sealed in small blocks. Row n has the time 1000 + n.
struct Stored {
    dir: tempfile::TempDir,
    queue: Arc<Queue>,
}

fn stored() -> Stored {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("q");
    fs::create_dir(&path).unwrap();
    let day = "2026-10-01".parse().unwrap();
    for first in [1, 101, 201] {
        let text: String =
            (first..first + 100).map(|n| format!("{{\"n\":{n},\"_ts\":{}}}\n", 1000 + n)).collect();
        fs::write(path.join(plain_name(first, day)), text).unwrap();
    }
    let limits = Limits { block: 300, ..Limits::default() };
    let shared = Shared::open(dir.path().to_owned(), Retention::default(), limits).unwrap();
    let queue = shared.queue("q").unwrap();
    for first in [1, 101] {
        keeper::seal_if_finished(&shared, &queue, first).unwrap();
    }
    Stored { dir, queue }
}

impl Stored {
    fn file(&self, first: u64) -> PathBuf {
        self.dir.path().join("q").join(sealed_name(first, "2026-10-01".parse().unwrap()))
    }

    fn read(&self, next: u64, end: u64, period: Period) -> Reader {
        Reader::new(self.queue.clone(), next, end, period)
    }
}

/// The numbers read, checked against what the rows say, and the errors between them.
fn numbers(reader: Reader) -> (Vec<u64>, Vec<String>) {
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    for item in reader {
        match item {
            Ok((number, row)) => {
                let start = format!("{{\"n\":{number},");
                assert!(row.starts_with(start.as_bytes()), "{number}");
                found.push(number);
            }
            Err(error) => errors.push(error.to_string()),
        }
    }
    (found, errors)
}

fn range(numbers: std::ops::Range<u64>) -> (Vec<u64>, Vec<String>) {
    (numbers.collect(), Vec::new())
}

#[test]
fn any_two_numbers_bound_what_is_read() {
    let stored = stored();
    for (next, end) in [(1, 301), (1, 1), (50, 51), (99, 103), (100, 202), (101, 201), (250, 301), (300, 301)]
    {
        assert_eq!(numbers(stored.read(next, end, Period::ALWAYS)), range(next..end), "{next} {end}");
    }
}

#[test]
fn times_bound_what_is_read() {
    let stored = stored();
    let at = |n: i64| Some(Timestamp::from_second(1000 + n).unwrap());
    for (start, end) in [(1, 301), (50, 51), (99, 103), (150, 250), (290, 400), (-10, 5), (400, 500)] {
        let period = Period { start: at(start), end: at(end) };
        let wanted = start.clamp(1, 301) as u64..end.clamp(1, 301) as u64;
        assert_eq!(numbers(stored.read(1, 301, period)), range(wanted), "{start} {end}");
    }
    let open = Period { start: at(250), end: None };
    assert_eq!(numbers(stored.read(1, 301, open)), range(250..301));
}

#[test]
fn rows_are_left_out_at_the_start_when_asked_for() {
    let stored = stored();
    for skip in [0, 1, 9, 10, 11, 99, 100, 101, 250, 300, 1000] {
        let wanted = (1 + skip).min(301)..301;
        assert_eq!(numbers(stored.read(1, 301, Period::ALWAYS).skipping(skip)), range(wanted), "{skip}");
    }
    let late = Period { start: Timestamp::from_second(1000 + 50).ok(), end: None };
    assert_eq!(numbers(stored.read(1, 301, late).skipping(60)), range(110..301));
}

#[test]
fn a_damaged_block_is_told_about_and_the_others_are_read() {
    let stored = stored();
    let mut bytes = fs::read(stored.file(101)).unwrap();
    let block = Sealed::open(&bytes[..]).unwrap().blocks()[2];
    bytes[block.offset as usize + 5] ^= 1;
    fs::write(stored.file(101), &bytes).unwrap();
    let (found, errors) = numbers(stored.read(1, 301, Period::ALWAYS));
    let wanted: Vec<u64> = (1..block.first).chain(block.end()..301).collect();
    assert_eq!(found, wanted);
    let told = format!("rows {} to {} are left out, ", block.first, block.end() - 1);
    assert!(errors.len() == 1 && errors[0].starts_with(&told), "{errors:?}");
}

#[test]
fn without_its_index_a_segment_is_read_all_the_same() {
    let stored = stored();
    let bytes = fs::read(stored.file(1)).unwrap();
    fs::write(stored.file(1), &bytes[..bytes.len() - 30]).unwrap();
    assert_eq!(numbers(stored.read(1, 301, Period::ALWAYS)), range(1..301));
}

#[test]
fn a_segment_that_vanished_is_told_about() {
    let stored = stored();
    fs::remove_file(stored.file(101)).unwrap();
    let (found, errors) = numbers(stored.read(1, 301, Period::ALWAYS));
    assert_eq!(found, (1..101).chain(201..301).collect::<Vec<_>>());
    assert!(errors.len() == 1 && errors[0].starts_with("rows 101 to 200 are left out"), "{errors:?}");
}

#[test]
fn rows_pruned_before_or_while_they_are_read_are_told_about() {
    let stored = stored();
    let mut reader = stored.read(50, 301, Period::ALWAYS);
    assert_eq!(reader.next().unwrap().unwrap().0, 50);
    keeper::remove(&stored.queue, 1).unwrap();
    keeper::remove(&stored.queue, 101).unwrap();
    // What is open is read to its end.
    let (found, errors) = numbers(reader);
    assert_eq!(found, (51..101).chain(201..301).collect::<Vec<_>>());
    assert_eq!(errors, ["100 rows of q are no longer stored, going on with row 201"]);
    let (found, errors) = numbers(stored.read(1, 100, Period::ALWAYS));
    assert_eq!((found.len(), errors.len()), (0, 1));
}

#[test]
fn a_file_that_is_sealed_while_it_is_read_is_read_to_its_end() {
    let stored = stored();
    let mut reader = stored.read(195, 301, Period::ALWAYS);
    assert_eq!(reader.next().unwrap().unwrap().0, 195);
    fs::remove_file(stored.file(101)).unwrap();
    assert_eq!(numbers(reader), range(196..301));
}
