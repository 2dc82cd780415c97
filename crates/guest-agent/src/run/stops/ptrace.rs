//! `ptrace(2)`, `waitpid(2)` and another process's memory, which std cannot do.
#![allow(unsafe_code)]

use std::io;
use std::mem::MaybeUninit;

use libc::{c_int, c_uint, pid_t, user_regs_struct};

use crate::run::filter::I386;

/// Set in the signal of stops at the end of a call, so that no signal looks like one.
const SYSCALL_STOP: c_int = libc::SIGTRAP | 0x80;
const PAGE: u64 = 4096;

/// What a thread did, that a wait tells of.
#[derive(Debug)]
pub enum Event {
    /// It ended, with the status as `waitpid` gives it.
    Ended(c_int),
    /// It is about to make a call that is recorded.
    Call,
    /// A call is done.
    Done,
    /// It became another program; the number that the thread had before.
    Program { before: pid_t },
    /// It stopped as a whole, by a signal that stops.
    Group,
    /// It is about to get a signal.
    Signal(c_int),
    /// It is about to end; its memory is still there.
    Ending,
    /// Anything that needs nothing but going on.
    Passing,
}

/// A call at its beginning.
pub struct Beginning {
    pub number: u64,
    pub arguments: [u64; 6],
    pub is_32_bit: bool,
}

/// Traces a process and all that it will fork. They die with the calling thread, and only that one may use what follows.
pub fn seize(pid: pid_t, stops_at_its_end: bool) -> io::Result<()> {
    let ends = if stops_at_its_end { libc::PTRACE_O_TRACEEXIT } else { 0 };
    let options = ends
        | libc::PTRACE_O_EXITKILL
        | libc::PTRACE_O_TRACESYSGOOD
        | libc::PTRACE_O_TRACECLONE
        | libc::PTRACE_O_TRACEFORK
        | libc::PTRACE_O_TRACEVFORK
        | libc::PTRACE_O_TRACEEXEC
        | libc::PTRACE_O_TRACESECCOMP;
    // SAFETY: takes numbers only.
    checked(unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid, 0_usize, options as usize) }).map(drop)
}

/// Waits for anything of any thread that the calling thread traces; `None` when there is none left.
pub fn wait() -> io::Result<Option<(pid_t, Event)>> {
    let mut status = 0;
    loop {
        // SAFETY: writes one number, to ours.
        let thread = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | libc::__WNOTHREAD) };
        if thread >= 0 {
            return Ok(Some((thread, event(thread, status))));
        }
        match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => {}
            error if error.raw_os_error() == Some(libc::ECHILD) => return Ok(None),
            error => return Err(error),
        }
    }
}

fn event(thread: pid_t, status: c_int) -> Event {
    if !libc::WIFSTOPPED(status) {
        return Event::Ended(status);
    }
    match (status >> 16, libc::WSTOPSIG(status)) {
        (libc::PTRACE_EVENT_SECCOMP, _) => Event::Call,
        (libc::PTRACE_EVENT_EXEC, _) => Event::Program { before: message(thread).unwrap_or(thread) },
        (libc::PTRACE_EVENT_EXIT, _) => Event::Ending,
        (libc::PTRACE_EVENT_STOP, libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU) => {
            Event::Group
        }
        (0, SYSCALL_STOP) => Event::Done,
        (0, signal) => Event::Signal(signal),
        _ => Event::Passing,
    }
}

fn message(thread: pid_t) -> Option<pid_t> {
    let mut message: libc::c_ulong = 0;
    // SAFETY: writes one number, to ours.
    let answer = unsafe { libc::ptrace(libc::PTRACE_GETEVENTMSG, thread, 0_usize, &raw mut message) };
    (answer == 0).then_some(message as pid_t)
}

/// Lets a thread go on, to the end of its call or without further stops. One that was killed meanwhile is told of by [`wait`].
pub fn go_on(thread: pid_t, to_the_end_of_the_call: bool, signal: c_int) {
    let how = if to_the_end_of_the_call { libc::PTRACE_SYSCALL } else { libc::PTRACE_CONT };
    resume(how, thread, signal);
}

