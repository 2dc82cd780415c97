//! `sysinfo()`: the memory and load of the host.

use vql::args::Args;
use vql::call::{Category, Error, Example, Function, FunctionBody, OnError, Platforms, Signature};
use vql::permission::Permission;
use vql::value::Value;

use crate::machine::{read_bytes, read_text};

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "sysinfo",
        doc: "Memory totals of the host in bytes, its load and its uptime in seconds.",
        category: Category::Host,
        permissions: &[Permission::MachineState],
        platforms: Platforms::Linux,
        examples: &[Example::new("There is memory", "sysinfo().TotalRam > 0", "true")],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

/// Each member and its line in `/proc/meminfo`.
const MEMORY: [(&str, &str); 8] = [
    ("TotalRam", "MemTotal"),
    ("FreeRam", "MemFree"),
    ("AvailableRam", "MemAvailable"),
    ("SharedRam", "Shmem"),
    ("BufferRam", "Buffers"),
    ("CachedRam", "Cached"),
    ("TotalSwap", "SwapTotal"),
    ("FreeSwap", "SwapFree"),
];

fn run(_args: &Args<'_>) -> Result<Value, Error> {
    let memory = read_bytes("/proc/meminfo");
    let memory = String::from_utf8_lossy(&memory);
    let uptime = read_text("/proc/uptime").split('.').next().and_then(|s| s.parse().ok()).unwrap_or(0);
    let load = read_text("/proc/loadavg");
    let loads = load.split_whitespace().take(3).map(|l| Value::Float(l.parse().unwrap_or(0.0))).collect();
    let mut members = vec![("Uptime", Value::Int(uptime)), ("Loads", Value::list(loads))];
    members.extend(MEMORY.map(|(name, line)| (name, Value::Int(bytes(&memory, line)))));
    Ok(Value::dict(members))
}

fn bytes(memory: &str, name: &str) -> i64 {
    let line = memory.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib: Option<i64> = line.and_then(|l| l.split_whitespace().next()?.parse().ok());
    kib.map_or(0, |k| k.saturating_mul(1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let memory = "MemTotal:  2048 kB\nMemFree: 1 kB\nSwapCached: 7 kB\n";
        assert_eq!(bytes(memory, "MemTotal"), 2 << 20);
        assert_eq!(bytes(memory, "Swap"), 0);
    }
}
