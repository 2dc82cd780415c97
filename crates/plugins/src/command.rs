//! A program at work: its output as it comes, and its end. Both outputs are read by the one thread that waits, so neither
//! can block the program while the other is read.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process_group};
use vql::cancel::Cancel;

/// How often cancellation is looked at while the program is silent.
const STEP: Duration = Duration::from_millis(50);

/// How long the output of a program that has ended may be silent before it is given up: a program that it left behind
/// may hold it open.
const SILENCE: Duration = Duration::from_millis(500);

const BLOCK: usize = 64 << 10;

/// What to run.
#[derive(Debug)]
pub struct Call {
    pub argv: Vec<Vec<u8>>,
    /// All of the environment.
    pub environment: Vec<(OsString, OsString)>,
    pub directory: Option<PathBuf>,
}

/// Where a program wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    Out,
    Err,
}

/// A program that was started; dropping it kills it and what it started.
pub struct Running {
    child: Child,
    out: Option<ChildStdout>,
    err: Option<ChildStderr>,
    /// Its exit code; -1 when a signal ended it.
    code: Option<i32>,
}

impl Call {
    /// Starts the program in a process group of its own, with nothing to read.
    pub fn start(self) -> io::Result<Running> {
        let mut argv = self.argv.into_iter().map(OsString::from_vec);
        let program = argv.next().ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(program);
        command.args(argv).env_clear().envs(self.environment).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(directory) = self.directory {
            command.current_dir(directory);
        }
        let mut child = command.spawn()?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let running = Running { child, out, err, code: None };
        for pipe in running.pipes().into_iter().flatten() {
            fcntl_setfl(pipe, fcntl_getfl(pipe)? | OFlags::NONBLOCK)?;
        }
        Ok(running)
    }
}

impl Running {
    /// Hands out what the program writes until it ends: its exit code, or `None` when it was cancelled.
    pub fn output<E>(
        &mut self,
        cancel: &Cancel,
        each: &mut dyn FnMut(Channel, &[u8]) -> Result<(), E>,
    ) -> Result<Option<i32>, E> {
        let mut block = vec![0; BLOCK];
        let mut heard = Instant::now();
        while self.out.is_some() || self.err.is_some() {
            if cancel.is_cancelled() {
                return Ok(None);
            }
            if self.wait_for_output() {
                heard = Instant::now();
                read(&mut self.out, &mut block, &mut |bytes| each(Channel::Out, bytes))?;
                read(&mut self.err, &mut block, &mut |bytes| each(Channel::Err, bytes))?;
            } else if self.has_ended() && heard.elapsed() > SILENCE {
                break;
            }
        }
        while !self.has_ended() {
            if cancel.wait(Duration::from_millis(5)) {
                return Ok(None);
            }
        }
        Ok(self.code)
    }

    fn pipes(&self) -> [Option<BorrowedFd<'_>>; 2] {
        [self.out.as_ref().map(AsFd::as_fd), self.err.as_ref().map(AsFd::as_fd)]
    }

    /// Waits a moment; whether there is something to read.
    fn wait_for_output(&self) -> bool {
        let pipes = self.pipes().into_iter().flatten();
        let mut fds: Vec<PollFd<'_>> = pipes.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        let step = Timespec { tv_sec: 0, tv_nsec: STEP.as_nanos() as _ };
        poll(&mut fds, Some(&step)).is_ok_and(|ready| ready > 0)
    }

    fn has_ended(&mut self) -> bool {
        if self.code.is_none()
            && let Ok(Some(status)) = self.child.try_wait()
        {
            self.code = Some(status.code().unwrap_or(-1));
        }
        self.code.is_some()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.has_ended() {
            return;
        }
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

/// Reads a block, if there is one; forgets the pipe at its end.
fn read<R: Read, E>(
    pipe: &mut Option<R>,
    block: &mut [u8],
    each: &mut dyn FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let Some(open) = pipe else { return Ok(()) };
    match open.read(block) {
        Ok(0) => *pipe = None,
        Ok(count) => each(&block[..count])?,
        Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
        Err(_) => *pipe = None,
    }
    Ok(())
}
