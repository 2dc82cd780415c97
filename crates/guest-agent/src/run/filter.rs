//! Filters of system calls (seccomp) that samples cannot take off again.
//!
//! Every sample is refused io_uring, by which a process has the kernel work for it without system calls that could be recorded.
//! A sample that is traced by stops (see `stops`) stops at each call that is recorded, and at nothing else. One whose memory is
//! kept when it ends (see `ends`) waits at that for the agent.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{FromRawFd as _, OwnedFd};

use guest_protocol::syscalls::{self, Abi, NUMBERS, Row};

/// `io_uring_setup`, the same number for all kinds of callers.
const IO_URING_SETUP: u32 = 425;
/// Set in numbers of x32.
const X32: u32 = 0x4000_0000;
/// `AUDIT_ARCH_I386`: the caller used the gate for code of 32 bits.
pub const I386: u32 = 0x4000_0003;

/// What a filter sees: the number of the call, then who calls.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;

const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
const IS: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
/// Who waits, and was heard, is disturbed by what kills it and by no other signal: a timer could keep it from ever ending
/// (Linux 5.19).
const KILLABLE: libc::c_ulong = libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;

const REFUSE: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
const RETURN: u32 = libc::BPF_RET | libc::BPF_K;

/// Refuses io_uring to this process and all that come of it. As all filters here, it takes root's rights, and no promise that
/// setuid programs would notice.
pub fn refuse_io_uring() -> io::Result<()> {
    let mut filter = number();
    filter.extend([
        step(IS, 0, 1, IO_URING_SETUP),
        step(RETURN, 0, 0, REFUSE),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
    ]);
    install(&mut filter, 0).map(drop)
}

/// Stops this process and all that come of it at calls that are recorded. Without a tracer they fail (ENOSYS), so that
/// nothing of a sample happens unseen. The tracer refuses io_uring.
pub fn stop_at_recorded() -> io::Result<()> {
    install(&mut recorded(), 0).map(drop)
}

/// The same as [`refuse_io_uring`], and who ends or becomes another program waits until whoever has the descriptor lets it.
pub fn wait_at_ends() -> io::Result<OwnedFd> {
    let (mut filter, usual) = (ends(), libc::SECCOMP_FILTER_FLAG_NEW_LISTENER);
    let listener = match install(&mut filter, usual | KILLABLE) {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => install(&mut filter, usual)?,
        installed => installed?,
    };
    let listener = i32::try_from(listener).map_err(io::Error::other)?;
    // SAFETY: the kernel just gave it to us, and to nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(listener) })
}

/// Whether a call ends a thread, its process, or the program that it runs.
pub fn is_end(row: &Row) -> bool {
    matches!(row.names[0], "exit" | "exit_group" | "execve" | "execveat")
}

fn recorded() -> Vec<libc::sock_filter> {
    by_number(|abi, number| syscalls::row(abi, number).map(|_| libc::SECCOMP_RET_TRACE))
}

fn ends() -> Vec<libc::sock_filter> {
    by_number(|abi, number| match syscalls::row(abi, number) {
        Some(row) if is_end(row) => Some(libc::SECCOMP_RET_USER_NOTIF),
        _ => (number == IO_URING_SETUP).then_some(REFUSE),
    })
}

/// What is to happen at which calls; all others are let through. The kernel works out beforehand which numbers are always allowed:
/// those do not run these lines (Linux 5.11).
fn by_number(fate: impl Fn(Abi, u32) -> Option<u32>) -> Vec<libc::sock_filter> {
    let of = |abi| {
        let mut steps = number();
        for (number, fate) in (0..NUMBERS).filter_map(|number| Some((number, fate(abi, number)?))) {
            steps.extend([step(IS, 0, 1, number), step(RETURN, 0, 0, fate)]);
        }
        steps.push(step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW));
        steps
    };
    let others = of(Abi::I386);
    let mut filter = vec![
        step(LOAD, 0, 0, ARCHITECTURE),
        step(IS, 0, 1, I386),
        // Over the one part to the other: too far for a step's own jump.
        step(libc::BPF_JMP | libc::BPF_JA, 0, 0, 1),
        step(libc::BPF_JMP | libc::BPF_JA, 0, 0, others.len() as u32),
    ];
    filter.extend(others);
    filter.extend(of(Abi::X86_64));
    filter
}

/// Loads the number of the call.
fn number() -> Vec<libc::sock_filter> {
    vec![step(LOAD, 0, 0, NUMBER), step(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0, 0, !X32)]
}

fn step(code: u32, jump_true: u8, jump_false: u8, value: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt: jump_true, jf: jump_false, k: value }
}

/// Gives what the call does: 0, or the listener that the flags ask for.
fn install(filter: &mut [libc::sock_filter], flags: libc::c_ulong) -> io::Result<libc::c_long> {
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the program and its filter outlive the call, which copies them.
    let answer =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const X86_64: u32 = 0xc000_003e;

    /// What the filter says to a call, by running its steps.
    fn verdict(filter: &[libc::sock_filter], architecture: u32, number: u32) -> u32 {
        let (mut at, mut value) = (0, 0);
        loop {
            let libc::sock_filter { code, jt, jf, k } = filter[at];
            at += 1;
            match u32::from(code) {
                LOAD => value = if k == NUMBER { number } else { architecture },
                IS => at += usize::from(if value == k { jt } else { jf }),
                RETURN => return k,
                code if code == libc::BPF_JMP | libc::BPF_JA => at += k as usize,
                _ => value &= k,
            }
        }
    }

    #[test]
    fn calls_stop_by_the_numbers_of_their_caller() {
        let filter = recorded();
        let verdict = |architecture, number| verdict(&filter, architecture, number);
        let (stop, pass) = (libc::SECCOMP_RET_TRACE, libc::SECCOMP_RET_ALLOW);
        assert_eq!((verdict(X86_64, 257), verdict(X86_64, 257 | X32)), (stop, stop), "openat");
        assert_eq!((verdict(X86_64, 202), verdict(I386, 240)), (pass, pass), "futex");
        assert_eq!((verdict(I386, 5), verdict(X86_64, 5)), (stop, pass), "open, fstat");
        assert_eq!((verdict(I386, 425), verdict(X86_64, 425)), (stop, stop), "io_uring_setup");
        assert_eq!((verdict(I386, 511), verdict(X86_64, !X32)), (pass, pass));
        assert!(filter.len() < 4096, "the kernel takes no more");
    }

    #[test]
    fn ends_wait_by_the_numbers_of_their_caller() {
        let filter = ends();
        let verdict = |architecture, number| verdict(&filter, architecture, number);
        let (wait, pass) = (libc::SECCOMP_RET_USER_NOTIF, libc::SECCOMP_RET_ALLOW);
        for number in [59, 60, 231, 322, 60 | X32] {
            assert_eq!(verdict(X86_64, number), wait, "{number}");
        }
        for number in [1, 11, 252, 358] {
            assert_eq!(verdict(I386, number), wait, "{number}");
        }
        assert_eq!((verdict(X86_64, 1), verdict(I386, 60)), (pass, pass), "write, umask");
        assert_eq!((verdict(X86_64, 425), verdict(I386, 425)), (REFUSE, REFUSE));
    }
}
