//! `anomaly`: calls by which samples look for, or get round, who watches them (the report reference, section 4.6).

use std::collections::HashSet;

use serde_json::{Value as Json, json};

use super::Call;

const MAX_ANOMALIES: usize = 1000;
const CATEGORY: &str = "anti-analysis";

/// What each looks like.
struct Rule {
    apis: &'static [&'static str],
    /// A call of the process with this id.
    fits: fn(&Call, u32) -> bool,
    message: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        apis: &["io_uring_setup"],
        fits: |_, _| true,
        message: "asks for io_uring, by which work is done without system calls",
    },
    Rule {
        apis: &["ptrace"],
        fits: |call, _| is(call, "request", "PTRACE_TRACEME"),
        message: "asks to be traced, which fails under a debugger",
    },
    Rule {
        apis: &["ptrace"],
        fits: |call, _| is(call, "request", "PTRACE_ATTACH") || is(call, "request", "PTRACE_SEIZE"),
        message: "attaches to a process as a debugger",
    },
    Rule { apis: &["open", "openat"], fits: status, message: "reads its own status, where TracerPid is" },
    Rule { apis: &["bpf"], fits: |_, _| true, message: "asks the kernel about its programs" },
    Rule {
        apis: &["open", "openat"],
        fits: |call, _| {
            call.text("filepath").is_some_and(|path| TRACING.iter().any(|below| path.starts_with(below)))
        },
        message: "looks at the kernel's tracing",
    },
    Rule {
        apis: &["prctl"],
        fits: |call, _| is(call, "option", "PR_SET_DUMPABLE"),
        message: "forbids others to look into its memory",
    },
    Rule {
        apis: &["execve", "execveat"],
        fits: |call, _| call.succeeded() && call.text("filepath").is_some_and(is_no_file),
        message: "runs a program that lies in memory or was deleted",
    },
    Rule {
        apis: &["nanosleep", "clock_nanosleep"],
        fits: |call, _| {
            let number = |name: &str| call.arguments.get(name).and_then(Json::as_f64).unwrap_or(0.0);
            number("flags") != TIMER_ABSTIME && number("seconds") >= LONG
        },
        message: "sleeps for a minute or longer",
    },
    Rule {
        apis: &["open", "openat", "openat2"],
        fits: |call, _| {
            let writes = |flags: &str| flags.contains("O_WRONLY") || flags.contains("O_RDWR");
            call.text("filepath").is_some_and(|path| path.ends_with("/cgroup.procs"))
                && call.flags.get("flags").and_then(Json::as_str).is_some_and(writes)
        },
        message: "moves processes to other control groups, by which they are watched and limited",
    },
    Rule { apis: &["clock_settime", "settimeofday", "stime"], fits: |_, _| true, message: "sets the clock" },
    Rule {
        apis: LOOKS,
        fits: |call, _| {
            call.text("filepath").is_some_and(|path| MACHINES.iter().any(|below| path.starts_with(below)))
        },
        message: "looks for signs of a virtual machine or a container",
    },
];

/// Seconds of a sleep that outlasts the patience of some.
const LONG: f64 = 60.0;
/// A time instead of a duration.
const TIMER_ABSTIME: f64 = 1.0;

/// Whether a path is a descriptor's, or none any more.
fn is_no_file(path: &str) -> bool {
    let descriptors = path.strip_prefix("/proc/").and_then(|rest| rest.split_once('/'));
    path.starts_with("/memfd:")
        || path.ends_with(" (deleted)")
        || path.starts_with("/dev/fd/")
        || descriptors.is_some_and(|(_, rest)| rest.starts_with("fd/"))
}

