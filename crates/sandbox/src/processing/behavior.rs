//! `behavior`: what processes did (the report reference, section 4).
//!
//! The run writes one JSON object a line into `logs/behavior.jsonl`, see [`Event`]; this reads it back. What monitors of
//! Cuckoo's own guests logged (`logs/<pid>.bson`, `logs/all.stap`) becomes the same events. Processes are known by their id and
//! when they began, since ids are used again.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::{Case, Module};
use anomaly::Anomalies;
use modules::Modules;
use programs::Programs;
use summary::Groups;

mod anomaly;
pub mod bson;
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

/// A line of the events, in the order in which things happened. Times in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// A process began, or became another program: then the last line of its id counts.
    Process {
        time: f64,
        pid: u32,
        ppid: u32,
        name: String,
        path: String,
        command_line: String,
    },
    /// A process ended, with its exit code, or the signal as a negative number.
    Exit {
        time: f64,
        pid: u32,
        code: i32,
    },
    Call(Box<Call>),
    /// Calls that were left out.
    Cut {
        calls: u64,
    },
    /// Calls that are only counted, by their names.
    Counted {
        calls: BTreeMap<String, u64>,
    },
}

/// A call to the system.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Call {
    pub time: f64,
    pub pid: u32,
    pub tid: u32,
    /// Such as `file`, `network`, `process`.
    pub category: String,
    pub api: String,
    pub arguments: Map<String, Json>,
    /// Words for numbers among the arguments.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub flags: Map<String, Json>,
    pub return_value: i64,
    /// The name of the error, such as `ENOENT`; empty after success.
    #[serde(default)]
    pub errno: String,
    /// Whether it failed without such a name.
    #[serde(default)]
    pub failed: bool,
    /// Windows' words for why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nt_status: Option<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stacktrace: Vec<String>,
    /// How often the same call came again at once.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub repeated: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Call {
    fn succeeded(&self) -> bool {
        self.errno.is_empty() && !self.failed
    }

    fn text(&self, argument: &str) -> Option<&str> {
        self.arguments.get(argument).and_then(Json::as_str).filter(|text| !text.is_empty())
    }

    fn report(&self) -> Json {
        let mut flags = self.flags.clone();
        if !self.errno.is_empty() {
            flags.insert("errno".into(), self.errno.clone().into());
        }
        let mut call = json!({
            "category": self.category,
            "api": self.api,
            "status": i32::from(self.succeeded()),
            "return_value": self.return_value,
            "arguments": self.arguments,
            "flags": flags,
            "tid": self.tid,
            "time": self.time,
            "stacktrace": self.stacktrace,
        });
        for (key, number) in [("last_error", self.last_error), ("nt_status", self.nt_status)] {
            if let Some(number) = number {
                call[key] = number.into();
            }
        }
        if self.repeated > 0 {
            call["repeated"] = self.repeated.into();
        }
        call
    }
}

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
    if case.task.options.as_deref().is_some_and(|options| options.split(',').any(|one| one == "json.calls=0"))
    {
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
        self.summary.add(&call);
        self.anomalies.add(&call, at, pid);
        process.summary.add(&call);
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
        if self.summary.cut() > 0 {
            report["summary_cut"] = self.summary.cut().into();
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
mod tests {
    use super::*;

    fn begins(pid: u32, ppid: u32, name: &str, time: f64) -> Event {
        let path = format!("/bin/{name}");
        Event::Process { time, pid, ppid, name: name.into(), path, command_line: format!("{name} -x") }
    }

    fn calls(pid: u32, category: &str, api: &str, arguments: Json, errno: &str) -> Event {
        let Json::Object(arguments) = arguments else { unreachable!() };
        let return_value = if errno.is_empty() { 3 } else { -1 };
        Event::Call(Box::new(Call {
            time: 2.5,
            pid,
            tid: pid,
            category: category.into(),
            api: api.into(),
            arguments,
            return_value,
            errno: errno.into(),
            ..Call::default()
        }))
    }

    fn report(events: Vec<Event>) -> Json {
        let mut behavior = Behavior::default();
        for event in events {
            // As it is written and read back.
            let line = serde_json::to_string(&event).unwrap();
            behavior.add(serde_json::from_str(&line).unwrap());
        }
        behavior.complete();
        behavior.report()
    }

    #[test]
    fn processes_keep_their_calls_and_form_a_tree() {
        let report = report(vec![
            begins(10, 1, "sh", 1.0),
            begins(11, 10, "sh", 2.0),
            begins(11, 10, "curl", 2.1),
            calls(11, "file", "openat", json!({"filepath": "/etc/none", "flags": 0}), "ENOENT"),
            calls(11, "file", "openat", json!({"filepath": "/tmp/x"}), ""),
            Event::Exit { time: 3.0, pid: 11, code: 0 },
            begins(11, 10, "ls", 4.0),
            Event::Cut { calls: 5 },
        ]);
        let processes = report["processes"].as_array().unwrap();
        let names: Vec<_> =
            processes.iter().map(|process| process["process_name"].as_str().unwrap()).collect();
        assert_eq!(names, ["sh", "curl", "ls"]);
        let calls = &processes[1]["calls"];
        assert_eq!((&calls[0]["status"], &calls[0]["flags"]["errno"]), (&json!(0), &json!("ENOENT")));
        assert_eq!((&calls[1]["status"], &calls[1]["return_value"]), (&json!(1), &json!(3)));
        let tree = &report["processtree"];
        assert_eq!(tree.as_array().unwrap().len(), 1);
        let children = tree[0]["children"].as_array().unwrap();
        assert_eq!(
            children.iter().map(|child| child["process_name"].as_str().unwrap()).collect::<Vec<_>>(),
            ["curl", "ls"]
        );
        assert_eq!(report["calls_cut"], 5);
        assert_eq!(report["summary"]["file_failed"], json!(["/etc/none"]));
        assert_eq!(report["generic"][1]["summary"]["file_opened"], json!(["/tmp/x"]));
    }

    #[test]
    fn a_call_of_a_process_that_nobody_announced_is_kept() {
        let report = report(vec![calls(77, "file", "unlinkat", json!({"filepath": "/tmp/y"}), "")]);
        assert_eq!(report["processes"][0]["pid"], 77);
        assert_eq!(
            (&report["summary"]["file_deleted"], &report["apistats"]["77"]),
            (&json!(["/tmp/y"]), &json!({"unlinkat": 1}))
        );
    }

    #[test]
    fn what_comes_after_the_calls_that_are_told_is_in_the_summary_all_the_same() {
        let mut events = vec![begins(10, 1, "x", 1.0)];
        events.extend(
            (0..MAX_CALLS).map(|_| calls(10, "file", "stat", json!({"filepath": "/none"}), "ENOENT")),
        );
        events.push(calls(10, "file", "unlink", json!({"filepath": "/evidence"}), ""));
        events.push(calls(10, "file", "mmap", json!({"filepath": "/evil.so", "protection": 5}), ""));
        events.push(calls(10, "system", "io_uring_setup", json!({}), "EPERM"));
        let report = report(events);
        assert_eq!(report["calls_cut"], 3);
        assert_eq!(report["summary"]["file_deleted"], json!(["/evidence"]));
        assert_eq!(report["generic"][0]["summary"]["file_deleted"], json!(["/evidence"]));
        assert_eq!(report["processes"][0]["modules"][0]["basename"], "evil.so");
        assert_eq!(
            report["apistats"]["10"],
            json!({"stat": MAX_CALLS, "unlink": 1, "mmap": 1, "io_uring_setup": 1})
        );
        assert_eq!(report["anomaly"][0]["funcname"], "io_uring_setup");
    }

    #[test]
    fn a_child_that_is_its_makers_sibling_is_put_below_its_maker() {
        let made = |api: &str, child: i64| match calls(10, "process", api, json!({}), "") {
            Event::Call(call) => Event::Call(Box::new(Call { return_value: child, ..*call })),
            other => other,
        };
        let unnamed = Event::Process {
            time: 3.0,
            pid: 12,
            ppid: 81,
            name: String::new(),
            path: String::new(),
            command_line: String::new(),
        };
        let report = report(vec![
            begins(10, 1, "sh", 1.0),
            made("clone", 11),
            calls(11, "file", "unlink", json!({"filepath": "/x"}), ""),
            made("clone", 12),
            unnamed,
        ]);
        let children = report["processtree"][0]["children"].as_array().unwrap();
        let names: Vec<_> = children.iter().map(|child| (&child["pid"], &child["process_name"])).collect();
        assert_eq!(names, [(&json!(11), &json!("sh")), (&json!(12), &json!("sh"))]);
    }
}
