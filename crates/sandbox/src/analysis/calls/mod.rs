//! System calls of a run, turned into what a report shows.
//!
//! Calls and processes come over two ways of the guest's kernel, so that the first calls of a process may be here before it is
//! announced; they wait for that.

mod address;
mod decode;
mod errno;
mod open;
mod words;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use guest_protocol::Syscall;
use guest_protocol::syscalls::{self, Abi, Row};

use crate::processing::behavior::Call;
use open::{Open, Opened};

/// Processes whose descriptors are remembered, and calls that wait for an announcement.
const MAX_PROCESSES: usize = 1024;
const MAX_WAITING: usize = 8192;

const CLONE_THREAD: u64 = 0x10000;
const O_TMPFILE: u64 = 0o20_200_000;
const CLOSE_RANGE_CLOEXEC: u64 = 4;
const DUPLICATES: [u64; 2] = [0, 1030];

#[derive(Default)]
pub struct Calls {
    processes: HashMap<u32, Process>,
    waiting: HashMap<u32, Vec<Syscall>>,
    waiting_count: usize,
}

struct Process {
    opened: Opened,
    has_ended: bool,
    /// The agent's launch is still to become the sample.
    is_launch: bool,
    /// When that was done at the latest.
    launched_by: Option<i64>,
}

impl Process {
    /// Whether a call is the launch's. The one by which it becomes the sample is the sample's first.
    fn is_of_launch(&mut self, name: &str, syscall: &Syscall) -> bool {
        let becomes = name.starts_with("execve") && syscall.result == 0;
        if becomes || self.launched_by.is_some_and(|time| syscall.time > time) {
            self.is_launch = false;
        }
        self.is_launch
    }
}

impl Calls {
    /// The first process of a run. Gives what waited for it.
    pub fn first(&mut self, pid: u32, folder: &str) -> Vec<Call> {
        self.insert(pid, Opened::in_folder(folder), true)
    }

    /// A process became another program at this time, in nanoseconds.
    pub fn executed(&mut self, pid: u32, time: i64) {
        if let Some(process) = self.processes.get_mut(&pid) {
            process.launched_by.get_or_insert(time);
        }
    }

    /// A process that was forked, which has what its parent has.
    pub fn forked(&mut self, pid: u32, parent: u32) -> Vec<Call> {
        if self.processes.get(&pid).is_some_and(|process| !process.has_ended) {
            return Vec::new();
        }
        let parent = self.processes.get(&parent);
        let opened = parent.map_or_else(|| Opened::in_folder(""), |parent| parent.opened.clone());
        self.insert(pid, opened, false)
    }

    /// A process ended. Its last calls may still come.
    pub fn ended(&mut self, pid: u32) {
        if let Some(process) = self.processes.get_mut(&pid) {
            process.has_ended = true;
        }
    }

    /// A call. Nothing when it waits; more than one when others waited for it.
    pub fn take(&mut self, syscall: Syscall) -> Vec<Call> {
        if self.processes.contains_key(&syscall.pid) {
            return self.made(&syscall);
        }
        if self.waiting_count < MAX_WAITING {
            self.waiting_count += 1;
            self.waiting.entry(syscall.pid).or_default().push(syscall);
            return Vec::new();
        }
        self.forked(syscall.pid, 0).into_iter().chain(self.made(&syscall)).collect()
    }

    /// What was never announced.
    pub fn rest(&mut self) -> Vec<Call> {
        let pids: Vec<u32> = self.waiting.keys().copied().collect();
        pids.into_iter().flat_map(|pid| self.insert(pid, Opened::in_folder(""), false)).collect()
    }

    fn insert(&mut self, pid: u32, opened: Opened, is_launch: bool) -> Vec<Call> {
        if self.processes.len() >= MAX_PROCESSES {
            self.processes.retain(|_, process| !process.has_ended);
        }
        if self.processes.len() >= MAX_PROCESSES {
            self.processes.clear();
        }
        self.processes.insert(pid, Process { opened, has_ended: false, is_launch, launched_by: None });
        let waited = self.waiting.remove(&pid).unwrap_or_default();
        self.waiting_count -= waited.len();
        waited.iter().flat_map(|syscall| self.made(syscall)).collect()
    }

    fn made(&mut self, syscall: &Syscall) -> Vec<Call> {
        let Some(row) = syscalls::row(Abi::of(syscall.is_32_bit), syscall.number) else { return Vec::new() };
        let name = row.names[0];
        // A child's view of its own birth.
        let forks = matches!(name, "fork" | "vfork" | "clone" | "clone3");
        if forks && syscall.result == 0 {
            return Vec::new();
        }
        let Some(process) = self.processes.get_mut(&syscall.pid) else { return Vec::new() };
        if process.is_launch && process.is_of_launch(name, syscall) {
            return Vec::new();
        }
        let call = decode::call(row, syscall, &process.opened);
        if syscall.result >= 0 || name == "connect" {
            follow(row, syscall, &call, &mut process.opened);
        }
        let is_thread =
            call.arguments.get("flags").and_then(serde_json::Value::as_u64).unwrap_or(0) & CLONE_THREAD != 0;
        let mut calls = vec![call];
        if forks && syscall.result > 0 && !is_thread {
            calls.extend(self.forked(syscall.result as u32, syscall.pid));
        }
        calls
    }
}

/// What a call changes for those that follow.
fn follow(row: &Row, syscall: &Syscall, call: &Call, opened: &mut Opened) {
    let argument = |at: usize| syscall.arguments[at] as i32;
    let given = syscall.result as i32;
    let text = |name: &str| call.arguments.get(name).and_then(serde_json::Value::as_str).map(String::from);
    let number = |name: &str| call.arguments.get(name).and_then(serde_json::Value::as_u64).unwrap_or(0);
    match row.names[0] {
        "open" | "openat" | "openat2" | "creat" => match text("filepath") {
            Some(folder) if number("flags") & O_TMPFILE == O_TMPFILE => {
                opened.set(given, Open::File(format!("{folder}/(unnamed)")));
            }
            Some(path) => opened.set(given, Open::File(path)),
            None => opened.close(given),
        },
        "memfd_create" => {
            opened.set(given, Open::File(format!("/memfd:{}", text("name").unwrap_or_default())))
        }
        "close" => opened.close(argument(0)),
        "close_range" if number("flags") & CLOSE_RANGE_CLOEXEC == 0 => {
            opened.close_range(argument(0).cast_unsigned(), argument(1).cast_unsigned());
        }
        "chroot" => text("filepath").into_iter().for_each(|path| opened.set_root(&path)),
        "dup" => opened.copy(argument(0), given),
        "dup2" | "dup3" => opened.copy(argument(0), argument(1)),
        "fcntl" if DUPLICATES.contains(&syscall.arguments[1]) => opened.copy(argument(0), given),
        "socket" | "accept" | "accept4" => opened.set(given, Open::Socket(None)),
        "pipe" | "pipe2" | "socketpair" => {
            let pair = decode::pair(syscall.memory.first().and_then(|memory| memory.as_deref()));
            pair.into_iter().flatten().for_each(|descriptor| opened.set(descriptor, Open::Pipe));
        }
        "connect" => {
            let memory = syscall.memory.first().and_then(|memory| memory.as_deref());
            opened.set(argument(0), Open::Socket(memory.and_then(address::parse)));
        }
        "chdir" | "fchdir" => text("filepath").into_iter().for_each(|path| opened.set_folder(path)),
        _ => {}
    }
}
