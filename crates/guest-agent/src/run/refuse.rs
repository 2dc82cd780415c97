//! What samples are refused: io_uring, by which a process has the kernel work for it without system calls that could be recorded.
#![allow(unsafe_code)]

use std::io;

/// `io_uring_setup`, the same number for all kinds of callers.
const IO_URING_SETUP: u32 = 425;
/// Set in numbers of x32.
const X32: u32 = 0x4000_0000;

/// Installs the filter for this process and all that come of it. Takes root's rights, and no promise that setuid programs
/// would notice.
pub fn io_uring() -> io::Result<()> {
    let step = |code: u32, jump_true, jump_false, value| libc::sock_filter {
        code: code as u16,
        jt: jump_true,
        jf: jump_false,
        k: value,
    };
    let refused = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
    let mut filter = [
        // The number of the call is the first field of what a filter sees.
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0, 0, !X32),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, IO_URING_SETUP),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, refused),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the program and its filter outlive the call, which copies them.
    let answer = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
