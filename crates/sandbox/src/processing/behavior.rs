//! `behavior`: what processes did (the report reference, section 4).
//!
//! The run writes one JSON object a line into `logs/behavior.jsonl`, see [`Event`]; this reads it back. What monitors of
//! Cuckoo's own guests logged (`logs/<pid>.bson`, `logs/all.stap`) becomes the same events. Processes are known by their id and
//! when they began, since ids are used again.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};

use serde_json::{Map, Value as Json, json};

use super::{Case, Module};
use crate::api::options;
use anomaly::Anomalies;
pub use event::{Call, Event};
use modules::Modules;
use programs::Programs;
use summary::Groups;

mod anomaly;
pub mod bson;
mod event;
mod modules;
pub mod monitor;
mod programs;
pub mod stap;
mod summary;
mod tree;

pub const MODULE: Module = Module { key: "behavior", run: of, empty: || Behavior::default().report() };

/// Where a run writes its events.
pub const EVENTS: &str = "logs/behavior.jsonl";
const MAX_EVENTS: u64 = 256 << 20;
const MAX_LINE: u64 = 256 << 10;
/// Calls that are told of each process; the rest is counted.
const MAX_CALLS: usize = 50_000;
/// Of all processes together: the report is made in memory.
const MAX_CALLS_OF_ALL: usize = 200_000;
const MAX_PROCESSES: usize = 10_000;
/// Calls by which a process makes another, and those by which it becomes another program.
const MAKES: [&str; 4] = ["fork", "vfork", "clone", "clone3"];
const BECOMES: [&str; 2] = ["execve", "execveat"];

/// One process.
#[derive(Default)]
pub(super) struct Process {
    pid: u32,
    ppid: u32,
    name: String,
    path: String,
    command_line: String,
    first_seen: f64,
    calls: Vec<Call>,
    calls_cut: u64,
    has_ended: bool,
    // Of all calls, also those that are not told one by one.
    summary: Groups,
    modules: Modules,
    counts: BTreeMap<String, u64>,
    programs: Programs,
}

/// All processes, in the order in which they began.
#[derive(Default)]
struct Behavior {
    processes: Vec<Process>,
    /// The process that has an id, or had it last: calls may be told after the end.
    current: BTreeMap<u32, usize>,
    /// Those that are kept.
    calls: usize,
    cut: u64,
    summary: Groups,
    /// Entries of all summaries.
    entered: usize,
    anomalies: Anomalies,
    /// Who made a process, by what calls said.
    makers: BTreeMap<u32, u32>,
    counted: BTreeMap<String, u64>,
}

fn of(case: &Case<'_>) -> io::Result<Json> {
    let mut behavior = Behavior::default();
    if let Some(file) = case.folder.find(EVENTS)? {
        behavior.read_events(file)?;
    }
    behavior.read_logs(case)?;
    behavior.complete();
    let mut report = behavior.report();
    let options = case.task.options.as_deref().unwrap_or_default();
    if options::pairs(options).any(|(name, value)| name == "json.calls" && options::is_off(value)) {
        for process in report["processes"].as_array_mut().into_iter().flatten() {
            process["calls"] = json!([]);
        }
    }
    Ok(report)
}

impl Behavior {
    fn read_events(&mut self, file: File) -> io::Result<()> {
        let mut lines = BufReader::new(file.take(MAX_EVENTS));
        let mut line = Vec::new();
        loop {
            line.clear();
            if lines.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            match serde_json::from_slice(&line) {
                Ok(event) => self.add(event),
                Err(_) => self.cut += 1,
            }
        }
    }

    /// What the monitors of Cuckoo's guests logged: all together as much as events of our own.
    fn read_logs(&mut self, case: &Case<'_>) -> io::Result<()> {
        let (mut left, mut has_any) = (MAX_EVENTS, false);
        for entry in case.folder.entries("logs")? {
            let name = entry.name.to_string_lossy();
            let pid = name.strip_suffix(".bson").and_then(|pid| pid.parse().ok());
            if pid.is_none() && name != "all.stap" {
                continue;
            }
            let Some(file) = case.folder.find(format!("logs/{name}"))? else { continue };
            let log = BufReader::new(file.take(left));
            let mut log = Counted { log, read: 0 };
            match pid {
                Some(pid) => monitor::read(pid, &mut log, &mut |event| self.add(event))?,
                None => stap::read(BufReader::new(&mut log), &mut |event| self.add(event))?,
            }
            (left, has_any) = (left.saturating_sub(log.read), true);
        }
        // Each log is of one process: parents have to stand before their children.
        if has_any {
            self.processes.sort_by(|one, other| one.first_seen.total_cmp(&other.first_seen));
            self.current.clear();
        }
        Ok(())
    }

    fn add(&mut self, event: Event) {
        match event {
            Event::Process { time, pid, ppid, name, path, command_line } => {
                self.begin(Process {
                    pid,
                    ppid,
                    name,
                    path,
                    command_line,
                    first_seen: time,
                    ..Process::default()
                });
            }
            Event::Exit { pid, .. } => {
                if let Some(process) = self.current.get(&pid).and_then(|at| self.processes.get_mut(*at)) {
                    process.has_ended = true;
                }
            }
            Event::Call(call) => self.call(*call),
            Event::Cut { calls } => self.cut += calls,
            Event::Counted { calls } => {
                calls.into_iter().for_each(|(name, times)| *self.counted.entry(name).or_default() += times);
            }
        }
    }

