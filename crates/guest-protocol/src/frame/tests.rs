//! What a stream of frames gives, whatever else is in it.

use super::*;

fn frame(session: u32, text: &str) -> Vec<u8> {
    encode(session, &text).unwrap()
}

/// All messages in a stream that arrives in pieces of a size.
fn read(stream: &[u8], piece: usize) -> (Vec<(u32, String)>, u64) {
    let (mut decoder, mut found) = (Decoder::default(), Vec::new());
    for part in stream.chunks(piece) {
        decoder.push(part);
        while let Some(frame) = decoder.next() {
            found.extend(decode::<String>(frame.payload).map(|text| (frame.session, text)));
        }
    }
    (found, decoder.skipped())
}

#[test]
fn frames_arrive_whatever_the_pieces() {
    let stream = [frame(1, "one"), frame(2, ""), frame(u32::MAX, &"long ".repeat(5000))].concat();
    let wanted = [(1, "one".to_string()), (2, String::new()), (u32::MAX, "long ".repeat(5000))];
    for piece in [1, 3, HEADER, 1000, stream.len()] {
        assert_eq!(read(&stream, piece), (wanted.to_vec(), 0));
    }
}

#[test]
fn noise_between_frames_is_stepped_over_and_counted() {
    let stream = [&b"\0\0HgAHg"[..], &frame(7, "a"), b"HgA1 is no frame", &frame(7, "b"), b"H"].concat();
    for piece in [1, 5, stream.len()] {
        let (found, skipped) = read(&stream, piece);
        assert_eq!(found, [(7, "a".into()), (7, "b".into())]);
        assert_eq!(skipped, 7 + 16);
    }
}

#[test]
fn a_length_beyond_the_limit_is_noise_and_not_awaited() {
    let mut huge = frame(1, "x");
    huge[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
    let stream = [huge, frame(1, "after")].concat();
    assert_eq!(read(&stream, 4).0, [(1, "after".into())]);
}

#[test]
fn a_changed_bit_costs_its_frame_only() {
    let good = frame(3, "content");
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let stream = [bad, padding(), frame(3, "next")].concat();
        assert_eq!(read(&stream, 4096).0, [(3, "next".into())], "bit {bit}");
    }
}

#[test]
fn padding_ends_a_frame_that_only_began() {
    let long = frame(1, &"x".repeat(MAX_PAYLOAD - 10));
    for kept in [1, HEADER - 1, HEADER, long.len() - 1] {
        let stream = [&long[..kept], &padding(), &frame(2, "hello")].concat();
        assert_eq!(read(&stream, 4096).0, [(2, "hello".into())], "{kept} bytes kept");
    }
}

#[test]
fn a_message_longer_than_a_frame_is_refused() {
    assert!(matches!(encode(1, &"x".repeat(MAX_PAYLOAD)), Err(Error::TooLong(_))));
}

#[test]
fn a_frame_with_bytes_left_over_is_no_message() {
    assert_eq!(decode::<u8>(&[1]), Some(1));
    assert_eq!(decode::<u8>(&[1, 2]), None);
    assert_eq!(decode::<u8>(&[]), None);
}

#[test]
fn a_decoder_holds_no_more_than_a_frame() {
    let mut decoder = Decoder::default();
    let mut begun = frame(1, &"x".repeat(MAX_PAYLOAD - 10));
    begun.truncate(HEADER + 5);
    for _ in 0..100 {
        decoder.push(&begun);
        decoder.push(&[b'H'; 4096]);
        while decoder.next().is_some() {}
        assert!(decoder.buffer.len() - decoder.start <= HEADER + MAX_PAYLOAD + 4096);
    }
}
