//! Memory of processes that end before their run does, or become another program: sent while they wait for it.
//!
//! Who waits is said by a filter of system calls ([`listen`]), of which a sample sees no more than of the one that every sample has;
//! or by the tracer of [`super::stops`], where there is one. The first sees ends that are asked for (`exit`), the second those by
//! a signal as well.

mod listen;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use guest_protocol::{Limits, Reply};

use crate::channel::Channel;
use crate::file::{pieces, read_small};
use crate::{OWN_PROGRAM, dump};
pub use listen::{Watch, hand_over};

/// Of ended threads. More are looked up, and forgotten if they are gone.
const MOST_THREADS: usize = 1024;

/// What was left out.
#[derive(Default)]
pub struct Left {
    /// Processes, and those of which a part was sent.
    pub out: AtomicU32,
    pub cut: AtomicU32,
}

/// Sends the memory of the processes of one run, one after the other.
pub struct Keeper {
    channel: Arc<Channel>,
    call: u32,
    /// Who ends after this is killed by us.
    is_over: Arc<AtomicBool>,
    processes: u32,
    bytes_of_one: u64,
    bytes: u64,
    left: Arc<Left>,
    /// Processes that ended, with the time of their start: numbers are given again.
    ended: HashMap<u32, u64>,
    /// Processes that became another program, and which one they were.
    turned: HashSet<(u32, Program)>,
    /// Threads that are about to be gone.
    threads: HashSet<u32>,
}

/// Device and inode of a program.
type Program = (u64, u64);

impl Keeper {
    pub fn new(channel: &Arc<Channel>, call: u32, limits: &Limits, is_over: Arc<AtomicBool>) -> Self {
        Self {
            channel: Arc::clone(channel),
            call,
            is_over,
            processes: limits.memories,
            bytes_of_one: limits.memory_of_one_bytes,
            bytes: limits.memory_total_bytes,
            left: Arc::default(),
            ended: HashMap::new(),
            turned: HashSet::new(),
            threads: HashSet::new(),
        }
    }

    pub fn left(&self) -> Arc<Left> {
        Arc::clone(&self.left)
    }

    /// A thread is about to end its process, which waits.
    pub fn process_ends(&mut self, thread: u32) {
        let Some(Stat { process, start, .. }) = stat(thread) else { return };
        // Several threads may ask for it.
        if self.ended.insert(process, start) != Some(start) && !is_ours(thread) {
            self.send(process, thread);
        }
    }

    /// A thread is about to end, and waits. The last one takes its process along.
    pub fn thread_ends(&mut self, thread: u32) {
        if self.threads.len() >= MOST_THREADS {
            self.threads.retain(|thread| fs::exists(format!("/proc/{thread}")).unwrap_or(false));
        }
        self.threads.insert(thread);
        let Ok(all) = fs::read_dir(format!("/proc/{thread}/task")) else { return };
        let name = |entry: fs::DirEntry| entry.file_name().to_str()?.parse().ok();
        let is_last = all.flatten().filter_map(name).all(|other: u32| self.threads.contains(&other));
        if is_last {
            self.process_ends(thread);
        }
    }

    /// A thread is gone.
    pub fn forget(&mut self, thread: u32) {
        self.threads.remove(&thread);
    }

    /// A thread is about to make its process another program, and waits. Memory that is a copy of its parent's, as it is between
    /// `fork` and `execve`, is not sent; and that of one program only once, however often it tries.
    pub fn program_ends(&mut self, thread: u32) {
        let program = |of: u32| {
            let about = fs::metadata(format!("/proc/{of}/exe")).ok()?;
            Some((about.dev(), about.ino()))
        };
        let Some(Stat { process, parent, .. }) = stat(thread) else { return };
        let Some(own) = program(process).filter(|own| program(parent) != Some(*own)) else { return };
        if !self.turned.contains(&(process, own)) && !is_ours(thread) {
            self.turned.insert((process, own));
            self.send(process, thread);
        }
    }

    fn send(&mut self, process: u32, thread: u32) {
        if self.is_over.load(Ordering::Relaxed) {
            return;
        }
        let most = self.bytes_of_one.min(self.bytes);
        let core = if self.processes == 0 || most == 0 { None } else { dump::core(thread).ok() };
        let Some(mut core) = core else {
            self.left.out.fetch_add(1, Ordering::Relaxed);
            return;
        };
        if !self.channel.send(self.call, Reply::Memory { pid: process }) {
            return;
        }
        self.processes -= 1;
        let (channel, call) = (&self.channel, self.call);
        let mut sent = 0;
        let whole = pieces(&mut core, most, |bytes| {
            sent += bytes.len() as u64;
            channel.send(call, Reply::MemoryData(bytes))
        });
        self.bytes -= sent;
        // Killed meanwhile, it has no memory any more.
        let Some(cut) = whole.unwrap_or(Some(true)) else { return };
        self.left.cut.fetch_add(u32::from(cut), Ordering::Relaxed);
        let _ = self.channel.send(self.call, Reply::MemoryEnd { cut });
    }
}

/// What ends before it was the sample: a launch.
fn is_ours(thread: u32) -> bool {
    let about = |path: &str| fs::metadata(path).map(|about| (about.dev(), about.ino())).ok();
    let program = about(&format!("/proc/{thread}/exe"));
    program.is_some() && program == about(OWN_PROGRAM)
}

struct Stat {
    process: u32,
    parent: u32,
    /// In ticks since the machine started.
    start: u64,
}

/// What the kernel says of a thread's process.
fn stat(thread: u32) -> Option<Stat> {
    let status = read_small(format!("/proc/{thread}/status")).ok()?;
    let number = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    let (process, parent): (u32, u32) = (number("Tgid:")?, number("PPid:")?);
    let line = read_small(format!("/proc/{process}/stat")).ok()?;
    // The name stands in parentheses and may hold any byte.
    let start = line.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?.parse().ok()?;
    Some(Stat { process, parent, start })
}
