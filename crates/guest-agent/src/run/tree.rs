//! The processes of a run as the kernel tells about them (process events connector): forks, programs and ends, also of those that
//! live too short to be seen in `/proc`.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use guest_protocol::{Bytes, Exit, ProcessEvent, Reply};
use rustix::net::netlink::{CONNECTOR, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send, socket_with, sockopt,
};

use super::cgroup;
use super::written::{DELETED, Program, without_mark};
use crate::channel::{Channel, locked};
use crate::clock;

/// Events that wait to be sent; more are counted as lost.
const WAITING: usize = 4096;
/// What the kernel keeps for us while we are slow.
const BUFFER: usize = 4 << 20;
/// Words of a command line, and bytes of one. What is cut ends with a word that says so.
const MOST_WORDS: usize = 256;
const LONGEST_LINE: usize = 8192;
const CUT: &[u8] = b"[...]";
/// The last ends are told a moment after the processes are gone.
const LAST_ENDS: Duration = Duration::from_millis(500);

/// Who belongs to which run, and where its events go.
#[derive(Clone, Default)]
pub struct Tree(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    members: HashMap<u32, u32>,
    runs: HashMap<u32, SyncSender<ProcessEvent>>,
    /// Where programs go that nobody finds later.
    hidden: HashMap<u32, SyncSender<Program>>,
    lost: Arc<AtomicU64>,
}

/// The events of one run on their way to the host.
pub struct Watch {
    tree: Tree,
    call: u32,
    sender: Option<JoinHandle<()>>,
    lost_before: u64,
}

impl Tree {
    /// Listens as long as the process lives. A kernel without such events costs them, not the runs.
    pub fn listen(channel: &Channel) -> Self {
        let tree = Self::default();
        match subscribe() {
            Ok(socket) => {
                let listener = tree.clone();
                std::thread::spawn(move || listener.read(&socket));
            }
            Err(error) => channel.log(format!("processes are not watched: {error}")),
        }
        tree
    }

    /// Begins to send the events of a run. Programs that have no name, or lie on a file system of the sample's own, are handed to
    /// `hidden`.
    pub fn watch(&self, channel: &Arc<Channel>, call: u32, hidden: Option<SyncSender<Program>>) -> Watch {
        let (events, queue) = sync_channel(WAITING);
        let mut state = locked(&self.0);
        state.runs.insert(call, events);
        state.hidden.extend(hidden.map(|hidden| (call, hidden)));
        let lost_before = state.lost.load(Ordering::Relaxed);
        let channel = Arc::clone(channel);
        let sender = std::thread::spawn(move || forward(&channel, call, &queue));
        Watch { tree: self.clone(), call, sender: Some(sender), lost_before }
    }

