//! Carved archives on disk: one file each, hashed once it is complete.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use store::fleet::carve::{self, Carve};
use tokio::sync::{Mutex, MutexGuard, Semaphore};

use crate::error::Result;
use crate::server::Fleet;

/// Locks that all sessions share.
const TURNS: usize = 64;
/// Archives that are hashed at a time.
const HASHED_AT_ONCE: usize = 2;
/// Bytes that are hashed at a time.
const PART: usize = 1 << 20;

/// Who may write, and what is being read.
pub struct Archives {
    turns: Vec<Mutex<()>>,
    hashing: Semaphore,
}

impl Default for Archives {
    fn default() -> Self {
        Self {
            turns: (0..TURNS).map(|_| Mutex::default()).collect(),
            hashing: Semaphore::new(HASHED_AT_ONCE),
        }
    }
}

impl Archives {
    /// Waits until nobody else writes in this session.
    pub async fn turn(&self, session: &str) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        session.hash(&mut hasher);
        self.turns[hasher.finish() as usize % TURNS].lock().await
    }
}

/// Where an archive lies.
pub fn path(dir: &Path, carve: u32) -> PathBuf {
    dir.join("carves").join(carve.to_string()).join("archive")
}

/// Writes a block at its place; returns once it is on disk. What a killed server left behind that place is written over.
pub fn put(path: &Path, at: u64, data: &[u8]) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let is_first = at == 0;
    if is_first {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    let file = File::options().write(true).create(is_first).truncate(false).mode(0o600).open(path)?;
    file.write_all_at(data, at)?;
    file.sync_data()?;
    if is_first {
        File::open(dir)?.sync_all()?;
        File::open(dir.parent().unwrap_or(dir))?.sync_all()?;
    }
    Ok(())
}

/// Reads a part.
pub async fn read(dir: &Path, carve: u32, at: i64, len: i64) -> io::Result<Vec<u8>> {
    let path = path(dir, carve);
    let read = move || {
        let mut bytes = vec![0; len as usize];
        File::open(path)?.read_exact_at(&mut bytes, at as u64)?;
        Ok(bytes)
    };
    tokio::task::spawn_blocking(read).await.unwrap_or_else(|_| Err(io::Error::other("the reader stopped")))
}

/// Hashes a complete archive and notes the digest. What fails is tried again within the hour.
pub async fn hash(fleet: &Fleet, id: u32) {
    let done = async {
        let Ok(_turn) = fleet.archives.hashing.acquire().await else { return Ok(()) };
        let carve = fleet.db.read(move |tx| carve::by_id(tx, id)).await?;
        if carve.expired || carve.sha256.is_some() || !carve.is_complete() {
            return Ok(());
        }
        let path = path(&fleet.settings.dir, id);
        let digest = tokio::task::spawn_blocking(move || sha256(&path, &carve)).await;
        match digest.unwrap_or_else(|_| Err(io::Error::other("the reader stopped"))) {
            Ok(digest) => Ok(fleet.db.write(move |tx| carve::hashed(tx, id, &digest)).await?),
            Err(error) => {
                tracing::error!(target: "fleet", carve = id, %error, "an archive cannot be hashed");
                Ok(())
            }
        }
    };
    let done: Result<()> = done.await;
    if let Err(error) = done {
        tracing::warn!(target: "fleet", carve = id, error = error.message, "an archive was not hashed");
    }
}

fn sha256(path: &Path, carve: &Carve) -> io::Result<String> {
    let mut file = File::open(path)?.take(carve.archive_size as u64);
    let (mut context, mut part, mut total) = (Context::new(&SHA256), vec![0; PART], 0);
    loop {
        let len = file.read(&mut part)?;
        if len == 0 {
            break;
        }
        context.update(&part[..len]);
        total += len as i64;
    }
    if total < carve.archive_size {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file is too short"));
    }
    Ok(context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
}
