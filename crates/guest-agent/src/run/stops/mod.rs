//! System calls of a run, recorded by stopping the sample at each (`ptrace(2)`, with a filter so that it stops at nothing else). It
//! takes the place of the programs in the kernel where those are refused, or when it is asked for.
//!
//! The same records as those programs give, with these differences: calls that are not recorded are not counted either; the sample
//! can see that it is traced (`TracerPid` of its status, and time); it can trace nothing itself, though asking to be traced is
//! answered as if it were; and calls that a filter of its own refuses are not seen. Nothing of it runs on without its tracer: it
//! dies with it, and a thread that the tracer lost can make none of the calls that are recorded.

mod copy;
mod ptrace;
#[cfg(test)]
pub mod tests;

use std::collections::HashMap;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel, sync_channel};
use std::time::Duration;

use guest_protocol::syscalls::{self, Abi, NUMBERS, Row};
use guest_protocol::{Bytes, Syscall};
use libc::pid_t;

use crate::clock;
use crate::file::read_small;
use crate::run::ends::Keeper;
use copy::Memory;
use ptrace::{Beginning, Event};

/// All processes are killed before the end is awaited.
const LAST: Duration = Duration::from_secs(2);
/// Between two looks of a launch whether it is traced.
const LOOK: Duration = Duration::from_millis(1);

const CLONE_UNTRACED: u64 = 0x0080_0000;
const PTRACE_TRACEME: u64 = 0;

/// The tracer of one run.
pub struct Tracer {
    /// How the first process ended.
    first: Receiver<ExitStatus>,
    /// Closed when no process is left.
    ended: Receiver<()>,
    lost: Arc<AtomicU64>,
}

/// Starts a process that waits for being traced (see [`await_tracer`]), and traces it.
/// The keeper is told of ends.
pub fn start(
    mut command: Command,
    calls: SyncSender<Syscall>,
    keeper: Option<Keeper>,
) -> io::Result<(Child, Tracer)> {
    let stops_at_ends = keeper.is_some();
    follow(move || begin(&mut command, stops_at_ends), calls, keeper)
}

/// Whoever starts a process has to wait for it, and only the thread that traces may do so: so it does both.
fn follow<C: Send + 'static>(
    begin: impl FnOnce() -> io::Result<(C, pid_t)> + Send + 'static,
    calls: SyncSender<Syscall>,
    keeper: Option<Keeper>,
) -> io::Result<(C, Tracer)> {
    let lost = Arc::new(AtomicU64::new(0));
    let (tell, told) = sync_channel(1);
    let (tell_first, first) = sync_channel(1);
    let (end, ended) = channel();
    let counter = Arc::clone(&lost);
    std::thread::Builder::new().spawn(move || {
        let pid = match begin() {
            Ok((child, pid)) => {
                let _ = tell.send(Ok(child));
                pid
            }
            Err(error) => {
                let _ = tell.send(Err(error));
                return;
            }
        };
        let threads = HashMap::new();
        Tracing { first: pid, tell_first, calls, lost: counter, has_begun: false, threads, keeper }.run();
        drop(end);
    })?;
    let child = told.recv().map_err(io::Error::other)??;
    Ok((child, Tracer { first, ended, lost }))
}

fn begin(command: &mut Command, stops_at_ends: bool) -> io::Result<(Child, pid_t)> {
    let mut child = command.spawn()?;
    let pid = pid_t::try_from(child.id()).map_err(io::Error::other)?;
    match ptrace::seize(pid, stops_at_ends) {
        Ok(()) => Ok((child, pid)),
        Err(error) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(error)
        }
    }
}

/// Waits until somebody traces this thread.
pub fn await_tracer() -> io::Result<()> {
    loop {
        let status = read_small("/proc/thread-self/status")?;
        let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
        if tracer.is_some_and(|pid| pid.trim() != "0") {
            return Ok(());
        }
        std::thread::sleep(LOOK);
    }
}

impl Tracer {
    /// How the first process ended.
    pub fn wait(&self) -> io::Result<ExitStatus> {
        self.first.recv().map_err(io::Error::other)
    }

    /// Waits until no process is left; gives how many calls were lost.
    pub fn finish(self) -> u64 {
        // One that cannot be killed is left to its tracer.
        let is_over = self.ended.recv_timeout(LAST) != Err(RecvTimeoutError::Timeout);
        self.lost.load(Ordering::Relaxed) + u64::from(!is_over)
    }
}

struct Tracing {
    first: pid_t,
    tell_first: SyncSender<ExitStatus>,
    calls: SyncSender<Syscall>,
    lost: Arc<AtomicU64>,
    /// Whether the sample is there: what the launch does before is no part of the run.
    has_begun: bool,
    /// Those that made a call that is recorded.
    threads: HashMap<pid_t, Thread>,
    keeper: Option<Keeper>,
}

