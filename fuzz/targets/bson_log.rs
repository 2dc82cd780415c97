//! Any bytes are taken for logs of guests: of Cuckoo's monitor, and of SystemTap. Reading ends, and tells what can be written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sandbox::processing::behavior::{Event, monitor, stap};

fuzz_target!(|bytes: &[u8]| {
    let mut events = 0;
    let mut tell = |event: Event| {
        events += 1;
        let line = serde_json::to_string(&event).expect("events can be written");
        serde_json::from_str::<Event>(&line).expect("and read again");
    };
    monitor::read(7, bytes, &mut tell).expect("bytes in memory can be read");
    stap::read(bytes, &mut tell).expect("bytes in memory can be read");
    // A document has five bytes at least, and a line at most three events.
    assert!(events <= bytes.len() / 5 + 1 + 3 * (bytes.iter().filter(|byte| **byte == b'\n').count() + 1));
});
