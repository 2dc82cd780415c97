//! System calls of a run, recorded by the kernel: nothing of it shows in the sample's own process, and it costs a fifth to two fifths of
//! the time, where stopping at each call would cost ten times as much.
//!
//! Not recorded: calls that never return (`exit`, a successful `execve`, which the process events tell), and what is asked of the
//! kernel through io_uring.

mod kernel;
mod program;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use guest_protocol::{Bytes, Reply, Syscall};
use rustix::time::{ClockId, clock_gettime};

use crate::channel::{Channel, locked};
use crate::clock;
use kernel::{Ring, Tracer};
use program::{
    ARGUMENTS, CALL, CODE_SEGMENT, FIRST, FIRST_LENGTH, NUMBER, RECORD, REGISTERS, RESULT, SECOND,
    SECOND_LENGTH, TEXT, THREAD, TIME,
};

/// Calls that wait to be sent; more are counted as lost.
const WAITING: usize = 16384;
/// Calls in one message, which fits a frame whatever their texts are.
const TOGETHER: usize = 128;
/// Until the last records are out of the ring.
const LAST: Duration = Duration::from_millis(20);

/// Traces runs, if the kernel lets it.
#[derive(Clone)]
pub struct Trace(Option<Arc<Shared>>);

struct Shared {
    tracer: Tracer,
    runs: Mutex<HashMap<u32, SyncSender<Syscall>>>,
    overflown: AtomicU64,
}

/// The trace of one run.
pub struct Watch {
    shared: Arc<Shared>,
    call: u32,
    cgroup: u64,
    sender: JoinHandle<()>,
    lost_before: u64,
}

impl Trace {
    /// A kernel that cannot do it costs the records, not the runs.
    pub fn start(channel: &Channel) -> Self {
        match kernel::start() {
            Ok((tracer, ring)) => {
                let shared =
                    Arc::new(Shared { tracer, runs: Mutex::default(), overflown: AtomicU64::new(0) });
                let reader = Arc::clone(&shared);
                std::thread::spawn(move || reader.read(&ring));
                Self(Some(shared))
            }
            Err(error) => {
                channel.log(format!("system calls are not traced: {error}"));
                Self(None)
            }
        }
    }

    pub fn watch(&self, channel: &Arc<Channel>, call: u32, cgroup: u64) -> Option<Watch> {
        let shared = self.0.clone()?;
        let lost_before = shared.lost();
        let (calls, queue) = sync_channel(WAITING);
        locked(&shared.runs).insert(call, calls);
        if let Err(error) = shared.tracer.add(cgroup, call) {
            channel.log(format!("this run is not traced: {error}"));
        }
        let channel = Arc::clone(channel);
        let sender = std::thread::spawn(move || forward(&channel, call, &queue));
        Some(Watch { shared, call, cgroup, sender, lost_before })
    }
}

impl Watch {
    /// Sends what is left; gives how many calls were lost meanwhile.
    pub fn finish(self) -> u64 {
        std::thread::sleep(LAST);
        self.shared.tracer.remove(self.cgroup);
        locked(&self.shared.runs).remove(&self.call);
        let _ = self.sender.join();
        self.shared.lost() - self.lost_before
    }
}

impl Shared {
    fn lost(&self) -> u64 {
        self.tracer.lost() + self.overflown.load(Ordering::Relaxed)
    }

    fn read(&self, ring: &Ring) {
        loop {
            ring.wait();
            // Records tell the time since boot. Asked each time: the host sets the clock.
            let since_boot = clock_gettime(ClockId::Monotonic);
            let now = since_boot.tv_sec.saturating_mul(1_000_000_000).saturating_add(since_boot.tv_nsec);
            let boot = clock::now().saturating_sub(now);
            ring.read(|record| {
                let (call, syscall) = parse(record, boot);
                let runs = locked(&self.runs);
                if runs.get(&call).is_some_and(|queue| queue.try_send(syscall).is_err()) {
                    self.overflown.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    }
}

fn forward(channel: &Channel, call: u32, queue: &Receiver<Syscall>) {
    while let Ok(first) = queue.recv() {
        let mut together = vec![first];
        while together.len() < TOGETHER {
            match queue.try_recv() {
                Ok(next) => together.push(next),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        if !channel.send(call, Reply::Syscalls(together)) {
            return;
        }
    }
}

/// The call that a record belongs to, and what it says.
fn parse(record: &[u8; RECORD], boot: i64) -> (u32, Syscall) {
    const OLD_SEGMENT: u64 = 0x23;
    let word = |at: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&record[at..at + 8]);
        u64::from_ne_bytes(bytes)
    };
    let register = |at: usize| word(REGISTERS + at);
    let text = |length: usize, from: usize| {
        let length = usize::try_from(word(length) as i64).unwrap_or(0).min(TEXT);
        let text = &record[from..from + length];
        Bytes::from(text.strip_suffix(&[0]).unwrap_or(text))
    };
    let thread = word(THREAD);
    let syscall = Syscall {
        time: boot.saturating_add(word(TIME) as i64),
        pid: (thread >> 32) as u32,
        thread: thread as u32,
        number: register(NUMBER) as u32,
        is_32_bit: register(CODE_SEGMENT) == OLD_SEGMENT,
        arguments: ARGUMENTS.map(register),
        result: word(RESULT) as i64,
        first: text(FIRST_LENGTH, FIRST),
        second: text(SECOND_LENGTH, SECOND),
    };
    (word(CALL) as u32, syscall)
}
