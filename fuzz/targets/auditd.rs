//! Any lines are read or passed over as records of the audit daemon; no record is lost or counted twice.
#![no_main]

use forensics::auditd::{Events, Record};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut events = Events::default();
    let (mut given, mut found) = (0, 0);
    for line in input.split(|b| *b == b'\n') {
        let _ = Record::from_netlink(line);
        let Some(record) = Record::parse(line) else { continue };
        given += usize::from(record.kind != "EOE");
        found += events.push(record).map_or(0, |event| event.records.len());
    }
    found += events.finish().map(|event| event.records.len()).sum::<usize>();
    // An event holds a thousand records at most.
    assert!(found == given || given > 1000 && found < given, "{found} of {given} records");
});
