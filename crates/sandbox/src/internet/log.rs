//! The log's writer: bounded, since the guest decides how much there is to tell.

use std::io::{self, Write};

use super::event::{Entry, Event};

pub struct Log {
    out: Box<dyn Write + Send>,
    left: u64,
    is_cut: bool,
    /// A write that failed is told when the log is flushed.
    failed: Option<io::Error>,
}

/// Room for the last lines.
const RESERVE: u64 = 1024;

impl Log {
    pub fn new(out: Box<dyn Write + Send>, most: u64) -> Self {
        Self { out, left: most.saturating_sub(RESERVE), is_cut: false, failed: None }
    }

    pub fn write(&mut self, time: f64, event: Event) {
        if self.is_cut {
            return;
        }
        let mut line = serde_json::to_vec(&Entry { time, event }).unwrap_or_default();
        line.push(b'\n');
        match self.left.checked_sub(line.len() as u64) {
            Some(left) => {
                self.left = left;
                self.put(&line);
            }
            None => {
                self.is_cut = true;
                self.last(time, Event::Cut);
            }
        }
    }

    /// A line for which there is always room.
    pub fn last(&mut self, time: f64, event: Event) {
        let mut line = serde_json::to_vec(&Entry { time, event }).unwrap_or_default();
        line.push(b'\n');
        self.put(&line);
    }

    fn put(&mut self, line: &[u8]) {
        if self.failed.is_none() {
            self.failed = self.out.write_all(line).err();
        }
    }

    pub fn flush(&mut self) -> io::Result<()> {
        match self.failed.take() {
            Some(error) => Err(error),
            None => self.out.flush(),
        }
    }
}
