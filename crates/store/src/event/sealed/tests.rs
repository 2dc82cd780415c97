//! Promises of the format of sealed segments.

use super::*;

fn row(number: u64) -> String {
    format!("{{\"n\":{number},\"text\":\"{}\",\"_ts\":{number}}}\n", "x".repeat((number % 50) as usize))
}

fn rows(numbers: std::ops::Range<u64>) -> String {
    numbers.map(row).collect()
}

/// Three blocks: rows 5 to 24, 25 to 44, and 50 to 59.
fn three_blocks() -> Vec<u8> {
    let mut writer = Writer::new(Vec::new()).unwrap();
    for numbers in [5..25, 25..45, 50..60] {
        writer.add(numbers.start, rows(numbers).as_bytes()).unwrap();
    }
    let (bytes, size) = writer.finish().unwrap();
    assert_eq!(bytes.len() as u64, size);
    bytes
}

/// Every block that can be read, and how many cannot.
fn read_all(bytes: &[u8]) -> (Vec<(u64, String)>, usize) {
    let (mut found, mut failed, mut lines) = (Vec::new(), 0, Vec::new());
    let Ok(mut sealed) = Sealed::open(bytes) else { return (found, 1) };
    for block in sealed.blocks().to_vec() {
        match sealed.read(&block, &mut lines) {
            Ok(()) => found.push((block.first, String::from_utf8(lines.clone()).unwrap())),
            Err(_) => failed += 1,
        }
    }
    (found, failed)
}

fn whole() -> Vec<(u64, String)> {
    vec![(5, rows(5..25)), (25, rows(25..45)), (50, rows(50..60))]
}

#[test]
fn blocks_come_back_with_their_numbers_and_times() {
    let bytes = three_blocks();
    let sealed = Sealed::open(&bytes[..]).unwrap();
    assert!(sealed.is_whole());
    let times: Vec<_> = sealed.blocks().iter().map(|b| (b.first, b.end(), b.earliest, b.latest)).collect();
    assert_eq!(
        times,
        [(5, 25, 5_000_000, 24_000_000), (25, 45, 25_000_000, 44_000_000), (50, 60, 50_000_000, 59_000_000)]
    );
    assert_eq!(read_all(&bytes), (whole(), 0));
}

#[test]
fn any_zstd_reads_the_lines() {
    let text = zstd::stream::decode_all(&three_blocks()[..]).unwrap();
    assert_eq!(String::from_utf8(text).unwrap(), rows(5..45) + &rows(50..60));
}

#[test]
fn wherever_the_file_ends_the_blocks_before_are_read() {
    let bytes = three_blocks();
    let ends: Vec<u64> =
        Sealed::open(&bytes[..]).unwrap().blocks().iter().map(|b| b.offset + u64::from(b.length)).collect();
    for len in 0..bytes.len() {
        let readable = ends.iter().filter(|end| **end <= len as u64).count();
        let (found, _) = read_all(&bytes[..len]);
        assert_eq!(found, whole()[..readable], "{len}");
        assert!(!Sealed::open(&bytes[..len]).is_ok_and(|sealed| sealed.is_whole()), "{len}");
    }
}

#[test]
fn a_changed_byte_costs_one_block_at_most_and_is_noticed() {
    let bytes = three_blocks();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x41;
        let (found, _) = read_all(&changed);
        assert!(found.len() >= 2, "{at}");
        assert!(found.iter().all(|block| whole().contains(block)), "{at}");
    }
}

#[test]
fn an_index_that_promises_too_much_is_refused() {
    let mut writer = Writer::new(Vec::new()).unwrap();
    writer.add(1, b"{}\n").unwrap();
    let block = writer.blocks[0];
    for wrong in [
        Block { raw: u32::MAX, ..block },
        Block { length: u32::MAX, ..block },
        Block { offset: u64::MAX, ..block },
        Block { rows: 0, ..block },
        Block { first: 0, ..block },
    ] {
        let mut writer = Writer::new(Vec::new()).unwrap();
        writer.blocks.push(wrong);
        let bytes = writer.finish().unwrap().0;
        assert!(!Sealed::open(&bytes[..]).unwrap().is_whole());
    }
    // A frame that would unpack to more than the index says.
    let mut writer = Writer::new(Vec::new()).unwrap();
    let bomb = zstd::bulk::compress(&vec![b'\n'; MAX_BLOCK * 2], 3).unwrap();
    let (length, checksum) = (bomb.len() as u32, crc32fast::hash(&bomb));
    writer.copy(Block { rows: 1, raw: 1, length, checksum, ..block }, &bomb).unwrap();
    assert_eq!(read_all(&writer.finish().unwrap().0), (Vec::new(), 1));
}

#[test]
fn a_file_without_blocks_is_whole() {
    let bytes = Writer::new(Vec::new()).unwrap().finish().unwrap().0;
    assert!(Sealed::open(&bytes[..]).unwrap().is_whole());
    assert_eq!(read_all(b""), (Vec::new(), 0));
}
