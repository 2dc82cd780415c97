//! What happens in a run.

use guest_protocol::{Bytes, Counts, Exit, FileFacts, ProcessEvent, Reply, Stream, Syscall};

use super::calls::Call;
use super::unexpected;
use crate::error::Result;

#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The first process is there.
    Started {
        pid: u32,
    },
    Output {
        stream: Stream,
        bytes: Bytes,
    },
    /// A process of the run began, became another program, or ended.
    Process(ProcessEvent),
    /// System calls of the run, in order.
    Syscalls(Vec<Syscall>),
    /// The first process ended.
    Exited(Exit),
    /// A dropped file: its facts, then its content in pieces, then its end. Its path is the guest's word: never one here.
    File(FileFacts),
    FileData(Bytes),
    FileEnd {
        cut: bool,
    },
    /// The memory of a process that ends, or becomes another program, in the same way.
    Memory {
        pid: u32,
    },
    MemoryData(Bytes),
    MemoryEnd {
        cut: bool,
    },
    /// The last event: all is over, and what was left out.
    Finished(Counts),
}

/// The events of a run, in order. Dropped, the run is killed.
pub struct Events {
    call: Call,
    is_over: bool,
}

impl Events {
    pub(super) fn new(call: Call) -> Self {
        Self { call, is_over: false }
    }

    /// The next event; none after `Finished`. A run that could not begin is an error.
    pub async fn next(&mut self) -> Result<Option<Event>> {
        if self.is_over {
            return Ok(None);
        }
        let reply = self.call.next().await.inspect_err(|_| self.is_over = true)?;
        Ok(Some(match reply {
            Reply::Started { pid } => Event::Started { pid },
            Reply::Output { stream, bytes } => Event::Output { stream, bytes },
            Reply::Exited { exit } => Event::Exited(exit),
            Reply::File(facts) => Event::File(facts),
            Reply::Data(bytes) => Event::FileData(bytes),
            Reply::FileEnd { cut } => Event::FileEnd { cut },
            Reply::Memory { pid } => Event::Memory { pid },
            Reply::MemoryData(bytes) => Event::MemoryData(bytes),
            Reply::MemoryEnd { cut } => Event::MemoryEnd { cut },
            Reply::Process(event) => Event::Process(event),
            Reply::Syscalls(calls) => Event::Syscalls(calls),
            Reply::Finished(counts) => {
                self.is_over = true;
                Event::Finished(counts)
            }
            other => return Err(unexpected(&other)),
        }))
    }

    /// Kills all processes of the run. Its last events, dropped files among them, still come.
    pub async fn kill(&self) -> Result<()> {
        self.call.kill().await
    }
}
