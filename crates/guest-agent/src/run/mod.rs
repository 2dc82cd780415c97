//! Running samples: each run in a cgroup of its own, so that all it starts can be limited, awaited and killed.

mod cgroup;
mod ends;
mod filter;
mod launch;
mod pump;
mod reap;
mod stops;
mod trace;
mod tree;
pub mod user;
pub mod written;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use guest_protocol::{Counts, Exit, FailureKind, Reply, Run, Stream, Syscall};

use crate::channel::{Channel, locked};
use crate::failure::{failed, failed_io};
use crate::{OWN_PROGRAM, clock, dropped};
use cgroup::Cgroup;
pub use launch::launch;
use pump::Pump;
use stops::Tracer;
use trace::Trace;
use tree::Tree;

/// Runs side by side.
const MOST: usize = 16;
/// After all processes are dead, their pipes end. Should one have escaped, they may not.
const LAST_OUTPUT: Duration = Duration::from_secs(2);

/// What runs now.
pub struct Runs {
    all: Arc<Mutex<HashMap<u32, Arc<Running>>>>,
    watchers: Watchers,
}

#[derive(Clone)]
struct Watchers {
    tree: Tree,
    trace: Trace,
}

struct Running {
    cgroup: Cgroup,
    killed: AtomicBool,
}

impl Runs {
    pub fn new(channel: &Channel) -> Self {
        Self {
            all: Arc::default(),
            watchers: Watchers { tree: Tree::listen(channel), trace: Trace::start() },
        }
    }

    pub fn start(&self, channel: &Arc<Channel>, call: u32, run: Run) {
        if run.command.is_empty() {
            return channel.finish(call, failed(FailureKind::Invalid, "no command"));
        }
        let mut runs = locked(&self.all);
        if runs.len() >= MOST || runs.contains_key(&call) {
            return channel.finish(call, failed(FailureKind::TooMany, "too many runs at once"));
        }
        let cgroup = match Cgroup::make(call, &run.limits) {
            Ok(cgroup) => cgroup,
            Err(error) => return channel.finish(call, failed_io("cgroup", &error)),
        };
        let running = Arc::new(Running { cgroup, killed: AtomicBool::new(false) });
        runs.insert(call, Arc::clone(&running));
        channel.open(call, run.window);
        let (all, channel, watchers) = (Arc::clone(&self.all), Arc::clone(channel), self.watchers.clone());
        std::thread::spawn(move || {
            let last = drive(&channel, &watchers, call, &run, &running);
            // Whoever still watches must not keep what the run left behind alive.
            running.cgroup.kill();
            running.cgroup.remove();
            locked(&all).remove(&call);
            if let Some(reply) = last {
                channel.finish(call, reply);
            }
        });
    }

    pub fn kill(&self, call: u32) {
        if let Some(running) = locked(&self.all).get(&call) {
            running.kill();
        }
    }

    pub fn kill_all(&self) {
        locked(&self.all).values().for_each(|running| running.kill());
    }
}

impl Running {
    fn kill(&self) {
        self.killed.store(true, Ordering::Relaxed);
        self.cgroup.kill();
    }
}

/// The last reply of the run; `None` when nobody wants it.
fn drive(
    channel: &Arc<Channel>,
    watchers: &Watchers,
    call: u32,
    run: &Run,
    running: &Running,
) -> Option<Reply> {
    let since = clock::now();
    let mut counts = Counts::default();
    let verdict = format!("{}/{call}", launch::VERDICTS);
    let written = written::Watch::start(channel, call, &run.watch, &run.limits);
    let tree = watchers.tree.watch(channel, call, written.as_ref().map(written::Watch::hidden));
    let mut trace = watchers.trace.watch(channel, call, running.cgroup.number(), run.trace);
    let calls = trace.as_mut().and_then(trace::Watch::stops);
    let keeper = (run.limits.memories > 0)
        .then(|| ends::Keeper::new(channel, call, &run.limits, running.cgroup.is_over()));
    let left = keeper.as_ref().map(ends::Keeper::left);
    let (mut child, watch) = match spawn(run, running, &verdict, calls, keeper) {
        Ok(started) => started,
        Err(error) => {
            written.map(written::Watch::finish);
            end_watches(tree, trace, End::None, &mut counts);
            return Some(failed_io("cannot start a process", &error));
        }
    };
    if !channel.send(call, Reply::Started { pid: child.id() }) {
        running.kill();
    }
    let out = child
        .stdout
        .take()
        .map(|pipe| Pump::start(channel, call, Stream::Stdout, pipe, run.limits.output_bytes));
    let err = child
        .stderr
        .take()
        .map(|pipe| Pump::start(channel, call, Stream::Stderr, pipe, run.limits.output_bytes));
    let until = (run.limits.milliseconds > 0)
        .then(|| Instant::now() + Duration::from_millis(run.limits.milliseconds));
    let status = wait(&child, watch.tracer(), until, running, &mut counts);
    let refused = fs::read_to_string(&verdict).unwrap_or_default();
    let _ = fs::remove_file(&verdict);
    if !refused.is_empty() {
        written.map(written::Watch::finish);
        running.cgroup.kill();
        end_watches(tree, trace, watch, &mut counts);
        return Some(launch::refusal(&refused));
    }
    let exited = Reply::Exited { exit: exit(status) };
    // The pumps send the output before this; what later processes say comes after it.
    let wanted = channel.send(call, exited);
    if wanted && run.limits.wait_for_all {
        counts.timed_out |= !running.cgroup.await_empty(until);
    }
    counts.left_over = running.cgroup.processes();
    running.cgroup.kill();
    running.cgroup.await_empty(Some(Instant::now() + LAST_OUTPUT));
    let until = Instant::now() + LAST_OUTPUT;
    counts.stdout_cut = out.map_or(0, |pump| pump.finish(until));
    counts.stderr_cut = err.map_or(0, |pump| pump.finish(until));
    end_watches(tree, trace, watch, &mut counts);
    if let Some(left) = left {
        counts.memories_left_out = left.out.load(Ordering::Relaxed);
        counts.memories_cut = left.cut.load(Ordering::Relaxed);
    }
    counts.killed = running.killed.load(Ordering::Relaxed);
    (counts.processes_refused, counts.memory_kills) = running.cgroup.refusals();
    let written = written.map(written::Watch::finish).unwrap_or_default();
    let span = dropped::Span { watch: &run.watch, since };
    if !wanted || !dropped::send(channel, call, &span, written, &run.limits, &mut counts) {
        return None;
    }
    Some(Reply::Finished(counts))
}

