//! Real processes, traced: what they do is recorded as the kernel's programs would, and none gets away.

use std::os::unix::process::CommandExt as _;
use std::sync::mpsc::sync_channel;

use guest_protocol::syscalls::name;

use super::*;
use crate::run::filter;

/// A process like that of a launch, which then does what is asked. It has the one thread that forked.
#[allow(unsafe_code)]
fn fork(what: &str) -> pid_t {
    // SAFETY: the child never returns.
    match unsafe { libc::fork() } {
        0 => {
            let done = std::panic::catch_unwind(|| {
                await_tracer().unwrap();
                filter::stop_at_recorded().unwrap();
                match what {
                    "threads" => threads(),
                    "odd" => odd(),
                    line => panic!("{}", Command::new("/bin/sh").args(["-c", line]).exec()),
                }
            });
            // SAFETY: ends the process and nothing else.
            unsafe { libc::_exit(if done.is_ok() { 0 } else { 101 }) }
        }
        pid => pid,
    }
}

/// The sample begins here: with something that looks like a program.
fn begin() {
    let _ = Command::new("/none/such").exec();
}

/// Four threads that delete what is not there, the last of which becomes a program.
fn threads() {
    begin();
    for number in 0..4 {
        let thread = std::thread::spawn(move || {
            let _ = std::fs::remove_file(format!("/none/{number}"));
            if number == 3 {
                panic!("{}", Command::new("/bin/sh").args(["-c", "rm /none/after; exit 5"]).exec());
            }
        });
        thread.join().unwrap();
    }
}

/// What a sample does that looks for its tracer, or wants to get away.
#[allow(unsafe_code)]
fn odd() {
    begin();
    // SAFETY: numbers only; the child does nothing but end.
    unsafe {
        assert_eq!(libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0), 0);
        assert_eq!(libc::syscall(425, 8, 0), -1);
        let child = libc::syscall(libc::SYS_clone, CLONE_UNTRACED | libc::SIGCHLD as u64, 0, 0, 0, 0);
        if child == 0 {
            libc::rmdir(c"/none/child".as_ptr());
            libc::_exit(0);
        }
        libc::waitpid(child as i32, std::ptr::null_mut(), 0);
        // The gate for 32 bits: close(99).
        let mut result = 6_i64;
        std::arch::asm!(
            "push rbx", "mov ebx, 99", "int 0x80", "pop rbx",
            inout("rax") result, out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
        libc::_exit(if result as i32 == -libc::EBADF { 3 } else { 4 });
    }
}

struct Traced {
    calls: Vec<Syscall>,
    status: ExitStatus,
    lost: u64,
}

fn traced(what: &'static str) -> Traced {
    let (calls, queue) = sync_channel(10_000);
    let begin = move || {
        let pid = fork(what);
        ptrace::seize(pid, false).map(|()| ((), pid))
    };
    let ((), tracer) = follow(begin, calls, None).unwrap();
    let status = tracer.first.recv_timeout(Duration::from_secs(60)).expect("it ends");
    let lost = tracer.finish();
    Traced { calls: queue.into_iter().collect(), status, lost }
}

/// A shell that is traced, with somebody who is told of ends.
pub fn traced_with(line: &'static str, calls: SyncSender<Syscall>, keeper: Keeper) {
    let begin = move || {
        let pid = fork(line);
        ptrace::seize(pid, true).map(|()| ((), pid))
    };
    let ((), tracer) = follow(begin, calls, Some(keeper)).unwrap();
    tracer.first.recv_timeout(Duration::from_secs(60)).expect("it ends");
    assert_eq!(tracer.finish(), 0);
}

impl Traced {
    /// Calls by their names, with the first text of each.
    fn find(&self, api: &str, text: &str) -> &Syscall {
        let is = |call: &&Syscall| {
            let texts: Vec<String> =
                call.memory.iter().flatten().map(|bytes| bytes.to_text().into_owned()).collect();
            name(Abi::of(call.is_32_bit), call.number) == Some(api)
                && (text.is_empty() || texts.iter().any(|one| one == text))
        };
        self.calls.iter().find(is).unwrap_or_else(|| panic!("{api} {text} in {:#?}", self.calls))
    }
}

#[test]
fn calls_of_a_program_and_of_what_it_starts_are_recorded() {
    let dir = std::env::temp_dir().join(format!("stops-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let file = dir.join("made").display().to_string();
    let line = format!("echo text > {file}; rm {file}; exit 7");
    let run = traced(line.leak());
    assert_eq!((run.status.code(), run.lost), (Some(7), 0));
    let first = &run.calls[0];
    assert_eq!(name(Abi::X86_64, first.number), Some("execve"), "what is before is no part of it: {first:?}");
    let opened = run.find("openat", &file);
    assert!(opened.result >= 0 && opened.pid == first.pid && opened.thread == first.thread);
    assert_eq!(run.find("write", "text\n").result, 5);
    let removed = run.find("unlinkat", &file);
    assert!(removed.result == 0 && removed.pid != first.pid, "{removed:?}");
    let program = run.find("execve", &format!("rm\0{file}\0"));
    assert_eq!((program.pid, program.result), (removed.pid, 0));
    assert_eq!(run.calls.last().unwrap().arguments[0], 7, "exit_group");
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn threads_are_told_apart_and_one_may_become_another_program() {
    let run = traced("threads");
    assert_eq!(run.status.code(), Some(5));
    let main = run.calls[0].pid;
    let removals: Vec<&Syscall> =
        (0..4).map(|number| run.find("unlink", &format!("/none/{number}"))).collect();
    assert!(removals.iter().all(|call| call.pid == main && call.thread != main && call.result == -2));
    // It has the number of the first now, and its call ended all the same.
    let program = run.find("execve", "/bin/sh\0-c\0rm /none/after; exit 5\0");
    assert_eq!((program.result, program.thread), (0, removals[3].thread));
    run.find("unlinkat", "/none/after");
}

#[test]
fn who_looks_for_a_tracer_or_wants_to_get_away_does_not() {
    let run = traced("odd");
    assert_eq!(run.status.code(), Some(3), "{:?}", run.calls);
    assert_eq!(run.find("ptrace", "").result, 0);
    assert_eq!(run.find("io_uring_setup", "").result, -1);
    let child = run.find("rmdir", "/none/child");
    assert_ne!(child.pid, run.calls[0].pid);
    let closed = run.calls.iter().find(|call| call.is_32_bit).unwrap();
    assert_eq!((closed.number, closed.arguments[0], closed.result), (6, 99, -9));
}

#[test]
fn signals_arrive_and_processes_stand_still_and_go_on() {
    let run = traced("(sleep 0.2; kill -CONT $$) & kill -STOP $$; rmdir /none/after; kill -TERM $$");
    assert_eq!(run.status.signal(), Some(libc::SIGTERM));
    run.find("rmdir", "/none/after");
}

#[test]
fn who_loses_the_tracer_dies() {
    let pid = std::thread::spawn(|| {
        let pid = fork("while :; do :; done");
        ptrace::seize(pid, false).unwrap();
        pid
    })
    .join()
    .unwrap();
    let mut status = 0;
    #[allow(unsafe_code)]
    // SAFETY: writes one number, to ours.
    let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!((waited, ExitStatus::from_raw(status).signal()), (pid, Some(libc::SIGKILL)));
}
