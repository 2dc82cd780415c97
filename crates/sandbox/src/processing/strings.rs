//! `strings`: readable texts in the sample (the report reference, section 8).

use std::io::{self, Read as _};

use serde_json::{Value as Json, json};
use store::sandbox::Category;

use super::{Case, Module};

pub const MODULE: Module = Module { key: "strings", run: of, empty: || json!([]) };

const MAX_STRINGS: usize = 2048;
const MAX_LENGTH: usize = 1024;
const MIN_LENGTH: usize = 6;
/// How much of a sample is looked through.
const MAX_SEARCHED: u64 = 64 << 20;

fn of(case: &Case<'_>) -> io::Result<Json> {
    let Some(sample) = case.task.sample.as_ref().filter(|_| case.task.category != Category::Url) else {
        return Ok(json!([]));
    };
    let mut bytes = Vec::new();
    case.samples.open_sample(&sample.digests.sha256)?.take(MAX_SEARCHED).read_to_end(&mut bytes)?;
    Ok(find(&bytes).into())
}

/// Texts of plain characters, as ASCII and as UTF-16 in small-endian order.
fn find(bytes: &[u8]) -> Vec<String> {
    let mut found = runs(bytes.iter().map(|byte| is_plain(*byte).then_some(*byte)));
    for start in [0, 1] {
        let pairs = bytes.get(start..).unwrap_or_default().chunks_exact(2);
        found.extend(runs(pairs.map(|pair| (is_plain(pair[0]) && pair[1] == 0).then_some(pair[0]))));
        found.truncate(MAX_STRINGS);
    }
    found
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

fn runs(bytes: impl Iterator<Item = Option<u8>>) -> Vec<String> {
    let (mut found, mut run) = (Vec::new(), String::new());
    for byte in bytes.chain([None]) {
        match byte {
            Some(byte) if run.len() < MAX_LENGTH => run.push(char::from(byte)),
            Some(_) => {}
            None => {
                if run.len() >= MIN_LENGTH {
                    found.push(std::mem::take(&mut run));
                }
                run.clear();
                if found.len() == MAX_STRINGS {
                    break;
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_in_both_codes() {
        let mut bytes = b"\x01short\x02long enough\0\0\0".to_vec();
        bytes.extend("wide text".encode_utf16().flat_map(u16::to_le_bytes));
        assert_eq!(find(&bytes), ["long enough", "wide text"]);
        assert_eq!(find(&vec![b'x'; 5000])[0].len(), MAX_LENGTH);
        assert_eq!(find(&b"abcdef\0".repeat(5000)).len(), MAX_STRINGS);
    }
}
