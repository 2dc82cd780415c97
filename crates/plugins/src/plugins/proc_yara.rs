//! `FROM proc_yara(rules=, pid=, …)`: the memory of a process scanned with YARA rules.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

use forensics::yara::Scanner;
use vql::args::Args;
use vql::call::{Arg, Category, Error, Flow, Plugin, Signature, Sink, Type};
use vql::permission::Permission;
use vql::value::Value;

use super::yara::RULES_DOC;
use crate::accessor::reason;
use crate::yara::{COLUMNS, Report, RuleArgs};

const RULES: usize = 0;
const PID: usize = 1;
const CONTEXT: usize = 2;
const KEY: usize = 3;
const NAMESPACE: usize = 4;
const VARS: usize = 5;
const NUMBER: usize = 6;

/// The most of one region that is held in memory.
const BLOCK: u64 = 16 << 20;
const OVERLAP: u64 = 4096;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "proc_yara",
        doc: "The readable memory of a process scanned with YARA rules; offsets are addresses.",
        category: Category::Host,
        args: &[
            Arg::required("rules", Type::Str, RULES_DOC),
            Arg::required("pid", Type::Int, "The process."),
            Arg::optional("context", Type::Int, "Bytes to show on each side of a match."),
            Arg::optional(
                "key",
                Type::Str,
                "The name under which a program keeps the compiled rules; by default the rules themselves.",
            ),
            Arg::optional("namespace", Type::Str, "The namespace of the rules."),
            Arg::optional("vars", Type::Dict, "Variables that the rules refer to."),
            Arg::optional("number", Type::Int, "Rows at most.").with_default("1"),
        ],
        permissions: &[Permission::MachineState],
        version: 2,
        ..Signature::NEW
    },
    columns: COLUMNS,
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let rules = RuleArgs { rules: RULES, key: KEY, namespace: NAMESPACE, vars: VARS }.compile(args)?;
    let pid = args.int(PID, 0)?;
    let failed = |e: io::Error| Error::new(format!("process {pid}: {}", reason(&e)));
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).map_err(failed)?;
    let memory = File::open(format!("/proc/{pid}/mem")).map_err(failed)?;
    let mut scanner = Scanner::new(&rules);
    let context = args.int(CONTEXT, 0)?.clamp(0, 1 << 20) as usize;
    let left = args.int(NUMBER, 1)?.max(1) as u64;
    let name = Value::from(format!("/proc/{pid}/mem"));
    let mut report = Report { file: (Value::Null, name), context, left, args };
    for (start, end) in maps.lines().filter_map(region) {
        let mut at = start;
        while at < end && report.left > 0 {
            args.scope.tick()?;
            let length = BLOCK.min(end - at);
            let mut block = vec![0; length as usize];
            // A region may be gone by now, or a file behind it cut short.
            let Ok(count) = memory.read_at(&mut block, at) else { break };
            if count == 0 {
                break;
            }
            block.truncate(count);
            let is_last = at + length >= end || (count as u64) <= OVERLAP;
            let overlap = if is_last { 0 } else { OVERLAP };
            report.scan(&mut scanner, &block, (at, overlap as usize), sink)?;
            at += count as u64 - overlap;
        }
    }
    Ok(())
}

/// The addresses of a line of `/proc/<pid>/maps`, if the region can be read.
fn region(line: &str) -> Option<(u64, u64)> {
    let mut words = line.split_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    // Reading this one fails, or blocks on some kernels.
    if !words.next()?.starts_with('r') || line.ends_with("[vvar]") || line.ends_with("[vsyscall]") {
        return None;
    }
    Some((u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::region;

    #[test]
    fn readable_regions_are_scanned() {
        assert_eq!(
            region("00400000-00452000 r-xp 00000000 08:02 173521 /usr/bin/x"),
            Some((0x40_0000, 0x45_2000))
        );
        for line in ["", "x", "00400000-00452000 ---p 0 0 0", "7fff0000-7fff1000 r--p 0 00:00 0 [vvar]"] {
            assert_eq!(region(line), None, "{line}");
        }
    }
}
