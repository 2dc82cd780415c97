//! Files that are sent while a run lasts, when they are closed: a guest that dies leaves those, and of a file that is written again
//! there are the versions that were there long enough to be read. What changed since is sent at the end.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, Read};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use guest_protocol::{Bytes, FileFacts, Limits, Reply};

use super::{Held, Key};
use crate::channel::Channel;
use crate::file::{content, facts};

/// Larger files wait for the end.
pub const LARGEST: u64 = 1 << 20;
/// Versions of one file, without the last.
const VERSIONS: u32 = 3;
/// Files that wait to be sent. They are open.
const WAITING: usize = 64;

/// What was sent of a run so far.
#[derive(Default)]
pub struct Sent {
    pub files: u32,
    pub bytes: u64,
    known: HashMap<Key, Version>,
    /// Its keys are this run's: no sample can find another content of the same number.
    hash: RandomState,
}

struct Version {
    path: Bytes,
    size: u64,
    hash: u64,
}

/// Takes files on their way to the host.
pub struct Early {
    queue: SyncSender<Waiting>,
    sender: JoinHandle<Sent>,
    times: HashMap<Key, u32>,
    /// Half of what a run may send: the other half is for its end.
    files_left: u32,
    bytes_left: u64,
}

struct Waiting {
    key: Key,
    file: File,
    facts: FileFacts,
}

impl Early {
    pub fn start(channel: &Arc<Channel>, call: u32, limits: &Limits) -> Self {
        let (queue, waiting) = sync_channel(WAITING);
        let channel = Arc::clone(channel);
        Self {
            queue,
            sender: std::thread::spawn(move || send(&channel, call, &waiting)),
            times: HashMap::new(),
            files_left: limits.dropped_files / 2,
            bytes_left: limits.dropped_total_bytes / 2,
        }
    }

    /// A file was closed. What is too much, or comes too fast, waits for the end.
    pub fn take(&mut self, key: Key, held: &Held) {
        // An own description, which reads from the beginning.
        let Ok(file) = File::open(format!("/proc/self/fd/{}", held.file.as_raw_fd())) else { return };
        let Ok(about) = file.metadata() else { return };
        let times = self.times.entry(key).or_default();
        let fits = (1..=LARGEST.min(self.bytes_left)).contains(&about.size());
        if !fits || self.files_left == 0 || *times == VERSIONS {
            return;
        }
        let facts = FileFacts { path: held.path.clone(), writers: held.writers.clone(), ..facts(&about) };
        if self.queue.try_send(Waiting { key, file, facts }).is_ok() {
            *times += 1;
            self.files_left -= 1;
            self.bytes_left -= about.size();
        }
    }

    /// Waits until all that was taken is sent.
    pub fn finish(self) -> Sent {
        drop(self.queue);
        self.sender.join().unwrap_or_default()
    }
}

fn send(channel: &Channel, call: u32, waiting: &Receiver<Waiting>) -> Sent {
    let mut sent = Sent::default();
    while let Ok(Waiting { key, file, facts }) = waiting.recv() {
        let path = facts.path.clone();
        if !channel.send(call, Reply::File(facts)) {
            break;
        }
        let mut reader = Hashed { reader: file, hasher: sent.hash.build_hasher(), size: 0 };
        let cut = match content(channel, call, &mut reader, LARGEST) {
            Ok(Some(cut)) => cut,
            Ok(None) => break,
            Err(_) => true,
        };
        sent.files += 1;
        sent.bytes += reader.size.min(LARGEST);
        if cut {
            sent.known.remove(&key);
        } else {
            sent.known.insert(key, Version { path, size: reader.size, hash: reader.hasher.finish() });
        }
        if !channel.send(call, Reply::FileEnd { cut }) {
            break;
        }
    }
    sent
}

impl Sent {
    /// Whether this content was the last that was sent of a file by that name.
    pub fn has(&self, key: Key, path: &[u8], file: &File) -> bool {
        let Some(version) = self.known.get(&key).filter(|version| *version.path == *path) else {
            return false;
        };
        let is_as_long = file.metadata().is_ok_and(|about| about.size() == version.size);
        is_as_long && self.number(file).is_ok_and(|hash| hash == version.hash)
    }

    fn number(&self, file: &File) -> io::Result<u64> {
        let file = File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
        let mut reader = Hashed { reader: file.take(LARGEST), hasher: self.hash.build_hasher(), size: 0 };
        io::copy(&mut reader, &mut io::sink())?;
        Ok(reader.hasher.finish())
    }
}

/// Counts what is read and gives it a number.
struct Hashed<R> {
    reader: R,
    hasher: std::hash::DefaultHasher,
    size: u64,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.read(into)?;
        self.hasher.write(&into[..length]);
        self.size += length as u64;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use guest_protocol::frame::{self, Decoder};
    use guest_protocol::{ToHost, window};

    use super::*;

    fn held(path: &std::path::Path) -> (Key, Held) {
        let file = File::open(path).unwrap();
        let about = file.metadata().unwrap();
        let path = path.to_str().unwrap().into();
        ((about.dev(), about.ino()), Held { file, path, writers: vec![7] })
    }

    fn sent_to(port: &std::path::Path) -> Vec<String> {
        let mut decoder = Decoder::default();
        decoder.push(&std::fs::read(port).unwrap());
        let mut contents = Vec::new();
        while let Some(found) = decoder.next() {
            if let Reply::Data(bytes) = frame::decode::<ToHost>(found.payload).unwrap().reply {
                contents.push(bytes.to_text().into_owned());
            }
        }
        contents
    }

    #[test]
    fn versions_are_sent_within_limits_and_known_at_the_end() {
        let dir = std::env::temp_dir().join(format!("early-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let (port, path) = (dir.join("port"), dir.join("file"));
        let channel = Arc::new(Channel::new(File::create(&port).unwrap()));
        channel.open(9, 1 << 20);
        assert!(window::cost(1) < 1 << 20);
        let mut early = Early::start(&channel, 9, &Limits::default());
        for (number, text) in ["one", "two", "three", "four"].into_iter().enumerate() {
            std::fs::write(&path, text).unwrap();
            let (key, held) = held(&path);
            early.take(key, &held);
            // It is read before it is written again.
            while number < 3 && sent_to(&port).len() == number {
                std::thread::yield_now();
            }
        }
        let large = dir.join("large");
        File::create(&large).unwrap().set_len(LARGEST + 1).unwrap();
        let (key, of_large) = held(&large);
        early.take(key, &of_large);
        let sent = early.finish();
        assert_eq!(sent_to(&port), ["one", "two", "three"], "the fourth waits for the end");
        assert_eq!((sent.files, sent.bytes), (3, 11));
        let (key, now) = held(&path);
        assert!(!sent.has(key, &now.path, &now.file));
        std::fs::write(&path, "three").unwrap();
        assert!(sent.has(key, &now.path, &now.file) && !sent.has(key, b"/other", &now.file));
        File::options().write(true).open(&path).unwrap().write_all(b"T").unwrap();
        assert!(!sent.has(key, &now.path, &now.file));
        std::fs::remove_dir_all(dir).unwrap();
    }
}
