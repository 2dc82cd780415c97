//! All hashes of a content in one pass.

use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use bytes::Bytes;
use forensics::hash::ssdeep::Ssdeep;
use md5::{Digest, Md5};
use sha2::Sha512;
use store::sandbox::Digests;

/// A content up to here is hashed sooner than threads are started.
const SMALL: u64 = 1 << 20;
/// Pieces that wait for a thread. They are some hundred KiB each, and each thread may be at others.
const WAITING: usize = 4;

/// Whether a text is 64 hexadecimal digits in lower case.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The SHA-256 of all that can be read.
pub fn sha256(mut from: impl io::Read) -> io::Result<String> {
    let mut hash = Context::new(&SHA256);
    let mut piece = vec![0; 256 << 10];
    loop {
        match from.read(&mut piece)? {
            0 => break,
            count => hash.update(&piece[..count]),
        }
    }
    Ok(hex(hash.finish().as_ref()))
}

/// A hash that is being made: where the content is written, or on a thread of its own.
enum Hashing<H> {
    Here(H),
    Beside { pieces: SyncSender<Bytes>, made: JoinHandle<H> },
}

/// What takes the next bytes of a content.
trait Update: Clone + Send + 'static {
    fn update(&mut self, bytes: &[u8]);
}

impl Update for Md5 {
    fn update(&mut self, bytes: &[u8]) {
        Digest::update(self, bytes);
    }
}

/// This one, as aws-lc's makes no use of vectors on processors of AMD.
impl Update for Sha512 {
    fn update(&mut self, bytes: &[u8]) {
        Digest::update(self, bytes);
    }
}

impl Update for Ssdeep {
    fn update(&mut self, bytes: &[u8]) {
        Ssdeep::update(self, bytes);
    }
}

impl<H: Update> Hashing<H> {
    /// Goes on with it on a thread of its own.
    fn go_beside(&mut self) {
        let Self::Here(hash) = self else { return };
        let mut hash = hash.clone();
        let (pieces, waiting) = sync_channel::<Bytes>(WAITING);
        let made = std::thread::spawn(move || {
            waiting.iter().for_each(|piece| hash.update(&piece));
            hash
        });
        *self = Self::Beside { pieces, made };
    }

    fn push(&mut self, piece: &Bytes) {
        match self {
            Self::Here(hash) => hash.update(piece),
            // The thread ends only after this sender.
            Self::Beside { pieces, .. } => drop(pieces.send(piece.clone())),
        }
    }

    fn finish(self) -> H {
        match self {
            Self::Here(hash) => hash,
            Self::Beside { pieces, made } => {
                drop(pieces);
                // It ends otherwise only by a panic, which goes on here.
                made.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            }
        }
    }
}

/// Hashes that are being made: of a large content the slow ones side by side, the others where it is written.
pub struct Digesting {
    size: u64,
    crc32: crc32fast::Hasher,
    sha1: Context,
    sha256: Context,
    md5: Hashing<Md5>,
    sha512: Hashing<Sha512>,
    ssdeep: Hashing<Ssdeep>,
}

impl Digesting {
    pub fn start() -> Self {
        Self {
            size: 0,
            crc32: crc32fast::Hasher::new(),
            sha1: Context::new(&SHA1_FOR_LEGACY_USE_ONLY),
            sha256: Context::new(&SHA256),
            md5: Hashing::Here(Md5::new()),
            sha512: Hashing::Here(Sha512::new()),
            ssdeep: Hashing::Here(Ssdeep::default()),
        }
    }

    pub fn push(&mut self, piece: &Bytes) {
        self.size += piece.len() as u64;
        if self.size > SMALL {
            self.md5.go_beside();
            self.sha512.go_beside();
            self.ssdeep.go_beside();
        }
        self.md5.push(piece);
        self.sha512.push(piece);
        self.ssdeep.push(piece);
        self.crc32.update(piece);
        self.sha1.update(piece);
        self.sha256.update(piece);
    }

    pub fn finish(self, file_type: String) -> Digests {
        Digests {
            file_size: self.size,
            file_type,
            md5: hex(&self.md5.finish().finalize()),
            sha1: hex(self.sha1.finish().as_ref()),
            sha256: hex(self.sha256.finish().as_ref()),
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

    /// Zeros in pieces that are cut elsewhere, and what `head -c COUNT /dev/zero | …sum` says of them.
    #[test]
    fn small_and_large_contents_have_the_hashes_of_the_usual_programs() {
        let zeros = Bytes::from(vec![0; 300_000]);
        for (count, md5, sha1, sha512) in [
            (
                3,
                "db571929ebe8bef4d4bc34e7bd247a17",
                "c502cebaa1dae4cc3a7d1c1c8e69e591e931efd8",
                "9d7359ee7ed9010a",
            ),
            (
                30,
                "1dfe5e6e4defff78eb0b5217313a6940",
                "925a4013dc18eafbeca002e11b91649673a39b7c",
                "f647874447d06961",
            ),
        ] {
            let mut digesting = Digesting::start();
            (0..count).for_each(|_| digesting.push(&zeros));
            let made = digesting.finish("data".into());
            assert_eq!((made.file_size, &*made.md5, &*made.sha1), (count * 300_000, md5, sha1));
            assert_eq!((&made.sha512[..16], made.ssdeep.as_deref()), (sha512, Some("3::")));
        }
    }

    #[test]
    fn the_hashes_of_nothing_are_the_published_ones() {
        let none = Digesting::start().finish("empty".into());
        assert_eq!(none.md5, "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!((&*none.crc32, none.ssdeep.as_deref()), ("00000000", Some("3::")));
        assert!(is_sha256(&none.sha256) && !is_sha256(&none.sha256.to_uppercase()) && !is_sha256("../x"));
    }
}
