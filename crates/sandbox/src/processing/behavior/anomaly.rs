//! `anomaly`: calls by which samples look for, or get round, who watches them (the report reference, section 4.6).

use std::collections::HashSet;

use serde_json::{Value as Json, json};

use super::{Call, Process};

const MAX_ANOMALIES: usize = 1000;
const CATEGORY: &str = "anti-analysis";

/// What each looks like.
struct Rule {
    apis: &'static [&'static str],
    fits: fn(&Call, &Process) -> bool,
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
        apis: LOOKS,
        fits: |call, _| {
            call.text("filepath").is_some_and(|path| MACHINES.iter().any(|below| path.starts_with(below)))
        },
        message: "looks for signs of a virtual machine or a container",
    },
];

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

fn status(call: &Call, process: &Process) -> bool {
    let Some(rest) = call.text("filepath").and_then(|path| path.strip_prefix("/proc/")) else { return false };
    let own = [String::from("self"), String::from("thread-self"), process.pid.to_string()];
    rest.strip_suffix("/status").is_some_and(|who| own.iter().any(|own| own == who))
}

/// Each kind once for each process.
pub fn of(processes: &[Process]) -> Vec<Json> {
    let mut found = Vec::new();
    for process in processes {
        let mut known = HashSet::new();
        for call in &process.calls {
            let fitting = RULES
                .iter()
                .filter(|rule| rule.apis.contains(&call.api.as_str()) && (rule.fits)(call, process));
            for rule in fitting {
                if known.insert(rule.message) && found.len() < MAX_ANOMALIES {
                    found.push(json!({
                        "category": CATEGORY,
                        "funcname": call.api,
                        "message": format!("{} (process {})", rule.message, process.pid),
                    }));
                }
            }
        }
    }
    found
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
            call("access", "/.dockerenv", json!({})),
            call("openat", "/sys/class/dmi/id/sys_vendor", json!({})),
        ];
        let found = of(&[Process { pid: 44, calls, ..Process::default() }]);
        let names: Vec<&str> = found.iter().map(|one| one["funcname"].as_str().unwrap()).collect();
        assert_eq!(names, ["ptrace", "openat", "io_uring_setup", "access"]);
        assert!(found[1]["message"].as_str().unwrap().ends_with("(process 44)"));
    }
}
