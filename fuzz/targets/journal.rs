//! Any bytes are read or refused as a journal of systemd, and what is found stays within its limits.
#![no_main]

use std::io::Cursor;

use forensics::journal::Journal;
use libfuzzer_sys::fuzz_target;

/// Entries looked at of one input.
const MOST: u64 = 1000;

fuzz_target!(|input: &[u8]| {
    let Ok(mut journal) = Journal::open(Cursor::new(input)) else { return };
    for number in 0..journal.len().min(MOST) {
        if let (Ok(head), Ok(entry)) = (journal.head(number), journal.entry(number)) {
            assert_eq!(head, entry.head, "an entry has one head");
        }
    }
    for time in [0, 1_714_557_600_000_000, u64::MAX] {
        assert!(journal.first_since(time) <= journal.len(), "a place is in the file or at its end");
    }
    let before = journal.len();
    let _ = journal.refresh();
    assert_eq!(before, journal.len(), "a file that did not change has as many entries");
});
