//! System calls of a run, recorded by the kernel: nothing of it shows in the sample's own process, where stopping at each call would,
//! and would cost more. That is the way of [`super::stops`], for kernels that refuse our programs; its records go out here as well.
//!
//! [`guest_protocol::syscalls::TABLE`] says which calls are recorded; the others are counted by the kernel.

mod code;
mod kernel;
mod program;
mod record;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use guest_protocol::syscalls::{self, Abi, Kind, NUMBERS};
use guest_protocol::{Counted, Reply, Syscall, Tracing};
use rustix::time::{ClockId, clock_gettime};

use crate::channel::{Channel, locked};
use crate::clock;
use kernel::{Ring, Tracer};
pub use program::BUFFER;

/// Calls that wait to be sent; more are counted as lost.
const WAITING: usize = 16384;
/// Calls in one message, and how many bytes they may have: both together fit a frame.
const TOGETHER: usize = 128;
const TOGETHER_BYTES: usize = 32 << 10;
/// Numbers and lengths of one call, at most.
const FIXED_BYTES: usize = 120;
/// Until the last records are out of the ring.
const LAST: Duration = Duration::from_millis(60);
/// Between two looks at the ring, during a run and otherwise.
const PAUSE: Duration = Duration::from_millis(5);
const IDLE: Duration = Duration::from_millis(50);

/// Traces runs by the kernel's programs, if it lets them in; else why it does not.
#[derive(Clone)]
pub struct Trace(Result<Arc<Shared>, Arc<str>>);

pub struct Shared {
    tracer: Tracer,
    runs: Mutex<HashMap<u32, SyncSender<Syscall>>>,
    overflown: AtomicU64,
}

/// The trace of one run.
pub struct Watch {
    way: Way,
    sender: JoinHandle<()>,
}

enum Way {
    Kernel {
        shared: Arc<Shared>,
        call: u32,
        cgroup: u64,
        lost_before: u64,
    },
    /// Where calls go that a tracer takes down, until it is there.
    Stops(Option<SyncSender<Syscall>>),
}

impl Trace {
    /// A kernel that cannot do it costs speed, not records.
    pub fn start() -> Self {
        match kernel::start() {
            Ok((tracer, ring)) => {
                let shared =
                    Arc::new(Shared { tracer, runs: Mutex::default(), overflown: AtomicU64::new(0) });
                let reader = Arc::clone(&shared);
                std::thread::spawn(move || reader.read(&ring));
                Self(Ok(shared))
            }
            Err(error) => Self(Err(error.to_string().into())),
        }
    }

    /// In the way that is asked for. Said with each run: nobody listens when the agent starts.
    pub fn watch(&self, channel: &Arc<Channel>, call: u32, cgroup: u64, asked: Tracing) -> Option<Watch> {
        let shared = match (asked, &self.0) {
            (Tracing::Off, _) => return None,
            (Tracing::Kernel, Ok(shared)) => Some(Arc::clone(shared)),
            (Tracing::Kernel, Err(why)) => {
                channel
                    .log(format!("the kernel refuses the programs that record system calls (eBPF): {why}"));
                None
            }
            (Tracing::Stops, _) => None,
        };
        let (calls, queue) = sync_channel(WAITING);
        let way = match shared {
            Some(shared) => {
                channel.log("system calls are recorded by programs in the kernel (eBPF)".into());
                let lost_before = shared.lost();
                locked(&shared.runs).insert(call, calls);
                if let Err(error) = shared.tracer.add(cgroup, call) {
                    channel.log(format!("this run is not traced: {error}"));
                }
                Way::Kernel { shared, call, cgroup, lost_before }
            }
            None => {
                channel.log("system calls are recorded by stopping at each (ptrace)".into());
                Way::Stops(Some(calls))
            }
        };
        let channel = Arc::clone(channel);
        let sender = std::thread::spawn(move || forward(&channel, call, &queue));
        Some(Watch { way, sender })
    }
}

impl Watch {
    /// Where a tracer of the sample is to put calls, when there has to be one.
    pub fn stops(&mut self) -> Option<SyncSender<Syscall>> {
        match &mut self.way {
            Way::Kernel { .. } => None,
            Way::Stops(calls) => calls.take(),
        }
    }

