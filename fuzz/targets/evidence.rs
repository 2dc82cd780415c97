//! Any bytes are parsed or refused by every parser of evidence; the first byte chooses which.
#![no_main]

use std::io::Cursor;

use forensics::hash::ssdeep;
use forensics::ole::{Ole, macros};
use forensics::pe::Pe;
use forensics::regf::{Hive, Key};
use forensics::{evtx, filetype, mft, prefetch, recyclebin, usn};
use libfuzzer_sys::fuzz_target;

/// Records looked at of one input.
const MOST: usize = 1000;

fuzz_target!(|input: &[u8]| {
    let Some((choice, bytes)) = input.split_first() else { return };
    let mut count = 0;
    let mut more = || {
        count += 1;
        count < MOST
    };
    match choice % 9 {
        0 => drop(evtx::records(Cursor::new(bytes), &mut Parts, |_| more())),
        1 => drop(mft::files(Cursor::new(bytes), 0, |_| more())),
        2 => drop(usn::changes(&mut Cursor::new(bytes), 0, |_| more())),
        3 => drop(prefetch::parse(&mut Cursor::new(bytes))),
        4 => drop(recyclebin::parse(&mut Cursor::new(bytes))),
        5 => {
            if let Ok(pe) = Pe::parse(bytes.to_vec()) {
                let _ = (pe.imphash(), pe.exports(), pe.resources(), pe.version_info(), pe.debug());
                let _ = pe.signed_parts();
            }
        }
        6 => {
            if let Ok(hive) = Hive::read(&mut Cursor::new(bytes)) {
                let mut left = MOST;
                hive.root().map(|root| walk(root, 0, &mut left));
            }
        }
        7 => drop(Ole::parse(bytes.to_vec()).map(|mut ole| (ole.entries(), macros(&mut ole)))),
        _ => {
            let _ = filetype::of(bytes);
            let mut hash = ssdeep::Ssdeep::default();
            hash.update(bytes);
            let hash = hash.finish();
            assert!(ssdeep::compare(&hash, &hash).is_some(), "{hash} is a hash");
        }
    }
});

/// Events of which nothing is kept but that keys and values are as many.
struct Parts;

impl evtx::Build for Parts {
    type Value = ();

    fn null(&mut self) {}
    fn bool(&mut self, _value: bool) {}
    fn int(&mut self, _value: i64) {}
    fn uint(&mut self, _value: u64) {}
    fn float(&mut self, _value: f64) {}
    fn text(&mut self, _value: &str) {}
    fn list(&mut self, _items: Vec<()>) {}
    fn map(&mut self, keys: evtx::Keys<'_>, values: Vec<()>) {
        assert_eq!(keys.count(), values.len());
    }
}

fn walk(key: Key<'_>, depth: usize, left: &mut usize) {
    for value in key.values() {
        let _ = (value.name(), value.data());
    }
    for child in key.children() {
        if depth > 30 || *left == 0 {
            return;
        }
        *left -= 1;
        walk(child, depth + 1, left);
    }
}
