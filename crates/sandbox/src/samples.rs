//! Samples: each content once, under the name of its SHA-256, and nothing under a name from outside.
//!
//! ```text
//! DIR/binaries/<sha256>     mode 0400: neither executable nor writable
//! DIR/incoming/…            what is on its way; emptied at the start
//! ```
//!
//! A sample is on disk, with its folder's entry, before its task is stored.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use store::sandbox::Digests;
use tempfile::NamedTempFile;
use tokio::sync::mpsc;

pub mod chosen;
mod digest;
pub mod members;

pub(crate) use digest::hex;
pub use digest::{Digesting, is_sha256, sha256};

/// Pieces that wait to be written or hashed; beyond that the sender waits.
const WAITING: usize = 4;

/// Where samples lie.
#[derive(Clone, Debug)]
pub struct Samples {
    binaries: PathBuf,
    incoming: PathBuf,
}

/// A content that has come in whole.
#[derive(Debug)]
pub struct Received {
    pub digests: Digests,
    file: NamedTempFile,
}

impl Received {
    /// It, for reading from its beginning.
    pub fn reopen(&self) -> io::Result<fs::File> {
        self.file.reopen()
    }
}

/// Why a content was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("the file is larger than {0} bytes")]
    TooLarge(u64),
    #[error("the file cannot be stored: {0}")]
    Io(#[from] io::Error),
}

impl Samples {
    /// Uses folders in `dir`, making them when missing.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let samples = Self { binaries: dir.join("binaries"), incoming: dir.join("incoming") };
        if samples.incoming.exists() {
            fs::remove_dir_all(&samples.incoming)?;
        }
        for dir in [&samples.binaries, &samples.incoming] {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        Ok(samples)
    }

    /// Takes in a content piece by piece, in constant memory, hashing it on the way.
    pub fn receive(&self, limit: u64) -> Receiving {
        let (pieces, waiting) = mpsc::channel(WAITING);
        let incoming = self.incoming.clone();
        let done = tokio::task::spawn_blocking(move || take_in(&incoming, waiting));
        Receiving { pieces, done, limit, size: 0 }
    }

    /// Puts a content in its place; when it is there already, that stays.
    pub fn keep(&self, received: Received) -> io::Result<()> {
        let path = self.path(&received.digests.sha256);
        received.file.as_file().set_permissions(fs::Permissions::from_mode(0o400))?;
        received.file.as_file().sync_all()?;
        match received.file.persist_noclobber(&path) {
            Ok(_) => File::open(&self.binaries)?.sync_all(),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error.error),
        }
    }

    /// Where a content lies. `sha256` comes from a record, or was checked with [`is_sha256`].
    pub fn path(&self, sha256: &str) -> PathBuf {
        self.binaries.join(sha256)
    }

    /// Opens a content.
    pub fn open_sample(&self, sha256: &str) -> io::Result<File> {
        if !is_sha256(sha256) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
        OpenOptions::new().read(true).custom_flags(flags).open(self.path(sha256))
    }

    /// The folders, for the status.
    pub fn folders(&self) -> (&Path, &Path) {
        (&self.binaries, &self.incoming)
    }
}

/// A content on its way in.
pub struct Receiving {
    pieces: mpsc::Sender<Bytes>,
    done: tokio::task::JoinHandle<io::Result<Received>>,
    limit: u64,
    size: u64,
}

impl Receiving {
    /// Takes the next piece; waits while the disk is slower than the sender.
    pub async fn push(&mut self, piece: Bytes) -> Result<(), Refused> {
        self.size += piece.len() as u64;
        if self.size > self.limit {
            return Err(Refused::TooLarge(self.limit));
        }
        // A writer that failed says why at the end.
        let _ = self.pieces.send(piece).await;
        Ok(())
    }

    /// Leaves it, with nothing left on disk when this returns.
    pub async fn give_up(self) {
        drop(self.pieces);
        let _ = self.done.await;
    }

    /// The whole of it.
    pub async fn finish(self) -> Result<Received, Refused> {
        drop(self.pieces);
        let received = self.done.await.map_err(io::Error::other)??;
        Ok(received)
    }
}

fn take_in(dir: &Path, mut pieces: mpsc::Receiver<Bytes>) -> io::Result<Received> {
    let mut file = NamedTempFile::new_in(dir)?;
    let mut digesting = digest::Digesting::start();
    while let Some(piece) = pieces.blocking_recv() {
        digesting.push(&piece);
        file.write_all(&piece)?;
    }
    let mut start = Vec::new();
    file.reopen()?.take(forensics::filetype::ENOUGH as u64).read_to_end(&mut start)?;
    let digests = digesting.finish(forensics::filetype::of(&start).description);
    Ok(Received { digests, file })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn receive(samples: &Samples, pieces: &[&'static [u8]], limit: u64) -> Result<Received, Refused> {
        let mut receiving = samples.receive(limit);
        for piece in pieces {
            if let Err(refused) = receiving.push(Bytes::from_static(piece)).await {
                receiving.give_up().await;
                return Err(refused);
            }
        }
        receiving.finish().await
    }

    #[tokio::test]
    async fn a_content_is_kept_once_and_cannot_be_run_or_changed() {
        let dir = tempfile::tempdir().unwrap();
        let samples = Samples::open(dir.path()).unwrap();
        let hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        for pieces in [&[&b"hel"[..], b"lo"][..], &[b"hello"]] {
            let received = receive(&samples, pieces, 5).await.unwrap();
            assert_eq!(received.digests.sha256, hash);
            assert_eq!((received.digests.file_size, &*received.digests.crc32), (5, "3610A686"));
            samples.keep(received).unwrap();
        }
        let mode = fs::metadata(samples.path(hash)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o400);
        assert_eq!(io::read_to_string(samples.open_sample(hash).unwrap()).unwrap(), "hello");
        assert!(samples.open_sample("../incoming").is_err());
        assert_eq!(fs::read_dir(samples.folders().1).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn what_is_too_large_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let samples = Samples::open(dir.path()).unwrap();
        assert!(matches!(receive(&samples, &[b"hello!"], 5).await, Err(Refused::TooLarge(5))));
        fs::write(samples.folders().1.join("left"), "of another run").unwrap();
        let samples = Samples::open(dir.path()).unwrap();
        assert_eq!(fs::read_dir(samples.folders().1).unwrap().count(), 0);
    }
}
