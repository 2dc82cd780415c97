//! What a run left on the disk of its machine, for another run that plays a reboot (the Cuckoo reference, section 5.13). Machines keep
//! nothing; the files were collected.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::unix::fs::FileExt as _;

use serde::Deserialize;

use crate::results::{Folder, REPORT};

/// Bytes of `files.json` that are read.
const MAX_RECORD: u64 = 16 << 20;
/// What Debian clears when it starts, or keeps in memory.
const CLEARED: [&str; 5] = ["/tmp/", "/dev/", "/run/", "/var/run/", "/memfd:"];

/// A file that a reboot would leave.
#[derive(Debug, PartialEq)]
pub struct Left {
    /// In the folder of the run that it is from.
    pub member: String,
    pub mode: u32,
    pub is_roots: bool,
}

impl Left {
    /// The mode, with which programs can be run: files are collected as they are closed, mostly before they are made executable.
    pub fn mode_with(&self, content: &File) -> io::Result<u32> {
        let mut start = [0; 4];
        let length = content.read_at(&mut start, 0)?;
        let is_program = start[..length].starts_with(b"#!") || start[..length] == *b"\x7fELF";
        Ok(if is_program { self.mode | 0o111 } else { self.mode })
    }
}

/// A line of `files.json`.
#[derive(Deserialize)]
struct Line {
    path: String,
    filepath: String,
    #[serde(default)]
    cut: bool,
    #[serde(default)]
    mode: u32,
    #[serde(default)]
    uid: u32,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Report {
    behavior: Behavior,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Behavior {
    summary: Summary,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Summary {
    file_deleted: HashSet<String>,
}

/// By their paths in the machine, each as it was last.
pub fn of(folder: &Folder) -> io::Result<BTreeMap<String, Left>> {
    let mut left = BTreeMap::new();
    let Some(record) = folder.find("files.json")? else { return Ok(left) };
    for line in BufReader::new(record.take(MAX_RECORD)).lines() {
        // The last may be cut.
        let Ok(line) = serde_json::from_str::<Line>(&line?) else { continue };
        if line.cut || !is_plain(&line.filepath) {
            continue;
        }
        let file = Left { member: line.path, mode: line.mode & 0o7777, is_roots: line.uid == 0 };
        left.insert(line.filepath, file);
    }
    let deleted = deleted(folder)?;
    left.retain(|path, _| !deleted.contains(path));
    Ok(left)
}

/// A path as programs write it, below a folder that outlives a reboot.
fn is_plain(path: &str) -> bool {
    let is_odd = |part: &str| matches!(part, "." | "..");
    path.starts_with('/')
        && !path.contains('\0')
        && !path.split('/').any(is_odd)
        && !CLEARED.iter().any(|folder| path.starts_with(folder))
}

fn deleted(folder: &Folder) -> io::Result<HashSet<String>> {
    let Some(report) = folder.find(REPORT)? else { return Ok(HashSet::new()) };
    let report: Report = serde_json::from_reader(BufReader::new(report)).unwrap_or_default();
    Ok(report.behavior.summary.file_deleted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Analyses;

    #[test]
    fn the_last_version_of_what_outlives_a_reboot_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Analyses::open(dir.path()).unwrap().create(1).unwrap();
        let lines = [
            r#"{"path":"files/1_a","filepath":"/etc/cron.d/a","mode":33188,"uid":0}"#,
            r#"{"path":"files/2_a","filepath":"/etc/cron.d/a","mode":33261,"uid":0}"#,
            r#"{"path":"files/3_b","filepath":"/home/guest/b","uid":1000,"mode":420}"#,
            r#"{"path":"files/4_c","filepath":"/opt/gone","uid":0}"#,
            r#"{"path":"files/5_d","filepath":"/tmp/d","uid":0}"#,
            r#"{"path":"files/6_e","filepath":"/opt/cut","uid":0,"cut":true}"#,
            r#"{"path":"files/7_f","filepath":"/opt/../etc/passwd","uid":0}"#,
            r#"{"path":"files/8"#,
        ];
        std::fs::write(folder.path().join("files.json"), lines.join("\n")).unwrap();
        let report =
            r#"{"info":{"x":[1]},"behavior":{"summary":{"file_deleted":["/opt/gone"],"other":[1]}}}"#;
        std::fs::create_dir_all(folder.path().join("reports")).unwrap();
        std::fs::write(folder.path().join(REPORT), report).unwrap();
        let left = of(&folder).unwrap();
        let file = |member: &str, mode, is_roots| Left { member: member.into(), mode, is_roots };
        let wanted = [
            ("/etc/cron.d/a".to_owned(), file("files/2_a", 0o755, true)),
            ("/home/guest/b".to_owned(), file("files/3_b", 0o644, false)),
        ];
        assert_eq!(left, BTreeMap::from(wanted));
    }
}
