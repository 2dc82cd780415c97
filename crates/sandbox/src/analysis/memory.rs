//! Memory of processes (`procmemdump=yes`): `memory/PID-N.dmp`, the Nth of this process. The agent sends that of those which end
//! during the run; that of those which live when the time is over is fetched.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use guest_protocol::Limits;

use super::allowance::Allowance;
use crate::guest::Agent;

/// Of processes that end: how many, and bytes of one and of all. A process waits until its memory is sent.
pub const MAX_ENDED: u32 = 64;
pub const MAX_ENDED_BYTES: u64 = 64 << 20;
pub const MAX_ENDED_TOTAL: u64 = 256 << 20;

/// Of those that live at the end.
const MAX_LIVING: usize = 64;
const MAX_BYTES: u64 = 512 << 20;
const MAX_TOTAL: u64 = 2 << 30;

/// What is written of one run.
pub struct Memory {
    folder: PathBuf,
    /// How many there are of each process.
    numbers: HashMap<u32, u32>,
    current: Option<Current>,
    allowance: Allowance,
}

struct Current {
    pid: u32,
    file: File,
    bytes: u64,
}

impl Memory {
    /// For the folder of an analysis.
    pub fn new(folder: &Path, limits: &Limits) -> Self {
        Self {
            folder: folder.to_owned(),
            numbers: HashMap::new(),
            current: None,
            allowance: Allowance::new(limits.memories, limits.memory_total_bytes),
        }
    }

    /// What came beyond the limits, which no agent sends.
    pub fn left_out(&self) -> u64 {
        self.allowance.refused()
    }

    /// Memory of a process that ends begins. What there is of one that did not end stays.
    pub fn begin(&mut self, pid: u32) -> io::Result<()> {
        self.current = None;
        if !self.allowance.takes_one() {
            return Ok(());
        }
        let file = self.create(pid)?;
        self.current = Some(Current { pid, file, bytes: 0 });
        Ok(())
    }

    pub fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(current) = &mut self.current else { return Ok(()) };
        if !self.allowance.takes(bytes) {
            self.current = None;
            return Ok(());
        }
        current.bytes += bytes.len() as u64;
        current.file.write_all(bytes)
    }

    /// A line for the log.
    pub fn end(&mut self, is_cut: bool) -> Option<String> {
        let Current { pid, bytes, .. } = self.current.take()?;
        let cut = if is_cut { ", cut" } else { "" };
        Some(format!(
            "process {pid} ended or became another program: its memory was written ({bytes} bytes{cut})"
        ))
    }

    /// Writes that of processes that live, and gives lines for the log.
    pub async fn dump(&mut self, agent: &Agent, pids: &[u32]) -> Vec<String> {
        let (mut lines, mut total) = (Vec::new(), 0);
        for (at, pid) in pids.iter().enumerate() {
            if at == MAX_LIVING || total >= MAX_TOTAL {
                lines.push(format!("the memory of {} further processes was left out", pids.len() - at));
                break;
            }
            match self.one(agent, *pid, MAX_BYTES.min(MAX_TOTAL - total)).await {
                Ok((written, is_cut)) => {
                    total += written;
                    let cut = if is_cut { ", cut" } else { "" };
                    lines.push(format!("the memory of process {pid} was written ({written} bytes{cut})"));
                }
                Err(error) => lines.push(format!("the memory of process {pid} was not written: {error}")),
            }
        }
        lines
    }

    async fn one(&mut self, agent: &Agent, pid: u32, most: u64) -> Result<(u64, bool), String> {
        let mut content = agent.dump_process(pid, most).await.map_err(|error| error.to_string())?;
        // A process that is gone leaves no empty file.
        let Some(first) = content.next().await.map_err(|error| error.to_string())? else {
            return Err("it is gone".into());
        };
        let mut file = tokio::fs::File::from_std(self.create(pid).map_err(|error| error.to_string())?);
        tokio::io::AsyncWriteExt::write_all(&mut file, &first).await.map_err(|error| error.to_string())?;
        let written = content.write_to(&mut file).await.map_err(|error| error.to_string())?;
        Ok((written + first.len() as u64, content.is_cut()))
    }

    fn create(&mut self, pid: u32) -> io::Result<File> {
        let number = self.numbers.entry(pid).or_default();
        *number += 1;
        let path = self.folder.join(format!("memory/{pid}-{number}.dmp"));
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_are_told_apart_and_a_guest_that_keeps_to_no_limit_fills_no_disk() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("memory")).unwrap();
        let limits = Limits { memories: 4, memory_total_bytes: 10, ..Limits::default() };
        let mut memory = Memory::new(dir.path(), &limits);
        // One never ends, the next is too much, and the last is one too many.
        for (pid, bytes) in [(7, "one"), (8, "cut"), (7, "two"), (9, "three"), (9, "four")] {
            memory.begin(pid).unwrap();
            memory.push(bytes.as_bytes()).unwrap();
            if pid == 7 {
                assert!(memory.end(false).unwrap().contains("(3 bytes)"));
            }
        }
        assert_eq!((memory.end(false), memory.left_out()), (None, 2));
        let read = |name: &str| std::fs::read_to_string(dir.path().join("memory").join(name)).unwrap();
        assert_eq!(
            [read("7-1.dmp"), read("7-2.dmp"), read("8-1.dmp"), read("9-1.dmp")],
            ["one", "two", "cut", ""]
        );
    }
}
