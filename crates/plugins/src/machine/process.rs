//! Processes, as `/proc` shows them.

use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::read_bytes;

/// One process.
#[derive(Debug, Default)]
pub struct Process {
    pub pid: i64,
    pub name: Vec<u8>,
    pub parent: i64,
    /// Clock ticks in user and kernel mode.
    pub user_ticks: u64,
    pub system_ticks: u64,
    /// Clock ticks from the start of the machine to that of the process.
    pub start_ticks: u64,
    pub virtual_bytes: u64,
    pub resident_pages: u64,
}

/// The numbers of all processes, in order.
pub fn pids() -> Vec<i64> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let number = |entry: std::io::Result<std::fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse().ok();
    let mut pids: Vec<i64> = entries.filter_map(number).collect();
    pids.sort_unstable();
    pids
}

pub fn directory(pid: i64) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}"))
}

/// A process; `None` if there is none of that number.
pub fn read(pid: i64) -> Option<Process> {
    parse(pid, &read_bytes(directory(pid).join("stat")))
}

/// Reads `stat`: the name is in parentheses and may hold anything, even parentheses.
fn parse(pid: i64, stat: &[u8]) -> Option<Process> {
    let open = memchr::memchr(b'(', stat)?;
    let close = memchr::memrchr(b')', stat)?;
    let name = stat.get(open + 1..close)?.to_vec();
    let rest = str::from_utf8(&stat[close + 1..]).ok()?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // The first field here is the third of the manual page.
    let number = |field: usize| fields.get(field - 3).and_then(|f| f.parse::<u64>().ok());
    Some(Process {
        pid,
        name,
        parent: number(4)? as i64,
        user_ticks: number(14)?,
        system_ticks: number(15)?,
        start_ticks: number(22)?,
        virtual_bytes: number(23)?,
        resident_pages: number(24)?,
    })
}

/// The command line, arguments separated by spaces.
pub fn command_line(pid: i64) -> Vec<u8> {
    let mut line = read_bytes(directory(pid).join("cmdline"));
    while line.last() == Some(&0) {
        line.pop();
    }
    for byte in &mut line {
        if *byte == 0 {
            *byte = b' ';
        }
    }
    line
}

/// Where a link in the directory of a process leads; empty when it may not be read.
pub fn link(pid: i64, name: &str) -> Vec<u8> {
    std::fs::read_link(directory(pid).join(name)).map(|t| t.into_os_string().into_vec()).unwrap_or_default()
}

/// The user a process runs as.
pub fn user(pid: i64) -> Option<u32> {
    std::fs::metadata(directory(pid)).ok().map(|m| m.uid())
}

/// The open files of a process: number and what it leads to.
pub fn files(pid: i64) -> Vec<(i64, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(directory(pid).join("fd")) else { return Vec::new() };
    let file = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.ok()?;
        Some((entry.file_name().to_str()?.parse().ok()?, std::fs::read_link(entry.path()).ok()?))
    };
    entries.filter_map(file).collect()
}

/// The number of the socket that an open file is.
pub fn socket(target: &Path) -> Option<u64> {
    target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_hold_anything() {
        let stat = b"7 (a) S (b\xff) S 1 7 7 0 -1 4194304 1 2 3 4 11 12 0 0 20 0 1 0 99 4096 5 0 0";
        let process = parse(7, stat).unwrap();
        assert_eq!((&*process.name, process.parent), (&b"a) S (b\xff"[..], 1));
        assert_eq!((process.user_ticks, process.system_ticks, process.start_ticks), (11, 12, 99));
        assert_eq!((process.virtual_bytes, process.resident_pages), (4096, 5));
        for broken in [&b""[..], b"7", b"7 (a", b"7 )a(", b"7 (a) S 1"] {
            assert!(parse(7, broken).is_none());
        }
    }

    #[test]
    fn this_process_is_there() {
        let pid = i64::from(std::process::id());
        assert!(pids().contains(&pid));
        assert_eq!(read(pid).unwrap().parent, i64::from(std::os::unix::process::parent_id()));
        assert!(!command_line(pid).is_empty());
        assert_eq!(socket(Path::new("socket:[12]")), Some(12));
        assert_eq!(socket(Path::new("pipe:[12]")), None);
    }
}
