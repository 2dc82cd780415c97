//! All hashes of a content in one pass, on a second thread so that two of them run side by side.

use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use bytes::Bytes;
use forensics::hash::ssdeep::Ssdeep;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};
use store::sandbox::Digests;

/// Pieces that wait for the second thread.
const WAITING: usize = 16;

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

/// Hashes that are being made.
pub struct Digesting {
    size: u64,
    md5: Md5,
    sha256: Sha256,
    sha512: Sha512,
    crc32: crc32fast::Hasher,
    /// The second thread has the two that together take about as long as all the others.
    others: SyncSender<Bytes>,
    other: JoinHandle<(Sha1, Ssdeep)>,
}

impl Digesting {
    pub fn start() -> Self {
        let (others, pieces) = sync_channel::<Bytes>(WAITING);
        let other = std::thread::spawn(move || {
            let (mut sha1, mut ssdeep) = (Sha1::new(), Ssdeep::default());
            for piece in pieces {
                sha1.update(&piece);
                ssdeep.update(&piece);
            }
            (sha1, ssdeep)
        });
        Self {
            size: 0,
            md5: Md5::new(),
            sha256: Sha256::new(),
            sha512: Sha512::new(),
            crc32: crc32fast::Hasher::new(),
            others,
            other,
        }
    }

    pub fn push(&mut self, piece: Bytes) {
        self.size += piece.len() as u64;
        self.md5.update(&piece);
        self.sha256.update(&piece);
        self.sha512.update(&piece);
        self.crc32.update(&piece);
        // The thread ends only after this sender.
        let _ = self.others.send(piece);
    }

    pub fn finish(self, file_type: String) -> Digests {
        drop(self.others);
        // It ends otherwise only by a panic, which goes on here.
        let (sha1, ssdeep) = self.other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Digests {
            file_size: self.size,
            file_type,
            md5: hex(&self.md5.finalize()),
            sha1: hex(&sha1.finalize()),
            sha256: hex(&self.sha256.finalize()),
            sha512: hex(&self.sha512.finalize()),
            crc32: format!("{:08X}", self.crc32.finalize()),
            ssdeep: Some(ssdeep.finish()),
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
