//! What a run sends, on its way into the results.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use guest_protocol::{Exit, Stream};

use super::dropped::Dropped;
use crate::guest::Event;
use crate::processing::behavior::{EVENTS, Event as Behavior};
use crate::scheduler::Run;

pub struct Recorder {
    behavior: BufWriter<File>,
    stdout: BufWriter<File>,
    stderr: BufWriter<File>,
    dropped: Dropped,
    words: Vec<String>,
    first: Option<u32>,
}

impl Recorder {
    /// The files of a run of this command.
    pub fn begin(run: &Run, words: Vec<String>) -> io::Result<Self> {
        let path = run.folder.path();
        Ok(Self {
            behavior: create(&path.join(EVENTS))?,
            stdout: create(&path.join("logs/stdout.txt"))?,
            stderr: create(&path.join("logs/stderr.txt"))?,
            dropped: Dropped::new(path, run.sandbox.samples.folders().1),
            words,
            first: None,
        })
    }

    pub fn take(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Started { pid } => self.started(pid),
            Event::Exited(exit) => {
                let code = match exit {
                    Exit::Code(code) => code,
                    Exit::Signal(signal) => -signal,
                };
                match self.first {
                    Some(pid) => self.behavior(&Behavior::Exit { time: now(), pid, code }),
                    None => Ok(()),
                }
            }
            Event::Output { stream: Stream::Stdout, bytes } => self.stdout.write_all(&bytes),
            Event::Output { stream: Stream::Stderr, bytes } => self.stderr.write_all(&bytes),
            Event::File(facts) => self.dropped.begin(facts),
            Event::FileData(bytes) => self.dropped.push(&bytes),
            Event::FileEnd { cut } => self.dropped.end(cut),
            Event::Finished(_) => Ok(()),
        }
    }

    fn started(&mut self, pid: u32) -> io::Result<()> {
        self.first = Some(pid);
        let path = self.words.first().cloned().unwrap_or_default();
        let name =
            Path::new(&path).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let command_line = self.words.join(" ");
        self.behavior(&Behavior::Process { time: now(), pid, ppid: 1, name, path, command_line })
    }

    fn behavior(&mut self, event: &Behavior) -> io::Result<()> {
        serde_json::to_writer(&mut self.behavior, event)?;
        self.behavior.write_all(b"\n")
    }

    pub fn finish(mut self) -> io::Result<()> {
        self.behavior.flush()?;
        self.stdout.flush()?;
        self.stderr.flush()
    }
}

fn create(path: &Path) -> io::Result<BufWriter<File>> {
    Ok(BufWriter::new(OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?))
}

fn now() -> f64 {
    store::sandbox::Stamp::now().as_seconds()
}
