//! Files that a sample left, under names of ours (the sandbox reference, sections 9 and 16).

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use guest_protocol::{FileFacts, Limits};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::allowance::Allowance;
use crate::processing::shown;

/// Of the guest's name, in ours.
const MAX_NAME: usize = 100;

pub struct Dropped {
    folder: PathBuf,
    incoming: PathBuf,
    current: Option<Current>,
    allowance: Allowance,
}

struct Current {
    facts: FileFacts,
    file: NamedTempFile,
    hash: Sha256,
}

impl Dropped {
    /// For the folder of an analysis; what is on its way lies in `incoming`.
    pub fn new(folder: &Path, incoming: &Path, limits: &Limits) -> Self {
        Self {
            folder: folder.to_owned(),
            incoming: incoming.to_owned(),
            current: None,
            allowance: Allowance::new(limits.dropped_files, limits.dropped_total_bytes),
        }
    }

    /// Files that came beyond the limits, which no agent sends.
    pub fn left_out(&self) -> u64 {
        self.allowance.refused()
    }

    /// A file begins. One that did not end is left.
    pub fn begin(&mut self, facts: FileFacts) -> io::Result<()> {
        self.current = None;
        if !self.allowance.takes_one() {
            return Ok(());
        }
        let file = NamedTempFile::new_in(&self.incoming)?;
        self.current = Some(Current { facts, file, hash: Sha256::new() });
        Ok(())
    }

    pub fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(current) = &mut self.current else { return Ok(()) };
        if !self.allowance.takes(bytes) {
            self.current = None;
            return Ok(());
        }
        current.hash.update(bytes);
        current.file.write_all(bytes)
    }

    /// Puts the file in its place and notes where it came from. The same content under the same name is kept once.
    pub fn end(&mut self, cut: bool) -> io::Result<()> {
        let Some(Current { facts, file, hash }) = self.current.take() else { return Ok(()) };
        let hash: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let member = format!("files/{hash}_{}", plain_name(&facts.path));
        match file.persist_noclobber(self.folder.join(&member)) {
            Ok(_) => {}
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error.error),
        }
        let line = json!({"path": member, "filepath": shown(&facts.path), "pids": facts.writers, "size": facts.size, "cut": cut,
            "mode": facts.mode, "uid": facts.uid});
        let path = self.folder.join("files.json");
        let mut record: File = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        record.write_all(format!("{line}\n").as_bytes())
    }
}

/// The last part of a path in letters that mean nothing anywhere.
fn plain_name(path: &[u8]) -> String {
    let last = path.rsplit(|byte| *byte == b'/' || *byte == b'\\').next().unwrap_or_default();
    let plain = |byte: &u8| match byte.to_ascii_lowercase() {
        byte @ (b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_') => char::from(byte),
        b'.' => '.',
        _ => '_',
    };
    let name: String = last.iter().take(MAX_NAME).map(plain).collect();
    let name = name.trim_matches('.');
    if name.is_empty() { "file".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(path: &[u8]) -> FileFacts {
        FileFacts { path: path.into(), size: 5, mode: 0o644, uid: 0, gid: 0, modified: 0, writers: vec![7] }
    }

    #[test]
    fn whatever_a_guest_calls_its_files_they_lie_in_their_folder() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("files")).unwrap();
        let mut dropped = Dropped::new(dir.path(), dir.path(), &Limits::default());
        let hostile = [
            b"/tmp/../../../etc/cron.d/x".as_slice(),
            b"..",
            b"/tmp/\xff\0\n",
            b"/tmp/A B.EXE...",
            &[b'x'; 4096],
        ];
        for path in hostile {
            dropped.begin(facts(path)).unwrap();
            dropped.push(b"he").unwrap();
            dropped.push(b"llo").unwrap();
            dropped.end(false).unwrap();
        }
        // Once more, and one that never ends.
        dropped.begin(facts(b"..")).unwrap();
        dropped.push(b"hello").unwrap();
        dropped.end(true).unwrap();
        dropped.begin(facts(b"never")).unwrap();
        drop(dropped);
        let mut names: Vec<String> = std::fs::read_dir(dir.path().join("files"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let long = format!("2cf24dba5fb0a30e_{}", "x".repeat(MAX_NAME));
        let expected = ["___", "a_b.exe", "file", "x"].map(|name| format!("2cf24dba5fb0a30e_{name}"));
        assert_eq!(names, [&expected[..], &[long]].concat());
        let record = std::fs::read_to_string(dir.path().join("files.json")).unwrap();
        assert_eq!(record.lines().count(), 6);
        assert!(record.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
        // What was on its way is gone.
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_guest_that_keeps_to_no_limit_fills_no_disk() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("files")).unwrap();
        let limits = Limits { dropped_files: 3, dropped_total_bytes: 10, ..Limits::default() };
        let mut dropped = Dropped::new(dir.path(), dir.path(), &limits);
        for name in [b"a", b"b", b"c", b"d"] {
            dropped.begin(facts(name)).unwrap();
            dropped.push(b"four").unwrap();
            dropped.end(false).unwrap();
        }
        // The third was too much for the bytes, the fourth for the files.
        assert_eq!(
            (std::fs::read_dir(dir.path().join("files")).unwrap().count(), dropped.left_out()),
            (2, 2)
        );
    }
}
