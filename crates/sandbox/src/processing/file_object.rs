//! Files as reports describe them (the report reference, section 2).

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::sync::LazyLock;

use bytes::Bytes;
use regex::bytes::Regex;
use serde_json::{Value as Json, json};
use store::sandbox::Digests;

use super::text;
use crate::samples::Digesting;

const PIECE: usize = 256 << 10;
/// How much of a file is looked through for URLs, and how many are told.
const MAX_SEARCHED: u64 = 16 << 20;
const MAX_URLS: usize = 256;

#[allow(clippy::expect_used)] // A constant pattern.
static URL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i-u)\b(?:https?|ftp)://[a-z0-9\-._~:/?#\[\]@!$&()*+,;=%]{4,2000}")
        .expect("the pattern is valid")
});

/// Describes a sample whose hashes are known.
pub fn of_known(file: File, name: &str, path: &str, digests: &Digests) -> io::Result<Json> {
    Ok(object(name, path, digests, urls(file)?))
}

/// Describes a file; reads all of it.
pub fn of(mut file: File, name: &str, path: &str) -> io::Result<Json> {
    let mut digesting = Digesting::start();
    let mut start: Vec<u8> = Vec::new();
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        if file.by_ref().take(PIECE as u64).read_to_end(&mut piece)? == 0 {
            break;
        }
        let missing = forensics::filetype::ENOUGH.saturating_sub(start.len());
        start.extend_from_slice(&piece[..piece.len().min(missing)]);
        digesting.push(&Bytes::from(piece));
    }
    let digests = digesting.finish(forensics::filetype::of(&start).description);
    Ok(object(name, path, &digests, urls(io::Cursor::new(start))?))
}

fn object(name: &str, path: &str, digests: &Digests, urls: Vec<String>) -> Json {
    json!({
        "name": name,
        "path": path,
        "size": digests.file_size,
        "crc32": digests.crc32,
        "md5": digests.md5,
        "sha1": digests.sha1,
        "sha256": digests.sha256,
        "sha512": digests.sha512,
        "ssdeep": digests.ssdeep,
        "type": digests.file_type,
        "yara": [],
        "urls": urls,
    })
}

/// Addresses in the first part of a file.
pub fn urls(file: impl io::Read) -> io::Result<Vec<String>> {
    let mut bytes = Vec::new();
    file.take(MAX_SEARCHED).read_to_end(&mut bytes)?;
    let found: BTreeSet<&[u8]> = URL.find_iter(&bytes).map(|found| found.as_bytes()).take(MAX_URLS).collect();
    Ok(found.into_iter().map(text::shown).collect())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_file_is_described_whole() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"see \xffhttp://c2.example/p?a=1\0 and HTTPS://x.example:8443/ ftp://f").unwrap();
        io::Seek::rewind(&mut file).unwrap();
        let shown = of(file, "note", "analyses/1/files/note").unwrap();
        assert_eq!(shown["urls"], json!(["HTTPS://x.example:8443/", "http://c2.example/p?a=1"]));
        assert_eq!(
            (&shown["size"], &shown["name"], &shown["yara"]),
            (&json!(65), &json!("note"), &json!([]))
        );
        assert!(shown["sha512"].as_str().unwrap().len() == 128 && shown["type"].is_string());
    }
}
