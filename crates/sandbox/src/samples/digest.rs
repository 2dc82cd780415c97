//! All hashes of a content in one pass.

use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use bytes::Bytes;
use forensics::hash::ssdeep::Ssdeep;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};
use store::sandbox::Digests;

/// Pieces that wait for a thread. They are some hundred KiB each, and each thread may be at others.
const WAITING: usize = 4;

/// Whether a text is 64 hexadecimal digits in lower case.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The SHA-256 of all that can be read.
pub fn sha256(mut from: impl io::Read) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut piece = vec![0; 256 << 10];
    loop {
        match from.read(&mut piece)? {
            0 => break,
            count => hash.update(&piece[..count]),
        }
    }
    Ok(hex(&hash.finalize()))
}

/// A hash that is made on a thread of its own.
struct Beside<H> {
    pieces: SyncSender<Bytes>,
    made: JoinHandle<H>,
}

impl<H: Default + Send + 'static> Beside<H> {
    fn start(update: fn(&mut H, &[u8])) -> Self {
        let (pieces, waiting) = sync_channel::<Bytes>(WAITING);
        let made = std::thread::spawn(move || {
            let mut hash = H::default();
            waiting.iter().for_each(|piece| update(&mut hash, &piece));
            hash
        });
        Self { pieces, made }
    }

    fn push(&self, piece: &Bytes) {
        // The thread ends only after this sender.
        let _ = self.pieces.send(piece.clone());
    }

    fn finish(self) -> H {
        drop(self.pieces);
        // It ends otherwise only by a panic, which goes on here.
        self.made.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// Hashes that are being made: the slow ones side by side, the others where the content is written.
pub struct Digesting {
    size: u64,
    sha256: Sha256,
    crc32: crc32fast::Hasher,
    md5_and_sha1: Beside<(Md5, Sha1)>,
    sha512: Beside<Sha512>,
    ssdeep: Beside<Ssdeep>,
}

impl Digesting {
    pub fn start() -> Self {
        Self {
            size: 0,
            sha256: Sha256::new(),
            crc32: crc32fast::Hasher::new(),
            md5_and_sha1: Beside::start(|(md5, sha1), piece| {
                md5.update(piece);
                sha1.update(piece);
            }),
            sha512: Beside::start(|sha512, piece| sha512.update(piece)),
            ssdeep: Beside::start(Ssdeep::update),
        }
    }

    pub fn push(&mut self, piece: &Bytes) {
        self.md5_and_sha1.push(piece);
        self.sha512.push(piece);
        self.ssdeep.push(piece);
        self.size += piece.len() as u64;
        self.sha256.update(piece);
        self.crc32.update(piece);
    }

    pub fn finish(self, file_type: String) -> Digests {
        let (md5, sha1) = self.md5_and_sha1.finish();
        Digests {
            file_size: self.size,
            file_type,
            md5: hex(&md5.finalize()),
            sha1: hex(&sha1.finalize()),
            sha256: hex(&self.sha256.finalize()),
            sha512: hex(&self.sha512.finish().finalize()),
            crc32: format!("{:08X}", self.crc32.finalize()),
            ssdeep: Some(self.ssdeep.finish().finish()),
        }
    }
}

/// Bytes as reports and file names show them.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hashes_of_nothing_are_the_published_ones() {
        let none = Digesting::start().finish("empty".into());
        assert_eq!(none.md5, "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!((&*none.crc32, none.ssdeep.as_deref()), ("00000000", Some("3::")));
        assert!(is_sha256(&none.sha256) && !is_sha256(&none.sha256.to_uppercase()) && !is_sha256("../x"));
    }
}