struct Thread {
    pid: u32,
    /// The call under way, without its result.
    call: Option<(&'static Row, Syscall)>,
}

/// The memory of a thread that stands still.
struct Of(pid_t);

impl Memory for Of {
    fn read(&self, from: u64, into: &mut [u8]) -> usize {
        ptrace::read(self.0, from, into)
    }
}

/// What becomes of a call.
enum Fate {
    Recorded,
    /// Not made, with this result.
    Answered(i64),
    /// Made without a record.
    Passed,
}

impl Tracing {
    fn run(mut self) {
        while let Ok(Some((thread, event))) = ptrace::wait() {
            match event {
                Event::Ended(status) => {
                    self.threads.remove(&thread);
                    self.keep(|keeper| keeper.forget(thread as u32));
                    if thread == self.first {
                        let _ = self.tell_first.try_send(ExitStatus::from_raw(status));
                    }
                }
                Event::Call => self.begins(thread),
                Event::Done => {
                    self.done(thread);
                    ptrace::go_on(thread, false, 0);
                }
                Event::Program { before } => {
                    // All other threads are gone, and this one has the number of the first.
                    if let Some(known) = self.threads.remove(&before) {
                        self.threads.insert(thread, known);
                    }
                    self.go_on(thread, 0);
                }
                Event::Ending => {
                    self.keep(|keeper| keeper.thread_ends(thread as u32));
                    ptrace::go_on(thread, false, 0);
                }
                Event::Group => ptrace::stay(thread),
                Event::Signal(signal) => self.go_on(thread, signal),
                Event::Passing => self.go_on(thread, 0),
            }
        }
    }

    fn go_on(&self, thread: pid_t, signal: i32) {
        let has_call = self.threads.get(&thread).is_some_and(|known| known.call.is_some());
        ptrace::go_on(thread, has_call, signal);
    }

    fn begins(&mut self, thread: pid_t) {
        let Some((row, mut call)) = ptrace::beginning(thread).and_then(|call| self.described(thread, &call))
        else {
            return ptrace::go_on(thread, false, 0);
        };
        let name = row.names[0];
        self.has_begun |= name.starts_with("execve");
        if !self.has_begun {
            return ptrace::go_on(thread, false, 0);
        }
        if name.starts_with("execve") {
            self.keep(|keeper| keeper.program_ends(thread as u32));
        }
        match fate(thread, name, &mut call) {
            Fate::Answered(result) => {
                // A thread that is gone makes no call either.
                if ptrace::answer(thread, result) {
                    call.result = result;
                    self.tell(call);
                }
            }
            // There is no end of it.
            Fate::Recorded if name.starts_with("exit") => self.tell(call),
            Fate::Recorded => {
                if let Some(known) = self.threads.get_mut(&thread) {
                    known.call = Some((row, call));
                }
            }
            Fate::Passed => {}
        }
        self.go_on(thread, 0);
    }

    /// The call, unless it is none that is recorded: filters of the sample can stop it at others.
    fn described(&mut self, thread: pid_t, call: &Beginning) -> Option<(&'static Row, Syscall)> {
        let abi = Abi::of(call.is_32_bit);
        let number = u32::try_from(call.number).ok().filter(|number| *number < NUMBERS)?;
        let row = syscalls::row(abi, number)?;
        let pid =
            self.threads.entry(thread).or_insert_with(|| Thread { pid: process(thread), call: None }).pid;
        let syscall = Syscall {
            time: clock::now(),
            pid,
            thread: thread as u32,
            number,
            is_32_bit: call.is_32_bit,
            arguments: call.arguments,
            result: 0,
            times: 1,
            memory: copy::before(&Of(thread), row, abi, &call.arguments),
        };
        Some((row, syscall))
    }

    fn done(&mut self, thread: pid_t) {
        let Some((row, mut call)) = self.threads.get_mut(&thread).and_then(|known| known.call.take()) else {
            return;
        };
        let Some(result) = ptrace::result(thread) else { return };
        call.result = result;
        // After it there is another program in that memory.
        if !(row.names[0].starts_with("execve") && result == 0) {
            copy::after(&Of(thread), row, Abi::of(call.is_32_bit), &call.arguments, &mut call.memory);
        }
        self.tell(call);
    }

    fn keep(&mut self, keep: impl FnOnce(&mut Keeper)) {
        if let Some(keeper) = &mut self.keeper {
            keep(keeper);
        }
    }

    fn tell(&self, call: Syscall) {
        if self.calls.try_send(call).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn fate(thread: pid_t, name: &str, call: &mut Syscall) -> Fate {
    let refused = |error: i32| Fate::Answered(-i64::from(error));
    match name {
        "io_uring_setup" => refused(libc::EPERM),
        // It has a tracer, which it is not to know.
        "ptrace" if call.arguments[0] == PTRACE_TRACEME => Fate::Answered(0),
        "clone" if call.arguments[0] & CLONE_UNTRACED != 0 => {
            match ptrace::set_first_argument(thread, call.is_32_bit, call.arguments[0] & !CLONE_UNTRACED) {
                true => Fate::Recorded,
                false => Fate::Passed,
            }
        }
        // Its flags lie in memory, where they can be changed after a look. Libraries use `clone` instead.
        "clone3" if flags(call).is_some_and(|flags| flags & CLONE_UNTRACED != 0) => refused(libc::ENOSYS),
        _ => Fate::Recorded,
    }
}

fn flags(call: &Syscall) -> Option<u64> {
    let first = call.memory.first()?.as_ref().map(|bytes: &Bytes| bytes.0.first_chunk::<8>())??;
    Some(u64::from_ne_bytes(*first))
}

/// The process that a thread is of.
fn process(thread: pid_t) -> u32 {
    let status = read_small(format!("/proc/{thread}/status")).unwrap_or_default();
    let pid = status.lines().find_map(|line| line.strip_prefix("Tgid:")?.trim().parse().ok());
    pid.unwrap_or(thread as u32)
}
