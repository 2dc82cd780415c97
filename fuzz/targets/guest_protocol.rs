//! Any bytes are taken for what a guest sends, within limits; whatever is a message is one again after it was written.
#![no_main]

use guest_protocol::frame::{self, Decoder, HEADER, MAX_PAYLOAD, NO_SESSION};
use guest_protocol::{ToGuest, ToHost};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((piece, stream)) = bytes.split_first() else { return };
    let mut decoder = Decoder::default();
    let mut taken = 0;
    for part in stream.chunks(usize::from(*piece).max(1)) {
        decoder.push(part);
        while let Some(found) = decoder.next() {
            assert!(found.payload.len() <= MAX_PAYLOAD);
            taken += (HEADER + found.payload.len()) as u64;
            message(found.payload);
        }
    }
    assert!(taken + decoder.skipped() <= stream.len() as u64, "a byte is in one frame or in none");
    // The fuzzer does not guess checksums: the same bytes as payloads.
    message(stream);
    let framed = frame::encode(7, &guest_protocol::Bytes::from(stream)).expect("inputs are short");
    let mut decoder = Decoder::default();
    decoder.push(&framed);
    assert_eq!(decoder.next().map(|found| found.session), Some(7));
});

fn message(payload: &[u8]) {
    // Numbers may be written in more bytes than they need, so that messages are compared and not bytes.
    if let Some(message) = frame::decode::<ToHost>(payload) {
        let again = frame::encode(NO_SESSION, &message).expect("it came in a frame");
        assert_eq!(frame::decode::<ToHost>(&again[HEADER..]), Some(message));
    }
    if let Some(message) = frame::decode::<ToGuest>(payload) {
        let again = frame::encode(NO_SESSION, &message).expect("it came in a frame");
        assert_eq!(frame::decode::<ToGuest>(&again[HEADER..]), Some(message));
    }
}
