//! Files that a run wrote, kept open so that deleting them does not lose them, and who wrote them.

mod early;
mod fanotify;

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use guest_protocol::{Bytes, Limits};

use crate::channel::Channel;
use crate::run::cgroup;
use early::Early;
pub use early::Sent;
use fanotify::{Closing, Closings};
pub use fanotify::{DELETED, without_mark};

/// Files that are kept open; of more, those that still have a name are let go first.
const MOST: usize = 400;
/// Processes that are named for one file.
const MOST_WRITERS: usize = 64;
/// How often deleted files are measured: they take room that the guest thinks is free.
const MEASURE: u32 = 32;

/// Device and inode.
pub type Key = (u64, u64);

/// A program that was run, from where it could be read while it ran: the mount that it lies on may be gone with its process.
pub struct Program {
    pub pid: u32,
    pub path: Bytes,
    pub file: File,
}

/// A file that was written.
pub struct Held {
    pub file: File,
    pub path: Bytes,
    pub writers: Vec<u32>,
}

/// What was written in a run.
#[derive(Default)]
pub struct Written {
    pub files: HashMap<Key, Held>,
    /// Files that could not be kept, and times that the kernel told too much.
    pub lost: u32,
    /// What is at the host already.
    pub sent: Sent,
}

pub struct Watch {
    hidden: SyncSender<Program>,
    stop: Arc<AtomicBool>,
    reader: JoinHandle<Written>,
}

impl Watch {
    /// Watches while a run lasts. A kernel that cannot do it costs deleted files, not runs.
    pub fn start(channel: &Arc<Channel>, call: u32, folders: &[Bytes], limits: &Limits) -> Option<Self> {
        if folders.is_empty() {
            return None;
        }
        let mut closings = match Closings::watch(folders) {
            Ok(closings) => closings,
            Err(error) => {
                channel.log(format!("deleted files are not kept: {error}"));
                return None;
            }
        };
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let mut keeper = Keeper {
            call,
            folders: folders.to_vec(),
            limits: limits.clone(),
            written: Written::default(),
            events: 0,
            early: Some(Early::start(channel, call, limits)),
        };
        let (hidden, programs) = sync_channel(MOST);
        let reader = std::thread::spawn(move || {
            loop {
                // Asked before: what happened until then is read.
                let is_last = stopped.load(Ordering::Acquire);
                keeper.written.lost += closings.read(|closing| keeper.take(closing));
                programs.try_iter().for_each(|Program { pid, path, file }| keeper.keep(pid, path, file));
                if is_last {
                    keeper.written.sent = keeper.early.take().map(Early::finish).unwrap_or_default();
                    return keeper.written;
                }
            }
        });
        Some(Self { hidden, stop, reader })
    }

    /// Takes programs that were run, wherever they lie.
    pub fn hidden(&self) -> SyncSender<Program> {
        self.hidden.clone()
    }

    pub fn finish(self) -> Written {
        self.stop.store(true, Ordering::Release);
        self.reader.join().unwrap_or_default()
    }
}

struct Keeper {
    call: u32,
    folders: Vec<Bytes>,
    limits: Limits,
    written: Written,
    events: u32,
    early: Option<Early>,
}

impl Keeper {
    fn take(&mut self, Closing { pid, file }: Closing) {
        let Ok(path) = fanotify::path(&file) else { return };
        if self.is_ours(pid) && self.folders.iter().any(|folder| is_below(&path, folder)) {
            self.keep(pid, path.into(), file);
        }
    }

    fn keep(&mut self, pid: u32, path: Bytes, file: File) {
        let Ok(about) = file.metadata() else { return };
        if !about.is_file() {
            return;
        }
        self.events += 1;
        if self.events.is_multiple_of(MEASURE) {
            self.measure();
        }
        if self.written.files.len() >= MOST {
            self.make_room();
        }
        let key = (about.dev(), about.ino());
        let held = self.written.files.entry(key).or_insert_with(|| Held { file, path, writers: Vec::new() });
        if held.writers.len() < MOST_WRITERS && !held.writers.contains(&pid) {
            held.writers.push(pid);
        }
        if let Some(early) = &mut self.early {
            early.take(key, held);
        }
    }

    /// Not the agent's, and not another run's. Who is gone already was nobody else's: the guest has no other programs.
    fn is_ours(&self, pid: u32) -> bool {
        pid != std::process::id()
            && cgroup::of(pid).map_or(true, |path| cgroup::run(&path) == Some(self.call))
    }

    /// Lets deleted files go that would not be sent.
    fn measure(&mut self) {
        let mut total = 0;
        let before = self.written.files.len();
        self.written.files.retain(|_, held| {
            let Ok(about) = held.file.metadata() else { return false };
            if about.nlink() > 0 {
                return true;
            }
            // What is let go takes no room: whichever is met first, the others keep theirs.
            let is_kept = about.size() <= self.limits.dropped_file_bytes
                && total + about.size() <= self.limits.dropped_total_bytes;
            total += if is_kept { about.size() } else { 0 };
            is_kept
        });
        self.written.lost += (before - self.written.files.len()) as u32;
    }

    fn make_room(&mut self) {
        let has_name = |held: &Held| held.file.metadata().is_ok_and(|about| about.nlink() > 0);
        let named = self.written.files.iter().find(|(_, held)| has_name(held)).map(|(key, _)| *key);
        let key = named.or_else(|| self.written.files.keys().next().copied());
        if let Some(key) = key {
            self.written.files.remove(&key);
            // Files with names are found by them.
            self.written.lost += u32::from(named.is_none());
        }
    }
}

fn is_below(path: &[u8], folder: &[u8]) -> bool {
    let folder = folder.strip_suffix(b"/").unwrap_or(folder);
    path.strip_prefix(folder).is_some_and(|rest| rest.first() == Some(&b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_a_folder_is_not_beside_it() {
        assert!(is_below(b"/tmp/x", b"/tmp") && is_below(b"/tmp/x", b"/tmp/") && is_below(b"/x", b"/"));
        assert!(!is_below(b"/tmpx/y", b"/tmp") && !is_below(b"/tmp", b"/tmp"));
    }

    #[test]
    fn names_go_first_and_what_is_deleted_is_bounded() {
        let limits = Limits { dropped_file_bytes: 10, dropped_total_bytes: 12, ..Limits::default() };
        let mut keeper = Keeper {
            call: 1,
            folders: Vec::new(),
            limits,
            written: Written::default(),
            events: 0,
            early: None,
        };
        let dir = std::env::temp_dir().join(format!("written-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        for (at, (size, is_deleted)) in
            [(11, true), (8, true), (8, true), (50, false)].into_iter().enumerate()
        {
            let path = dir.join(at.to_string());
            std::fs::write(&path, vec![b'x'; size]).unwrap();
            let file = File::open(&path).unwrap();
            if is_deleted {
                std::fs::remove_file(&path).unwrap();
            }
            let held = Held { file, path: Bytes::default(), writers: Vec::new() };
            keeper.written.files.insert((0, at as u64), held);
        }
        keeper.measure();
        assert_eq!(
            (keeper.written.files.len(), keeper.written.lost),
            (2, 2),
            "one of eight bytes, and the named one"
        );
        keeper.make_room();
        assert!(!keeper.written.files.contains_key(&(0, 3)), "it is found by its name");
        keeper.make_room();
        assert_eq!((keeper.written.files.len(), keeper.written.lost), (0, 3));
        std::fs::remove_dir_all(dir).unwrap();
    }
}
