//! What a run sends, on its way into the results.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use guest_protocol::syscalls::{Abi, name};
use guest_protocol::{Counted, Exit, Limits, ProcessEvent, Stream};

use super::calls::Calls;
use super::dropped::Dropped;
use super::memory::Memory;
use crate::guest::Event;
use crate::processing::behavior::{Call, EVENTS, Event as Behavior};
use crate::processing::shown;
use crate::scheduler::Run;

pub struct Recorder {
    behavior: BufWriter<File>,
    stdout: BufWriter<File>,
    stderr: BufWriter<File>,
    dropped: Dropped,
    memory: Memory,
    words: Vec<String>,
    /// Where the first process begins.
    start: String,
    calls: Calls,
    /// Those that live.
    processes: HashMap<u32, Known>,
    events: u64,
    event_bytes: u64,
    /// Events beyond the limits.
    events_cut: u64,
    /// Bytes that may still come of each, whatever the agent was told.
    stdout_left: u64,
    stderr_left: u64,
    line: Vec<u8>,
    /// Seconds by which the guest's clock is ahead of ours: all other times are the guest's.
    ahead: f64,
}

/// What is known of a process.
#[derive(Clone, Default)]
struct Known {
    ppid: u32,
    path: String,
    command_line: String,
}

/// Processes that are remembered, and events that are written.
const MAX_PROCESSES: usize = 65_536;
const MAX_EVENTS: u64 = 2_000_000;
const MAX_EVENT_BYTES: u64 = 128 << 20;

impl Recorder {
    /// The files of a run of this command.
    pub fn begin(run: &Run, words: Vec<String>, start: &str, limits: &Limits) -> io::Result<Self> {
        let path = run.folder.path();
        Ok(Self {
            behavior: create(&path.join(EVENTS))?,
            stdout: create(&path.join("logs/stdout.txt"))?,
            stderr: create(&path.join("logs/stderr.txt"))?,
            dropped: Dropped::new(path, run.sandbox.samples.folders().1, limits),
            memory: Memory::new(path, limits),
            words,
            start: start.to_owned(),
            calls: Calls::default(),
            processes: HashMap::new(),
            events: 0,
            event_bytes: 0,
            events_cut: 0,
            stdout_left: limits.output_bytes,
            stderr_left: limits.output_bytes,
            line: Vec::new(),
            ahead: if run.task.clock == run.task.added_on {
                0.0
            } else {
                run.task.clock.as_seconds() - now()
            },
        })
    }

    /// Processes that live, by their ids.
    pub fn living(&self) -> Vec<u32> {
        let mut pids: Vec<u32> = self.processes.keys().copied().collect();
        pids.sort_unstable();
        pids
    }

    /// Where memory of processes is written.
    pub fn memory(&mut self) -> &mut Memory {
        &mut self.memory
    }

