//! Any bytes are opened as an archive or a mail; the first byte chooses the format. Opening ends, and what was found can be taken out.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use sandbox::samples::members::{self, Format};

const FORMATS: [Format; 7] =
    [Format::Zip, Format::Tar, Format::Gzip, Format::Bzip2, Format::SevenZip, Format::Mail, Format::Outlook];

fuzz_target!(|bytes: &[u8]| {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let format = FORMATS[usize::from(*first) % FORMATS.len()];
    let found = members::of(Cursor::new(bytes), format, Some("given"), &|kind, _| kind.contains("text"));
    let Ok(Some(found)) = found else { return };
    assert!(found.names.len() <= 64 && found.left_out.len() <= 101, "both are bounded");
    for name in &found.names {
        assert!(!name.contains([',', '\n', '\r', '\0']) && name.trim() == name, "{name:?} can be named in options");
        assert!(!name.split(['/', '\\']).any(|part| part == ".."), "{name:?} stays in its folder");
    }
    if let Some(name) = found.names.first() {
        let mut out = Vec::new();
        // One that was looked at at its beginning alone may be broken further on.
        let _ = members::content(Cursor::new(bytes), format, Some("given"), name, &mut out);
    }
});
