//! Pictures of the screen, inside of the page.

use std::io::{self, Read as _};

use base64::display::Base64Display;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD};
use serde_json::Value as Json;

use super::table::List;
use crate::results::Folder;

/// Pictures on one page: the first, the last, and some between them.
const MAX_PICTURES: usize = 12;
/// Bytes of one picture, and of all together.
const MAX_BYTES: u64 = 1 << 20;
const MAX_ALL: u64 = 6 << 20;
/// What a JPEG begins with.
const JPEG: &[u8] = b"\xff\xd8\xff";

/// A picture, which may be the guest's own.
pub struct Picture {
    pub number: usize,
    bytes: Vec<u8>,
}

impl Picture {
    /// It in letters that need no escaping.
    pub fn base64(&self) -> Base64Display<'_, 'static, GeneralPurpose> {
        Base64Display::new(&self.bytes, &STANDARD)
    }
}

pub fn of(folder: &Folder, screenshots: &Json) -> io::Result<List<Picture>> {
    let all = screenshots.as_array().map_or(&[][..], Vec::as_slice);
    let (mut rows, mut left) = (Vec::new(), MAX_ALL);
    for at in chosen(all.len()) {
        let name = all[at]["path"].as_str().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
        let Some(file) = folder.find(format!("shots/{name}"))? else { continue };
        let size = file.metadata()?.len();
        if size > MAX_BYTES.min(left) {
            continue;
        }
        let mut bytes = Vec::new();
        file.take(size).read_to_end(&mut bytes)?;
        if bytes.starts_with(JPEG) {
            left -= bytes.len() as u64;
            rows.push(Picture { number: at + 1, bytes });
        }
    }
    let cut = all.len() - rows.len();
    Ok(List { rows, cut })
}

/// Which of so many, evenly over all of them.
fn chosen(count: usize) -> Vec<usize> {
    match count {
        0..=MAX_PICTURES => (0..count).collect(),
        _ => (0..MAX_PICTURES).map(|at| at * (count - 1) / (MAX_PICTURES - 1)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_pictures_are_thinned_out_between_the_first_and_the_last() {
        assert_eq!(chosen(0), [0; 0]);
        assert_eq!(chosen(MAX_PICTURES), (0..MAX_PICTURES).collect::<Vec<_>>());
        for count in [MAX_PICTURES + 1, 500, 1000] {
            let chosen = chosen(count);
            assert_eq!((chosen.len(), chosen[0], chosen[MAX_PICTURES - 1]), (MAX_PICTURES, 0, count - 1));
            assert!(chosen.windows(2).all(|pair| pair[0] < pair[1]), "{chosen:?}");
        }
    }
}
