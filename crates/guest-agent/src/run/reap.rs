//! Waiting for a sample's first process. One that asks its parent to trace it (`PTRACE_TRACEME`) stops at each signal; it is sent
//! on at once, or it would stand still and tell by that who its parent is.
#![allow(unsafe_code)]

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitStatus};

/// How a process ended. By the thread that started it: only that one may send it on.
pub fn wait(child: &Child) -> io::Result<ExitStatus> {
    let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
    loop {
        let mut status = 0;
        // SAFETY: writes one number, to ours.
        if unsafe { libc::waitpid(pid, &raw mut status, 0) } < 0 {
            match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::Interrupted => continue,
                error => return Err(error),
            }
        }
        if !libc::WIFSTOPPED(status) {
            return Ok(ExitStatus::from_raw(status));
        }
        // A new program announces itself by this signal, which would kill it.
        let signal = match libc::WSTOPSIG(status) {
            libc::SIGTRAP => 0,
            signal => signal,
        };
        // SAFETY: takes numbers only; of a process that is gone it fails.
        unsafe { libc::ptrace(libc::PTRACE_CONT, pid, 0_usize, signal as usize) };
    }
}