/// Who sees the processes of a run end.
enum End {
    Tracer(Tracer),
    Listener(ends::Watch),
    None,
}

impl End {
    fn tracer(&self) -> Option<&Tracer> {
        if let Self::Tracer(tracer) = self { Some(tracer) } else { None }
    }

    /// Gives how many calls were lost.
    fn finish(self) -> u64 {
        match self {
            Self::Tracer(tracer) => return tracer.finish(),
            Self::Listener(listener) => listener.finish(),
            Self::None => {}
        }
        0
    }
}

fn end_watches(tree: tree::Watch, trace: Option<trace::Watch>, end: End, counts: &mut Counts) {
    counts.events_lost = tree.finish();
    let lost = end.finish();
    (counts.syscalls_lost, counts.syscalls_counted) = trace.map(trace::Watch::finish).unwrap_or_default();
    counts.syscalls_lost += lost;
}

/// The sample's first process: this program once more, which turns into it (see `launch`). Its tracer, when there are `calls` to take
/// down; else who keeps memory, if that is wanted.
fn spawn(
    run: &Run,
    running: &Running,
    verdict: &str,
    calls: Option<SyncSender<Syscall>>,
    mut keeper: Option<ends::Keeper>,
) -> io::Result<(Child, End)> {
    DirBuilder::new().recursive(true).mode(0o700).create(launch::VERDICTS)?;
    fs::write(verdict, "")?;
    let path = format!("{verdict}.ends").into();
    let listener = match keeper.take_if(|_| calls.is_none()) {
        Some(keeper) => Some(ends::Watch::start(path, keeper)?),
        None => None,
    };
    let account = user::account(run.user);
    let folder = if run.folder.is_empty() { account.home.as_bytes() } else { &run.folder };
    let mut command = Command::new(OWN_PROGRAM);
    command
        .arg("--launch")
        .arg(verdict)
        .arg(running.cgroup.members())
        .arg(account.uid.to_string())
        .arg(account.gid.to_string())
        .arg(run.limits.file_bytes.to_string())
        .arg(if calls.is_some() { launch::TRACED } else { launch::UNTRACED })
        .arg(listener.as_ref().map_or(OsStr::new(""), |listener| listener.path().as_os_str()))
        .arg(OsStr::from_bytes(folder))
        .args(run.command.iter().map(|word| OsStr::from_bytes(word)))
        .env_clear()
        .envs(user::environment(&account))
        .envs(run.environment.iter().map(|(name, value)| (OsStr::from_bytes(name), OsStr::from_bytes(value))))
        .stdin(if run.stdin.is_empty() { Stdio::null() } else { Stdio::piped() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let (mut child, end) = match (calls, listener) {
        (Some(calls), _) => {
            let (child, tracer) = stops::start(command, calls, keeper)?;
            (child, End::Tracer(tracer))
        }
        (None, Some(listener)) => match command.spawn() {
            Ok(child) => (child, End::Listener(listener)),
            Err(error) => {
                listener.finish();
                return Err(error);
            }
        },
        (None, None) => (command.spawn()?, End::None),
    };
    if let Some(mut pipe) = child.stdin.take() {
        let text = run.stdin.clone();
        // It may never read; then this ends with it.
        std::thread::spawn(move || {
            let _ = pipe.write_all(&text);
        });
    }
    Ok((child, end))
}

/// Waits for the first process, killing everything when the time is over.
fn wait(
    child: &Child,
    tracer: Option<&Tracer>,
    until: Option<Instant>,
    running: &Running,
    counts: &mut Counts,
) -> ExitStatus {
    let (done, ended) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        if let Some(until) = until {
            let timed_out = &mut counts.timed_out;
            scope.spawn(move || {
                let left = until.saturating_duration_since(Instant::now());
                if ended.recv_timeout(left) == Err(mpsc::RecvTimeoutError::Timeout) {
                    *timed_out = true;
                    running.cgroup.kill();
                }
            });
        }
        let status = tracer.map_or_else(|| reap::wait(child), Tracer::wait).unwrap_or_default();
        drop(done);
        status
    })
}

fn exit(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, signal) => Exit::Signal(signal.unwrap_or_default()),
    }
}
