//! The audit log: one JSON line per action that an owner may ask about later.
//!
//! Lines are `{time, operation, principal, details}`, as section 9 of the gRPC reference describes, in the
//! file `logs/audit.jsonl`. One thread writes; the log may be moved away while it is in use and is then
//! started anew.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::thread::{self, JoinHandle};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::data_dir::create_private_dir;
use crate::error::{Error, Result};

/// Lines that may wait to be written.
const MAX_WAITING: usize = 4096;

const WHAT: &str = "the audit log";

#[derive(Debug)]
enum Job {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

/// The audit log of a data directory.
#[derive(Debug)]
pub struct AuditLog {
    sender: Option<SyncSender<Job>>,
    writer: Option<JoinHandle<()>>,
}

impl AuditLog {
    /// Appends to the file `path`, readable by its owner only.
    pub fn open(path: PathBuf) -> Result<Self> {
        if let Some(dir) = path.parent() {
            create_private_dir(dir)?;
        }
        let file = open(&path).map_err(Error::io("open", &path))?;
        let (sender, jobs) = mpsc::sync_channel(MAX_WAITING);
        let writer = thread::Builder::new().name("audit".to_owned()).spawn(move || run(&path, file, &jobs));
        let writer = writer.map_err(|source| Error::Io { action: "start", path: WHAT.into(), source })?;
        Ok(Self { sender: Some(sender), writer: Some(writer) })
    }

    /// Adds a line without waiting for the disk. An error means that it will not be written; what it should
    /// tell about is better refused then.
    pub fn record(&self, operation: &str, principal: &str, details: Map<String, Value>) -> Result<()> {
        let time = Timestamp::now().to_string();
        let line = json!({"time": time, "operation": operation, "principal": principal, "details": details});
        let mut text = line.to_string().into_bytes();
        text.push(b'\n');
        match self.sender()?.try_send(Job::Line(text)) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err(Error::AuditFull),
            Err(TrySendError::Disconnected(_)) => Err(Error::WriterStopped { what: WHAT }),
        }
    }

    /// Waits until everything recorded so far is on disk.
    pub fn flush(&self) -> Result<()> {
        let (done, answer) = mpsc::sync_channel(1);
        let stopped = || Error::WriterStopped { what: WHAT };
        self.sender()?.send(Job::Flush(done)).map_err(|_| stopped())?;
        answer.recv().map_err(|_| stopped())
    }

    fn sender(&self) -> Result<&SyncSender<Job>> {
        self.sender.as_ref().ok_or(Error::WriterStopped { what: WHAT })
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    File::options().create(true).append(true).mode(0o600).open(path)
}

fn run(path: &Path, mut file: File, jobs: &Receiver<Job>) {
    while let Ok(job) = jobs.recv() {
        match job {
            Job::Line(line) => {
                if let Err(error) = write(path, &mut file, &line) {
                    // The line itself goes to the server log: it must not vanish.
                    let line = String::from_utf8_lossy(&line);
                    tracing::error!(%error, path = %path.display(), line = line.trim_end(), "audit line not written");
                }
            }
            Job::Flush(done) => {
                if let Err(error) = file.sync_data() {
                    tracing::error!(%error, path = %path.display(), "audit log not synced");
                }
                let _ = done.send(());
            }
        }
    }
    let _ = file.sync_data();
}

fn write(path: &Path, file: &mut File, line: &[u8]) -> io::Result<()> {
    let is_same = match fs::metadata(path) {
        Ok(there) => there.ino() == file.metadata()?.ino(),
        Err(_) => false,
    };
    if !is_same {
        *file = open(path)?;
    }
    file.write_all(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn lines(path: &Path) -> Vec<Value> {
        let text = fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn lines_say_who_did_what_and_are_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("logs/audit.jsonl");
        let log = AuditLog::open(path.clone()).unwrap();
        log.record("Query API call", "Fred\n", Map::from_iter([("query".into(), "SELECT 1".into())]))
            .unwrap();
        log.flush().unwrap();
        let line = &lines(&path)[0];
        assert_eq!((&line["operation"], &line["principal"]), (&json!("Query API call"), &json!("Fred\n")));
        assert_eq!(line["details"]["query"], "SELECT 1");
        assert!(line["time"].as_str().unwrap().parse::<Timestamp>().is_ok());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_log_that_was_moved_away_is_started_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.jsonl");
        let log = AuditLog::open(path.clone()).unwrap();
        log.record("one", "fred", Map::new()).unwrap();
        log.flush().unwrap();
        fs::rename(&path, dir.path().join("old")).unwrap();
        log.record("two", "fred", Map::new()).unwrap();
        drop(log);
        assert_eq!((lines(&dir.path().join("old")).len(), lines(&path).len()), (1, 1));
    }
}
