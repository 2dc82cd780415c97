//! Filters of system calls (seccomp) that samples cannot take off again.
//!
//! Every sample is refused io_uring, by which a process has the kernel work for it without system calls that could be recorded.
//! A sample that is traced by stops (see `stops`) stops at each call that is recorded, and at nothing else.
#![allow(unsafe_code)]

use std::io;

use guest_protocol::syscalls::{self, Abi, NUMBERS};

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
const RETURN: u32 = libc::BPF_RET | libc::BPF_K;

/// Refuses io_uring to this process and all that come of it. As all filters here, it takes root's rights, and no promise that
/// setuid programs would notice.
pub fn refuse_io_uring() -> io::Result<()> {
    let mut filter = number();
    filter.extend([
        step(IS, 0, 1, IO_URING_SETUP),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
    ]);
    install(&mut filter)
}

/// Stops this process and all that come of it at calls that are recorded. Without a tracer they fail (ENOSYS), so that
/// nothing of a sample happens unseen. The tracer refuses io_uring.
pub fn stop_at_recorded() -> io::Result<()> {
    install(&mut recorded())
}

/// The kernel works out beforehand which numbers are always allowed: those do not run these lines (Linux 5.11).
fn recorded() -> Vec<libc::sock_filter> {
    let of = |abi| {
        let mut steps = number();
        for number in (0..NUMBERS).filter(|number| syscalls::row(abi, *number).is_some()) {
            steps.extend([step(IS, 0, 1, number), step(RETURN, 0, 0, libc::SECCOMP_RET_TRACE)]);
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

fn install(filter: &mut [libc::sock_filter]) -> io::Result<()> {
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the program and its filter outlive the call, which copies them.
    let answer = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the filter says to a call, by running its steps.
    fn verdict(architecture: u32, number: u32) -> u32 {
        let filter = recorded();
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
        const X86_64: u32 = 0xc000_003e;
        let (stop, pass) = (libc::SECCOMP_RET_TRACE, libc::SECCOMP_RET_ALLOW);
        assert_eq!((verdict(X86_64, 257), verdict(X86_64, 257 | X32)), (stop, stop), "openat");
        assert_eq!((verdict(X86_64, 202), verdict(I386, 240)), (pass, pass), "futex");
        assert_eq!((verdict(I386, 295), verdict(X86_64, 295)), (stop, pass), "openat, preadv");
        assert_eq!((verdict(I386, 425), verdict(X86_64, 425)), (stop, stop), "io_uring_setup");
        assert_eq!((verdict(I386, 511), verdict(X86_64, !X32)), (pass, pass));
        assert!(recorded().len() < 4096, "the kernel takes no more");
    }
}