    fn read(&self, socket: &OwnedFd) {
        let mut buffer = [0_u8; 4096];
        loop {
            match recv(socket, &mut buffer[..], RecvFlags::empty()) {
                Ok((length, _)) => {
                    if let Some(what) = parse(&buffer[..length.min(4096)]) {
                        self.take(what);
                    }
                }
                // The kernel had to drop some: how many is not known.
                Err(rustix::io::Errno::NOBUFS) => {
                    locked(&self.0).lost.fetch_add(1, Ordering::Relaxed);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
        }
    }

    fn take(&self, what: What) {
        let mut state = locked(&self.0);
        match what {
            What::Fork { parent, child } => {
                // A child by CLONE_PARENT is its maker's sibling.
                let Some(call) = state.members.get(&parent).copied().or_else(|| group(child)) else { return };
                state.members.insert(child, call);
                state.tell(call, ProcessEvent::Forked { pid: child, parent, time: clock::now() });
            }
            What::Exec { pid } => {
                // The first process of a run is known by its group, which it enters just before.
                let Some(call) = state.members.get(&pid).copied().or_else(|| group(pid)) else { return };
                state.members.insert(pid, call);
                let (program, command) = (program(pid), command(pid));
                if let Some(hidden) = state.hidden.get(&call)
                    && let Some(file) = out_of_sight(pid, &program)
                {
                    let is_kept =
                        hidden.try_send(Program { pid, path: without_mark(&program).into(), file }).is_ok();
                    state.lost.fetch_add(u64::from(!is_kept), Ordering::Relaxed);
                }
                state.tell(call, ProcessEvent::Executed { pid, program, command, time: clock::now() });
            }
            What::Exit { pid, exit } => {
                let Some(call) = state.members.remove(&pid) else { return };
                state.tell(call, ProcessEvent::Ended { pid, exit, time: clock::now() });
            }
        }
    }
}

impl State {
    fn tell(&self, call: u32, event: ProcessEvent) {
        let Some(events) = self.runs.get(&call) else { return };
        if events.try_send(event).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Watch {
    /// Sends what is left; gives how many events were lost meanwhile.
    pub fn finish(mut self) -> u64 {
        let until = Instant::now() + LAST_ENDS;
        while locked(&self.tree.0).members.values().any(|call| *call == self.call) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
        let lost = {
            let mut state = locked(&self.tree.0);
            state.runs.remove(&self.call);
            state.hidden.remove(&self.call);
            state.members.retain(|_, call| *call != self.call);
            state.lost.load(Ordering::Relaxed)
        };
        if let Some(sender) = self.sender.take() {
            let _ = sender.join();
        }
        lost - self.lost_before
    }
}

fn forward(channel: &Channel, call: u32, queue: &Receiver<ProcessEvent>) {
    while let Ok(event) = queue.recv() {
        if !channel.send(call, Reply::Process(event)) {
            return;
        }
    }
}

#[derive(Debug, PartialEq)]
enum What {
    Fork { parent: u32, child: u32 },
    Exec { pid: u32 },
    Exit { pid: u32, exit: Exit },
}

fn subscribe() -> io::Result<OwnedFd> {
    const PROCESSES: u32 = 1;
    let socket =
        socket_with(AddressFamily::NETLINK, SocketType::DGRAM, SocketFlags::CLOEXEC, Some(CONNECTOR))?;
    let _ = sockopt::set_socket_recv_buffer_size_force(&socket, BUFFER);
    bind(&socket, &SocketAddrNetlink::new(0, PROCESSES))?;
    // A netlink header (length 40, done), a connector header (events of processes, 4 bytes), "listen".
    let words: [u32; 10] = [40, 3, 0, 0, PROCESSES, 1, 0, 0, 4, 1];
    send(&socket, &words.map(u32::to_ne_bytes).concat(), SendFlags::empty())?;
    Ok(socket)
}

/// Threads are left out: only processes count.
fn parse(message: &[u8]) -> Option<What> {
    const EVENT: usize = 36;
    const DATA: usize = EVENT + 16;
    let word = |at: usize| {
        message.get(at..at + 4).map(|bytes| u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    };
    let data = |at: usize| word(DATA + 4 * at);
    match word(EVENT)? {
        1 => {
            let (parent, child, group) = (data(1)?, data(2)?, data(3)?);
            (child == group).then_some(What::Fork { parent, child })
        }
        2 => Some(What::Exec { pid: data(1)? }),
        0x8000_0000 => {
            let (pid, group, status) = (data(0)?, data(1)?, data(2)? as i32);
            let exit = match status & 0x7f {
                0 => Exit::Code((status >> 8) & 0xff),
                signal => Exit::Signal(signal),
            };
            (pid == group).then_some(What::Exit { pid, exit })
        }
        _ => None,
    }
}

/// The run whose group a process is in.
fn group(pid: u32) -> Option<u32> {
    cgroup::run(&cgroup::of(pid).ok()?)
}

fn program(pid: u32) -> Bytes {
    let path = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    path.into_os_string().into_encoded_bytes().into()
}

fn command(pid: u32) -> Vec<Bytes> {
    use std::io::Read as _;
    let mut line = Vec::new();
    if let Ok(file) = File::open(format!("/proc/{pid}/cmdline")) {
        let _ = file.take(LONGEST_LINE as u64 + 1).read_to_end(&mut line);
    }
    words(&line)
}

fn words(line: &[u8]) -> Vec<Bytes> {
    let kept = &line[..line.len().min(LONGEST_LINE)];
    let mut words = kept.strip_suffix(&[0]).unwrap_or(kept).split(|byte| *byte == 0);
    let mut all: Vec<Bytes> = words.by_ref().take(MOST_WORDS).map(Bytes::from).collect();
    if kept.len() < line.len() || words.next().is_some() {
        all.push(CUT.into());
    }
    all
}

/// The file of a program that has no name any more, or none in any folder of ours.
fn out_of_sight(pid: u32, program: &[u8]) -> Option<File> {
    let file = File::open(format!("/proc/{pid}/exe")).ok()?;
    let is_elsewhere = || Some(file.metadata().ok()?.dev() != std::fs::metadata("/").ok()?.dev());
    (program.ends_with(DELETED) || is_elsewhere()?).then_some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(words: &[u32]) -> Vec<u8> {
        let mut bytes = vec![0; 36];
        bytes.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
        bytes
    }

    #[test]
    fn events_of_the_kernel_are_read() {
        let event = |kind, data: &[u32]| parse(&message(&[&[kind, 0, 0, 0], data].concat()));
        assert_eq!(event(1, &[9, 10, 11, 11]), Some(What::Fork { parent: 10, child: 11 }));
        assert_eq!(event(1, &[9, 10, 12, 11]), None, "a thread");
        assert_eq!(event(2, &[12, 11]), Some(What::Exec { pid: 11 }));
        let ended = |status| event(0x8000_0000, &[11, 11, status]);
        assert_eq!(ended(7 << 8), Some(What::Exit { pid: 11, exit: Exit::Code(7) }));
        assert_eq!(ended(9), Some(What::Exit { pid: 11, exit: Exit::Signal(9) }));
        assert_eq!(event(1, &[9, 10]), None, "too short");
        assert_eq!(parse(&[]), None);
    }

    #[test]
    fn a_command_line_that_is_cut_says_so() {
        assert_eq!(words(b"sh\0-c\0id\0"), ["sh".into(), "-c".into(), Bytes::from("id")]);
        assert_eq!(words(&b"a\0".repeat(MOST_WORDS)).len(), MOST_WORDS);
        assert_eq!(words(&b"a\0".repeat(MOST_WORDS + 1)).last(), Some(&Bytes::from(CUT)));
        let long = words(&[b'x'; LONGEST_LINE + 1]);
        assert_eq!((long[0].len(), long.len(), &long[1]), (LONGEST_LINE, 2, &Bytes::from(CUT)));
    }
}
