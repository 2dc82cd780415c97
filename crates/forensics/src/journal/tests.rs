//! Files that systemd wrote, against what its own reader says of them; and broken ones.

use std::collections::BTreeMap;
use std::io::Cursor;

use serde_json::Value;

use super::*;

const FILES: &[(&str, &[u8])] = &[
    ("old", include_bytes!("testdata/old.journal.zst")),
    ("xz", include_bytes!("testdata/xz.journal.zst")),
    ("lz4", include_bytes!("testdata/lz4.journal.zst")),
    ("zstd", include_bytes!("testdata/zstd.journal.zst")),
];

fn file(packed: &[u8]) -> Vec<u8> {
    zstd::decode_all(packed).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// An entry as `journalctl -o json` writes it: repeated names are lists, and so is what is not text.
fn as_json(entry: &Entry) -> Value {
    let mut fields: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (name, value) in &entry.fields {
        let is_text = value.iter().all(|b| *b >= b' ' || *b == b'\n' || *b == b'\t');
        let value = match str::from_utf8(value) {
            Ok(text) if is_text => Value::from(text),
            _ => Value::from(value.clone()),
        };
        fields.entry(name).or_default().push(value);
    }
    let mut object: serde_json::Map<String, Value> = fields
        .into_iter()
        .map(|(name, mut values)| {
            (name.to_owned(), if values.len() == 1 { values.remove(0) } else { Value::from(values) })
        })
        .collect();
    let head = entry.head;
    object.insert("__REALTIME_TIMESTAMP".into(), head.realtime.to_string().into());
    object.insert("__MONOTONIC_TIMESTAMP".into(), head.monotonic.to_string().into());
    object.insert("_BOOT_ID".into(), hex(&head.boot).into());
    object.into()
}

#[test]
fn entries_are_those_that_journalctl_shows() {
    let wanted: Vec<Value> = include_str!("testdata/entries.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for (name, packed) in FILES {
        let mut journal = Journal::open(Cursor::new(file(packed))).unwrap();
        assert_eq!(journal.len(), 40, "{name}");
        for (number, wanted) in (0..).zip(&wanted) {
            let entry = journal.entry(number).unwrap();
            assert!(entry.broken.is_none(), "{name} {number}: {:?}", entry.broken);
            assert_eq!(entry.head.sequence, number + 1);
            assert_eq!(as_json(&entry), *wanted, "{name} {number}");
        }
        assert!(journal.entry(40).is_err());
    }
}

#[test]
fn the_parts_of_a_cursor_are_right() {
    // What journalctl shows for the last entry of one of the files.
    let mut journal = Journal::open(Cursor::new(file(FILES[3].1))).unwrap();
    assert_eq!(hex(&journal.sequence_id()), "a3d2e857eaf2489b8823fe3243600334");
    let head = journal.head(39).unwrap();
    assert_eq!(
        (head.sequence, head.monotonic, head.realtime, head.hash),
        (0x28, 0x029f_6300, 0x0006_1761_8f04_ffc0, 0x894b_6f47_3223_369a)
    );
}

#[test]
fn a_time_is_found() {
    const FIRST: u64 = 1_714_557_600_000_000;
    for (_, packed) in FILES {
        let mut journal = Journal::open(Cursor::new(file(packed))).unwrap();
        for (time, wanted) in [
            (0, 0),
            (FIRST, 0),
            (FIRST + 1, 1),
            (FIRST + 20_000_000, 20),
            (FIRST + 39_000_000, 39),
            (FIRST + 39_000_001, 40),
            (u64::MAX, 40),
        ] {
            assert_eq!(journal.first_since(time), wanted, "{time}");
        }
    }
}

#[test]
fn what_is_no_journal_is_told() {
    for bytes in [&b""[..], b"LPKSHHRH", &[0; 500]] {
        let error = Journal::open(Cursor::new(bytes)).err().unwrap();
        assert_eq!(error.to_string(), "not journal");
    }
    let mut bytes = file(FILES[0].1);
    bytes[12] |= 0x40;
    assert_eq!(
        Journal::open(Cursor::new(bytes)).err().unwrap().to_string(),
        "unsupported journal: feature 0x40"
    );
}

/// Reads everything; how many fields there were.
fn exhaust(bytes: Vec<u8>) -> usize {
    let Ok(mut journal) = Journal::open(Cursor::new(bytes)) else { return 0 };
    (0..journal.len().min(1000)).filter_map(|n| journal.entry(n).ok()).map(|e| e.fields.len()).sum()
}

#[test]
fn cut_and_damaged_files_give_what_is_left() {
    for (name, packed) in FILES {
        let whole = file(packed);
        let used = whole.iter().rposition(|b| *b != 0).unwrap() + 1;
        let all = exhaust(whole[..used].to_vec());
        for length in (0..used).step_by(used / 50) {
            assert!(exhaust(whole[..length].to_vec()) <= all);
        }
        for at in (0..used).step_by(used / 200) {
            let mut bytes = whole[..used].to_vec();
            bytes[at] ^= 0x55;
            exhaust(bytes);
        }
        // The tables of hashes stand before the first entry; without their content entries are the same.
        assert!(all > 300, "{name} {all}");
    }
}

#[test]
fn arrays_that_lead_back_are_refused() {
    let mut bytes = file(FILES[0].1);
    let first = u64::from_le_bytes(bytes[176..184].try_into().unwrap()) as usize;
    bytes[first + 16..first + 24].copy_from_slice(&(first as u64).to_le_bytes());
    let error = Journal::open(Cursor::new(bytes)).err().unwrap();
    assert_eq!(error.to_string(), "broken journal: entry arrays lead back");
}

#[test]
fn fields_unpack_to_no_more_than_the_limit() {
    let long = vec![b'a'; 5000];
    let mut packed = Vec::new();
    std::io::Read::read_to_end(&mut liblzma::read::XzEncoder::new(&*long, 6), &mut packed).unwrap();
    for (flag, packed) in [(4, zstd::encode_all(&*long, 3).unwrap()), (1, packed)] {
        assert_eq!(compression::unpack(flag, packed.clone(), 5000).unwrap(), long);
        let error = compression::unpack(flag, packed.clone(), 4999).unwrap_err();
        assert_eq!(error.to_string(), "field beyond the limit of 4999");
        assert!(compression::unpack(flag, packed[..packed.len() / 2].to_vec(), 5000).is_err());
    }
    // A block that claims to be long, and one that is: four bytes, repeated.
    let claim = [&(1_u64 << 40).to_le_bytes()[..], &[0x10, b'a']].concat();
    assert!(compression::unpack(2, claim, u64::MAX).unwrap_err().to_string().contains("cannot be as long"));
    let block = [
        &20_u64.to_le_bytes()[..],
        &[0x47, b'a', b'b', b'c', b'd', 4, 0, 0x50, b'a', b'b', b'c', b'd', b'!'],
    ];
    assert_eq!(compression::unpack(2, block.concat(), 20).unwrap(), b"abcdabcdabcdabcabcd!");
    assert!(compression::unpack(2, block.concat(), 19).is_err());
}