/// Calls by which a program finds out whether something is there, or what it says.
const LOOKS: &[&str] = &[
    "open",
    "openat",
    "openat2",
    "stat",
    "lstat",
    "newfstatat",
    "statx",
    "access",
    "faccessat",
    "faccessat2",
    "readlink",
    "readlinkat",
];
/// Where the maker of a machine, its hypervisor and containers show.
const MACHINES: &[&str] = &[
    "/sys/class/dmi/",
    "/sys/devices/virtual/dmi/",
    "/sys/firmware/dmi/",
    "/sys/firmware/qemu_fw_cfg",
    "/sys/hypervisor",
    "/proc/xen",
    "/proc/vz",
    "/proc/scsi/scsi",
    "/dev/vboxguest",
    "/dev/vmci",
    "/.dockerenv",
];
const TRACING: &[&str] = &["/sys/kernel/debug/tracing", "/sys/kernel/tracing", "/sys/fs/bpf"];

fn is(call: &Call, argument: &str, word: &str) -> bool {
    call.flags.get(argument).and_then(Json::as_str) == Some(word)
}

fn status(call: &Call, pid: u32) -> bool {
    let Some(rest) = call.text("filepath").and_then(|path| path.strip_prefix("/proc/")) else { return false };
    let own = [String::from("self"), String::from("thread-self"), pid.to_string()];
    rest.strip_suffix("/status").is_some_and(|who| own.iter().any(|own| own == who))
}

/// Each kind once for each process.
#[derive(Default)]
pub struct Anomalies {
    list: Vec<Json>,
    known: HashSet<(usize, &'static str)>,
}

impl Anomalies {
    pub fn list(&self) -> &[Json] {
        &self.list
    }

    /// A call of the process with this number and id.
    pub fn add(&mut self, call: &Call, process: usize, pid: u32) {
        for rule in RULES.iter().filter(|rule| rule.apis.contains(&call.api.as_str())) {
            if self.list.len() < MAX_ANOMALIES
                && (rule.fits)(call, pid)
                && self.known.insert((process, rule.message))
            {
                self.list.push(json!({
                    "category": CATEGORY,
                    "funcname": call.api,
                    "message": format!("{} (process {pid})", rule.message),
                }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tricks_are_named_once_for_each_process() {
        let call = |api: &str, path: &str, words: Json| Call {
            api: api.into(),
            arguments: json!({"filepath": path}).as_object().unwrap().clone(),
            flags: words.as_object().unwrap().clone(),
            ..Call::default()
        };
        let calls = vec![
            call("ptrace", "", json!({"request": "PTRACE_TRACEME"})),
            call("ptrace", "", json!({"request": "PTRACE_TRACEME"})),
            call("ptrace", "", json!({"request": "PTRACE_CONT"})),
            call("openat", "/proc/44/status", json!({})),
            call("openat", "/proc/45/status", json!({})),
            call("openat", "/etc/status", json!({})),
            call("prctl", "", json!({"option": "PR_SET_NAME"})),
            call("io_uring_setup", "", json!({})),
            call("execve", "/proc/self/fd/3", json!({})),
            call("execveat", "/memfd:x (deleted)", json!({})),
            call("execve", "/usr/bin/env", json!({})),
            Call {
                arguments: json!({"seconds": 59.0}).as_object().unwrap().clone(),
                ..call("nanosleep", "", json!({}))
            },
            Call {
                arguments: json!({"seconds": 300.5, "flags": 0}).as_object().unwrap().clone(),
                ..call("clock_nanosleep", "", json!({}))
            },
            call("clock_settime", "", json!({})),
            call("openat", "/sys/fs/cgroup/cgroup.procs", json!({"flags": "O_WRONLY|O_CREAT"})),
            call("openat", "/sys/fs/cgroup/cgroup.procs", json!({"flags": "O_RDONLY"})),
            call("access", "/.dockerenv", json!({})),
            call("openat", "/sys/class/dmi/id/sys_vendor", json!({})),
        ];
        let mut anomalies = Anomalies::default();
        calls.iter().for_each(|call| anomalies.add(call, 0, 44));
        let found = anomalies.list();
        let names: Vec<&str> = found.iter().map(|one| one["funcname"].as_str().unwrap()).collect();
        assert_eq!(
            names,
            [
                "ptrace",
                "openat",
                "io_uring_setup",
                "execve",
                "clock_nanosleep",
                "clock_settime",
                "openat",
                "access"
            ]
        );
        assert!(found[1]["message"].as_str().unwrap().ends_with("(process 44)"));
    }
}
