//! Any bytes are taken for the first lines of an upload, and for the path of a file: what comes out lies in an allowed folder.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sandbox::result_server::header::{self, Header, MAX_LINE};
use sandbox::result_server::name::{self, FOLDERS};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(Some((header, length))) = header::parse(bytes) {
        assert!(length <= bytes.len() && length <= 4 * MAX_LINE, "a header is what was sent, and four lines at most");
        assert_eq!(header::parse(&bytes[..length]), Ok(Some((header.clone(), length))), "what follows changes nothing");
        if let Header::File { path, .. } = header {
            check(&path);
        }
    }
    check(bytes);
    check(&[b"files/".as_slice(), bytes].concat());
    check(&[b"logs\\".as_slice(), bytes].concat());
});

fn check(path: &[u8]) {
    let Ok(member) = name::member(path) else { return };
    let (folder, name) = member.split_once('/').expect("a folder and a name");
    assert!(FOLDERS.contains(&folder) && !name.is_empty() && name.len() <= 255, "{member:?}");
    assert!(!name.contains(['/', '\\', ':']) && !name.contains(char::is_control), "{member:?}");
    assert!(!name.ends_with(['.', ' ']), "{member:?} is another name on Windows");
    assert_eq!(name::member(member.as_bytes()).as_deref(), Ok(member.as_str()), "a name that was made harmless stays");
}