    /// Sends what is left; gives how many calls were lost meanwhile, and those that were only counted. A tracer has ended before.
    pub fn finish(self) -> (u64, Vec<Counted>) {
        let Way::Kernel { shared, call, cgroup, lost_before } = self.way else {
            drop(self.way);
            let _ = self.sender.join();
            return Default::default();
        };
        std::thread::sleep(LAST);
        shared.tracer.remove(cgroup);
        locked(&shared.runs).remove(&call);
        let _ = self.sender.join();
        let counted = shared.tracer.take_counts(call).into_iter().map(|(place, times)| Counted {
            number: place % NUMBERS,
            is_32_bit: place >= NUMBERS,
            times,
        });
        (shared.lost() - lost_before, counted.collect())
    }
}

impl Shared {
    fn lost(&self) -> u64 {
        self.tracer.lost() + self.overflown.load(Ordering::Relaxed)
    }

    fn read(&self, ring: &Ring) {
        loop {
            // A wake-up for each record would be a switch of tasks for each call.
            std::thread::sleep(if locked(&self.runs).is_empty() { IDLE } else { PAUSE });
            // Records tell the time since boot. Asked each time: the host sets the clock.
            let since_boot = clock_gettime(ClockId::Monotonic);
            let now = since_boot.tv_sec.saturating_mul(1_000_000_000).saturating_add(since_boot.tv_nsec);
            let boot = clock::now().saturating_sub(now);
            ring.read(|record| {
                let Some((call, syscall)) = record::parse(record, boot) else { return };
                let runs = locked(&self.runs);
                if runs.get(&call).is_some_and(|queue| queue.try_send(syscall).is_err()) {
                    self.overflown.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    }
}

/// Sends calls in portions; equal ones that follow each other as one.
fn forward(channel: &Channel, call: u32, queue: &Receiver<Syscall>) {
    while let Ok(first) = queue.recv() {
        let mut bytes = size(&first);
        let mut together = vec![first];
        while together.len() < TOGETHER && bytes < TOGETHER_BYTES {
            match queue.try_recv() {
                Ok(next) => match together.last_mut() {
                    Some(last) if is_repeated(last, &next) => last.times = last.times.saturating_add(1),
                    _ => {
                        bytes += size(&next);
                        together.push(next);
                    }
                },
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        if !channel.send(call, Reply::Syscalls(together)) {
            return;
        }
    }
}

fn size(call: &Syscall) -> usize {
    FIXED_BYTES + call.memory.iter().flatten().map(|bytes| bytes.len()).sum::<usize>()
}

/// Whether a call says nothing that the one before did not say. Where a buffer lies is nothing.
fn is_repeated(last: &Syscall, next: &Syscall) -> bool {
    let rest = |call: &Syscall| {
        let [first, _, others @ ..] = call.arguments;
        (call.thread, call.number, call.is_32_bit, call.result, first, others)
    };
    let has_buffer = syscalls::row(Abi::of(next.is_32_bit), next.number)
        .and_then(|row| row.arguments.get(1))
        .is_some_and(|(_, kind)| matches!(kind, Kind::Bytes | Kind::Skip));
    rest(last) == rest(next)
        && (has_buffer || last.arguments[1] == next.arguments[1])
        && last.memory == next.memory
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(number: i64, arguments: [u64; 6], memory: &str) -> Syscall {
        Syscall {
            time: 1,
            pid: 5,
            thread: 5,
            number: number as u32,
            is_32_bit: false,
            arguments,
            result: 1,
            times: 1,
            memory: vec![Some(memory.into())],
        }
    }

    #[test]
    fn only_what_says_the_same_is_a_repetition() {
        let write = |buffer, text| call(libc::SYS_write, [1, buffer, 1, 0, 0, 0], text);
        assert!(is_repeated(&write(10, "x"), &write(20, "x")));
        assert!(!is_repeated(&write(10, "x"), &write(20, "y")));
        let protect = |length| call(libc::SYS_mprotect, [1, length, 1, 0, 0, 0], "");
        assert!(!is_repeated(&protect(1), &protect(2)));
        assert!(!is_repeated(&write(10, "x"), &Syscall { result: -9, ..write(10, "x") }));
    }
}