    pub fn take(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Started { pid } => {
                let words = std::mem::take(&mut self.words);
                let path = words.first().cloned().unwrap_or_default();
                self.executed(pid, now() + self.ahead, path, words.join(" "))?;
                let calls = self.calls.first(pid, &self.start);
                self.write_calls(calls)
            }
            Event::Process(event) => self.process(event),
            Event::Syscalls(calls) => calls.into_iter().try_for_each(|syscall| {
                let calls = self.calls.take(syscall);
                self.write_calls(calls)
            }),
            // Told by the event of the process as well, by its own clock.
            Event::Exited(_) => Ok(()),
            Event::Finished(counts) => {
                let rest = self.calls.rest();
                self.write_calls(rest)?;
                self.counted(&counts.syscalls_counted)?;
                match counts.syscalls_lost {
                    0 => Ok(()),
                    calls => self.behavior(&Behavior::Cut { calls }),
                }
            }
            Event::Output { stream: Stream::Stdout, bytes } => {
                self.stdout.write_all(within(&mut self.stdout_left, &bytes))
            }
            Event::Output { stream: Stream::Stderr, bytes } => {
                self.stderr.write_all(within(&mut self.stderr_left, &bytes))
            }
            Event::File(facts) => self.dropped.begin(facts),
            Event::FileData(bytes) => self.dropped.push(&bytes),
            Event::FileEnd { cut } => self.dropped.end(cut),
            Event::Memory { pid } => self.memory.begin(pid),
            Event::MemoryData(bytes) => self.memory.push(&bytes),
            // Said in the log by who takes it from there.
            Event::MemoryEnd { .. } => Ok(()),
        }
    }

    fn process(&mut self, event: ProcessEvent) -> io::Result<()> {
        match event {
            ProcessEvent::Forked { pid, parent, time } => {
                let like = self.processes.get(&parent).cloned().unwrap_or_default();
                self.begins(pid, seconds(time), Known { ppid: parent, ..like })?;
                let calls = self.calls.forked(pid, parent);
                self.write_calls(calls)
            }
            ProcessEvent::Executed { pid, program, command, time } => {
                let words: Vec<String> = command.iter().map(|word| shown(word)).collect();
                self.calls.executed(pid, time);
                self.executed(pid, seconds(time), shown(&program), words.join(" "))
            }
            ProcessEvent::Ended { pid, exit, time } => {
                self.processes.remove(&pid);
                self.calls.ended(pid);
                let code = match exit {
                    Exit::Code(code) => code,
                    Exit::Signal(signal) => -signal,
                };
                self.behavior(&Behavior::Exit { time: seconds(time), pid, code })
            }
        }
    }

    fn write_calls(&mut self, calls: Vec<Call>) -> io::Result<()> {
        calls.into_iter().try_for_each(|call| self.behavior(&Behavior::Call(Box::new(call))))
    }

    /// Calls that are only counted, by name.
    fn counted(&mut self, counted: &[Counted]) -> io::Result<()> {
        let mut calls = BTreeMap::new();
        for Counted { number, is_32_bit, times } in counted {
            let name = name(Abi::of(*is_32_bit), *number);
            let name = name.map_or_else(|| format!("syscall {number}"), String::from);
            *calls.entry(name).or_default() += times;
        }
        if calls.is_empty() { Ok(()) } else { self.behavior(&Behavior::Counted { calls }) }
    }

    /// What could not be read of a process that ended at once stays as it was.
    fn executed(&mut self, pid: u32, time: f64, path: String, command_line: String) -> io::Result<()> {
        let before = self.processes.get(&pid).cloned().unwrap_or(Known { ppid: 1, ..Known::default() });
        if path.is_empty() {
            return Ok(());
        }
        let command_line = if command_line.is_empty() { path.clone() } else { command_line };
        self.begins(pid, time, Known { ppid: before.ppid, path, command_line })
    }

    fn begins(&mut self, pid: u32, time: f64, known: Known) -> io::Result<()> {
        if self.processes.len() < MAX_PROCESSES {
            self.processes.insert(pid, known.clone());
        }
        let Known { ppid, path, command_line } = known;
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        self.behavior(&Behavior::Process { time, pid, ppid, name, path, command_line })
    }

    fn behavior(&mut self, event: &Behavior) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, event)?;
        self.line.push(b'\n');
        let bytes = self.event_bytes + self.line.len() as u64;
        if self.events == MAX_EVENTS || bytes > MAX_EVENT_BYTES {
            self.events_cut += 1;
            return Ok(());
        }
        (self.events, self.event_bytes) = (self.events + 1, bytes);
        self.behavior.write_all(&self.line)
    }

    /// Ends the files; gives how many dropped files, and memories of processes, came beyond the limits.
    pub fn finish(mut self) -> io::Result<u64> {
        if self.events_cut > 0 {
            serde_json::to_writer(&mut self.behavior, &Behavior::Cut { calls: self.events_cut })?;
            self.behavior.write_all(b"\n")?;
        }
        self.behavior.flush()?;
        self.stdout.flush()?;
        self.stderr.flush()?;
        Ok(self.dropped.left_out() + self.memory.left_out())
    }
}

/// As much of these bytes as may still come.
fn within<'b>(left: &mut u64, bytes: &'b [u8]) -> &'b [u8] {
    let taken = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
    *left -= taken as u64;
    &bytes[..taken]
}

fn create(path: &Path) -> io::Result<BufWriter<File>> {
    Ok(BufWriter::new(OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?))
}

fn seconds(nanoseconds: i64) -> f64 {
    nanoseconds as f64 / 1e9
}

fn now() -> f64 {
    store::sandbox::Stamp::now().as_seconds()
}