/// Leaves a thread stopped by a signal that stops, until one comes that lets it go on.
pub fn stay(thread: pid_t) {
    resume(libc::PTRACE_LISTEN, thread, 0);
}

fn resume(how: c_uint, thread: pid_t, signal: c_int) {
    // SAFETY: takes numbers only; of a thread that is gone it fails.
    unsafe { libc::ptrace(how, thread, 0_usize, signal as usize) };
}

fn call(thread: pid_t) -> Option<libc::ptrace_syscall_info> {
    let mut info = MaybeUninit::<libc::ptrace_syscall_info>::zeroed();
    let size = size_of::<libc::ptrace_syscall_info>();
    // SAFETY: writes at most so many bytes, to ours.
    let written = unsafe { libc::ptrace(libc::PTRACE_GET_SYSCALL_INFO, thread, size, info.as_mut_ptr()) };
    // SAFETY: all of it is numbers, for which zeros are values too.
    (written > 0).then(|| unsafe { info.assume_init() })
}

/// The call at whose beginning a thread stands.
pub fn beginning(thread: pid_t) -> Option<Beginning> {
    let info = call(thread)?;
    if info.op != libc::PTRACE_SYSCALL_INFO_SECCOMP {
        return None;
    }
    // SAFETY: this part is filled for stops of this kind.
    let call = unsafe { info.u.seccomp };
    Some(Beginning { number: call.nr, arguments: call.args, is_32_bit: info.arch == I386 })
}

/// The result of the call at whose end a thread stands.
pub fn result(thread: pid_t) -> Option<i64> {
    let info = call(thread)?;
    // SAFETY: this part is filled for stops of this kind; of others it is zeros.
    unsafe { (info.op == libc::PTRACE_SYSCALL_INFO_EXIT).then_some(info.u.exit.sval) }
}

/// Keeps the call at whose beginning a thread stands from being made, and gives this as its result.
pub fn answer(thread: pid_t, result: i64) -> bool {
    change(thread, |registers| {
        registers.orig_rax = u64::MAX;
        registers.rax = result as u64;
    })
}

/// Changes the first argument of the call at whose beginning a thread stands.
pub fn set_first_argument(thread: pid_t, is_32_bit: bool, value: u64) -> bool {
    change(thread, |registers| *(if is_32_bit { &mut registers.rbx } else { &mut registers.rdi }) = value)
}

fn change(thread: pid_t, change: impl FnOnce(&mut user_regs_struct)) -> bool {
    let mut registers = MaybeUninit::<user_regs_struct>::zeroed();
    // SAFETY: writes all registers, to ours, and reads them from there. They are numbers.
    unsafe {
        if libc::ptrace(libc::PTRACE_GETREGS, thread, 0_usize, registers.as_mut_ptr()) != 0 {
            return false;
        }
        change(registers.assume_init_mut());
        libc::ptrace(libc::PTRACE_SETREGS, thread, 0_usize, registers.as_mut_ptr()) == 0
    }
}

/// Reads memory of a stopped thread, as far as there is some from that address on.
pub fn read(thread: pid_t, from: u64, into: &mut [u8]) -> usize {
    // The kernel copies whole parts only: one ends with each page.
    let first = usize::try_from(PAGE - from % PAGE).unwrap_or(0).min(into.len());
    let part = |at: usize, length| libc::iovec {
        iov_base: (from.wrapping_add(at as u64)) as *mut libc::c_void,
        iov_len: length,
    };
    debug_assert!(into.len() as u64 <= PAGE, "two parts are enough");
    let theirs = [part(0, first), part(first, into.len() - first)];
    let ours = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
    // SAFETY: writes at most as many bytes as ours has; addresses of the other process are checked by the kernel.
    let read = unsafe { libc::process_vm_readv(thread, &raw const ours, 1, theirs.as_ptr(), 2, 0) };
    usize::try_from(read).unwrap_or(0)
}

fn checked(answer: libc::c_long) -> io::Result<libc::c_long> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}
