//! `analysis.log` and `cuckoo.log`: what happened, for people.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

use store::sandbox::Stamp;

use crate::processing::shown;
use crate::results::Folder;

/// Lines of the guest's agent that are kept.
const MAX_GUEST_LINES: usize = 10_000;

/// Bytes of one log: guests have a say in what its lines are about.
const MAX_BYTES: usize = 16 << 20;

pub struct Log {
    /// `None` where the guest writes it itself.
    analysis: Option<File>,
    host: File,
    guest_lines: usize,
    bytes: usize,
}

impl Log {
    pub fn open(folder: &Folder) -> io::Result<Self> {
        let analysis = Some(open(folder, "analysis.log")?);
        Ok(Self { analysis, ..Self::of_host(folder)? })
    }

    /// `cuckoo.log` alone: the other one is the guest's.
    pub fn of_host(folder: &Folder) -> io::Result<Self> {
        Ok(Self { analysis: None, host: open(folder, "cuckoo.log")?, guest_lines: 0, bytes: 0 })
    }

    pub fn info(&mut self, text: &str) {
        self.line("INFO", text);
    }

    pub fn warning(&mut self, text: &str) {
        self.line("WARNING", text);
    }

    pub fn error(&mut self, text: &str) {
        self.line("ERROR", text);
    }

    fn line(&mut self, level: &str, text: &str) {
        let text = text.replace('\n', " ");
        let line = format!("{} [analysis] {level}: {text}\n", Stamp::now());
        self.bytes += line.len();
        if self.bytes > MAX_BYTES {
            return;
        }
        for file in self.analysis.iter_mut().chain([&mut self.host]) {
            if let Err(error) = file.write_all(line.as_bytes()) {
                tracing::warn!(target: "sandbox", %error, "a line of a log was not written");
            }
        }
    }

    /// What the agent in the guest had to say.
    pub fn guest(&mut self, text: &str) {
        if let Some(analysis) = &mut self.analysis
            && self.guest_lines < MAX_GUEST_LINES
        {
            self.guest_lines += 1;
            let text = shown(text.as_bytes()).replace('\n', " ");
            let _ = writeln!(analysis, "{} [agent] INFO: {text}", Stamp::now());
        }
    }
}

fn open(folder: &Folder, name: &str) -> io::Result<File> {
    OpenOptions::new().append(true).create_new(true).mode(0o600).open(folder.path().join(name))
}
