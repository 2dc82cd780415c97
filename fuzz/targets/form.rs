//! Any bytes are a multipart form that comes in pieces, of the size in the first byte. What stands before the parts is bounded, and what
//! the parts hold is what was sent.
#![no_main]

use bytes::Bytes;
use futures::executor::block_on;
use futures::stream;
use libfuzzer_sys::fuzz_target;
use memchr::memmem::find;
use multer::Multipart;
use sandbox::api::form::disposition::Disposition;
use sandbox::api::form::heads::Heads;

const BOUNDARY: &str = "X";

type Part = (Option<Vec<u8>>, Bytes);

fuzz_target!(|bytes: &[u8]| {
    let Some((size, form)) = bytes.split_first() else { return };
    let pieces = |size: usize| form.chunks(size.max(1)).map(Bytes::copy_from_slice);
    let pass = |pieces: &mut dyn Iterator<Item = Bytes>| {
        let mut heads = Heads::new(BOUNDARY);
        pieces.map(|piece| heads.pass(piece)).collect::<Result<Vec<Bytes>, _>>()
    };
    let (whole, passed) = (pass(&mut pieces(form.len())), pass(&mut pieces((*size).into())));
    assert_eq!(whole.as_ref().map(|whole| whole.concat()), passed.as_ref().map(|passed| passed.concat()));
    let Ok(passed) = passed else { return };
    let (plain, passed) = (parts(pieces((*size).into())), parts(passed.into_iter()));
    for (header, content) in passed.iter().flatten() {
        assert!(find(form, content).is_some(), "{content:?} was not sent");
        let _ = header.as_ref().map(|header| Disposition::parse(header));
    }
    if let Some(plain) = plain {
        assert_eq!(Some(plain), passed, "a form that needs no help is not changed");
    }
});

/// What the parser makes of a form; nothing if it refuses it.
fn parts(pieces: impl Iterator<Item = Bytes>) -> Option<Vec<Part>> {
    let pieces: Vec<_> = pieces.map(Ok::<_, std::convert::Infallible>).collect();
    let mut form = Multipart::new(stream::iter(pieces), BOUNDARY);
    block_on(async {
        let mut all = Vec::new();
        while let Some(part) = form.next_field().await.ok()? {
            let header = part.headers().get("content-disposition").map(|header| header.as_bytes().to_vec());
            all.push((header, part.bytes().await.ok()?));
        }
        Some(all)
    })
}