    fn begin(&mut self, process: Process) {
        // The same process with another program.
        if let Some(known) = self
            .current
            .get(&process.pid)
            .and_then(|at| self.processes.get_mut(*at))
            .filter(|known| !known.has_ended)
        {
            let calls = known.programs.became(process.first_seen, &process.path, &process.command_line);
            (known.name, known.path, known.command_line) = (process.name, process.path, process.command_line);
            if known.ppid == 0 {
                known.ppid = process.ppid;
            }
            let pid = process.pid;
            return calls.into_iter().for_each(|call| self.made(pid, call));
        }
        if self.processes.len() < MAX_PROCESSES {
            self.current.insert(process.pid, self.processes.len());
            self.processes.push(process);
        }
    }

    fn call(&mut self, call: Call) {
        if !self.current.contains_key(&call.pid) {
            let name = format!("process {}", call.pid);
            self.begin(Process { pid: call.pid, name, first_seen: call.time, ..Process::default() });
        }
        if MAKES.contains(&call.api.as_str()) && call.return_value > 0 && self.makers.len() < MAX_PROCESSES {
            self.makers.insert(call.return_value as u32, call.pid);
        }
        let pid = call.pid;
        let is_program = BECOMES.contains(&call.api.as_str()) && call.succeeded();
        let call = match self.current.get(&pid).and_then(|at| self.processes.get_mut(*at)) {
            Some(process) if is_program => process.programs.call(call),
            _ => Some(call),
        };
        if let Some(call) = call {
            self.made(pid, call);
        }
    }

    /// A call about which all is known.
    fn made(&mut self, pid: u32, call: Call) {
        let Some(at) = self.current.get(&pid).copied() else {
            self.cut += 1 + call.repeated;
            return;
        };
        let Some(process) = self.processes.get_mut(at) else { return };
        self.summary.add(&call, &mut self.entered);
        self.anomalies.add(&call, at, pid);
        process.summary.add(&call, &mut self.entered);
        process.modules.add(&call);
        *process.counts.entry(call.api.clone()).or_default() += 1 + call.repeated;
        if process.calls.len() < MAX_CALLS && self.calls < MAX_CALLS_OF_ALL {
            self.calls += 1;
            // Those that waited go where they belong.
            let place = match BECOMES.contains(&call.api.as_str()) {
                true => {
                    process.calls.iter().rposition(|other| other.time <= call.time).map_or(0, |at| at + 1)
                }
                false => process.calls.len(),
            };
            process.calls.insert(place, call);
        } else {
            process.calls_cut += 1 + call.repeated;
        }
    }

    /// When nothing comes any more.
    fn complete(&mut self) {
        let waiting: Vec<(u32, Call)> = self
            .processes
            .iter_mut()
            .flat_map(|process| process.programs.rest().into_iter().map(|call| (process.pid, call)))
            .collect();
        waiting.into_iter().for_each(|(pid, call)| self.made(pid, call));
        self.adopt();
    }

    /// A process that the kernel did not announce as somebody's child belongs to whoever made it.
    fn adopt(&mut self) {
        let known: HashSet<u32> = self.processes.iter().map(|process| process.pid).collect();
        for at in 0..self.processes.len() {
            let (pid, ppid) = (self.processes[at].pid, self.processes[at].ppid);
            let Some(maker) = self.makers.get(&pid).filter(|_| !known.contains(&ppid)) else { continue };
            let like = self.processes.iter().find(|process| process.pid == *maker);
            let like = like.map(|like| (like.name.clone(), like.path.clone(), like.command_line.clone()));
            let process = &mut self.processes[at];
            process.ppid = *maker;
            if process.path.is_empty()
                && let Some(like) = like
            {
                (process.name, process.path, process.command_line) = like;
            }
        }
    }

    fn report(&self) -> Json {
        let mut report = json!({
            "processes": self.processes.iter().map(process).collect::<Vec<_>>(),
            "processtree": tree::of(&self.processes),
            "summary": self.summary.report(),
            "generic": self.processes.iter().map(generic).collect::<Vec<_>>(),
            "apistats": self.processes.iter().map(counts).collect::<Map<_, _>>(),
        });
        if !self.anomalies.list().is_empty() {
            report["anomaly"] = self.anomalies.list().into();
        }
        let of_processes: u64 = self.processes.iter().map(|process| process.summary.cut()).sum();
        if self.summary.cut() + of_processes > 0 {
            report["summary_cut"] = (self.summary.cut() + of_processes).into();
        }
        if !self.counted.is_empty() {
            report["calls_counted"] = json!(self.counted);
        }
        let cut = self.cut + self.processes.iter().map(|process| process.calls_cut).sum::<u64>();
        if cut > 0 {
            report["calls_cut"] = cut.into();
        }
        report
    }
}

/// Counts what is read.
struct Counted<R> {
    log: R,
    read: u64,
}

impl<R: io::Read> io::Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.log.read(buffer)?;
        self.read += read as u64;
        Ok(read)
    }
}

fn process(process: &Process) -> Json {
    json!({
        "type": "process",
        "pid": process.pid,
        "ppid": process.ppid,
        "tid": process.pid,
        "process_name": process.name,
        "process_path": process.path,
        "command_line": process.command_line,
        "first_seen": process.first_seen,
        "time": 0,
        "track": true,
        "modules": process.modules.list(),
        "calls": process.calls.iter().map(Call::report).collect::<Vec<_>>(),
    })
}

fn generic(process: &Process) -> Json {
    json!({
        "pid": process.pid,
        "ppid": process.ppid,
        "process_name": process.name,
        "process_path": process.path,
        "first_seen": process.first_seen,
        "summary": process.summary.report(),
    })
}

fn counts(process: &Process) -> (String, Json) {
    (process.pid.to_string(), json!(process.counts))
}

#[cfg(test)]
mod tests;
