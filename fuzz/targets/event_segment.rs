//! Any bytes are read as a sealed segment or refused, within limits; any rows survive being sealed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use store::event::keys::hash;
use store::event::sealed::{MAX_BLOCK, Sealed, Writer};

fuzz_target!(|bytes: &[u8]| {
    let found = read(bytes);
    assert!(found.windows(2).all(|pair| pair[0].0 < pair[1].0), "blocks are in order");

    // The same bytes as rows: whole lines come back, also when a byte of the file is changed.
    let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else { return };
    let lines = &bytes[..=end];
    let mut writer = Writer::with_keys(Vec::new(), Some(words)).expect("a writer is made");
    writer.add(7, lines).expect("memory takes all");
    let mut sealed = writer.finish().expect("memory takes all").0;
    assert_eq!(read(&sealed), [(7, lines.to_vec())]);
    let index = Sealed::open(&sealed[..]).expect("it is whole");
    words(lines, &mut |word| {
        assert_eq!(index.blocks_with(&[hash(word)]).expect("the index is whole"), Some(vec![0]));
    });
    drop(index);
    let at = bytes.len() * 31 % sealed.len();
    sealed[at] ^= bytes[0] | 1;
    assert!(read(&sealed).iter().all(|block| *block == (7, lines.to_vec())));
});

/// The keys of a row: its words.
fn words(row: &[u8], add: &mut dyn FnMut(&[u8])) {
    row.split(|byte| b" \n".contains(byte)).filter(|word| !word.is_empty()).for_each(add);
}

/// The blocks that can be read: number of the first row, and lines.
fn read(bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let mut sealed = match Sealed::open(bytes) {
        Ok(sealed) => sealed,
        Err(_) => return Vec::new(),
    };
    // Whatever an index of keys says, it is within limits.
    if let Ok(Some(blocks)) = sealed.blocks_with(&[hash(bytes), 0, u32::MAX]) {
        assert!(blocks.iter().all(|at| *at < sealed.blocks().len()));
    }
    let (mut found, mut lines) = (Vec::new(), Vec::new());
    for block in sealed.blocks().to_vec() {
        if sealed.read(&block, &mut lines).is_ok() {
            assert!(lines.len() <= MAX_BLOCK);
            assert_eq!(lines.iter().filter(|byte| **byte == b'\n').count() as u64, block.end() - block.first);
            found.push((block.first, lines.clone()));
        }
    }
    found
}
