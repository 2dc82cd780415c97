//! System calls in words.

use serde_json::json;

use super::*;

fn number(name: &str) -> u32 {
    (0..syscalls::NUMBERS).find(|number| syscalls::name(Abi::X86_64, *number) == Some(name)).unwrap()
}

fn made(pid: u32, name: &str, arguments: &[i64], memory: &[&[u8]], result: i64) -> Syscall {
    let mut all = [0; 6];
    all.iter_mut().zip(arguments).for_each(|(to, from)| *to = *from as u64);
    Syscall {
        time: 2_000_000_000,
        pid,
        thread: pid,
        number: number(name),
        is_32_bit: false,
        arguments: all,
        result,
        times: 1,
        memory: memory.iter().map(|bytes| Some((*bytes).into())).collect(),
    }
}

/// A first process that is the sample already.
fn sample(folder: &str) -> Calls {
    let mut calls = Calls::default();
    calls.first(10, folder);
    one(&mut calls, made(10, "execve", &[0, 0], &[b"/tmp/sample", b"sample\0"], 0));
    calls
}

fn one(calls: &mut Calls, syscall: Syscall) -> Call {
    let mut all = calls.take(syscall);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

#[test]
fn descriptors_are_followed_over_dup_close_and_fork() {
    let mut calls = sample("/tmp");
    let open = one(&mut calls, made(10, "openat", &[-100, 0, 0o101, 0o644], &[b"note"], 3));
    assert_eq!(open.arguments["filepath"], "/tmp/note");
    assert_eq!((&open.flags["flags"], &open.flags["mode"]), (&json!("O_WRONLY|O_CREAT"), &json!("0644")));
    one(&mut calls, made(10, "dup2", &[3, 1], &[], 1));
    one(&mut calls, made(10, "close", &[3], &[], 0));
    one(&mut calls, made(10, "clone", &[17], &[], 11));
    let write = one(&mut calls, made(11, "write", &[1, 0, 2], &[b"hi"], 2));
    assert_eq!(
        (&write.arguments["filepath"], &write.arguments["buffer"]),
        (&json!("/tmp/note"), &json!("hi"))
    );
    let gone = one(&mut calls, made(11, "write", &[3, 0, 2], &[b"hi"], -9));
    assert_eq!((gone.arguments.get("filepath"), gone.return_value, gone.errno.as_str()), (None, -1, "EBADF"));
    assert!(calls.take(made(11, "clone", &[17], &[], 0)).is_empty(), "a child's view of its birth");
}

#[test]
fn calls_wait_for_their_process() {
    let mut calls = sample("/tmp");
    one(&mut calls, made(10, "chdir", &[0], &[b"/srv"], 0));
    assert!(calls.take(made(12, "unlink", &[0], &[b"x"], 0)).is_empty());
    let waited = calls.forked(12, 10);
    assert_eq!(waited[0].arguments["filepath"], "/srv/x");
    assert!(calls.take(made(13, "unlink", &[0], &[b"x"], 0)).is_empty());
    assert_eq!(calls.rest()[0].arguments["filepath"], "x", "its folder is not known");
    for pid in 0..MAX_WAITING as u32 + 50 {
        calls.take(made(100 + pid, "unlink", &[0], &[b"/x"], 0));
    }
    assert_eq!(calls.waiting_count, MAX_WAITING);
}

#[test]
fn sockets_carry_their_address_and_questions_their_names() {
    let mut calls = sample("/");
    one(&mut calls, made(10, "socket", &[2, 2, 0], &[], 5));
    let connect = one(&mut calls, made(10, "connect", &[5, 0, 16], &[&[2, 0, 0, 53, 198, 18, 0, 1]], 0));
    assert_eq!((&connect.arguments["ip"], &connect.arguments["port"]), (&json!("198.18.0.1"), &json!(53)));
    let query = b"\0\x01\x01\0\0\x01\0\0\0\0\0\0\x03c2a\x07example\0\0\x01\0\x01";
    let sent = one(&mut calls, made(10, "sendto", &[5, 0, 29, 0, 0, 0], &[query, b""], 29));
    assert_eq!(sent.arguments["hostname"], "c2a.example");
    let bound = one(&mut calls, made(10, "bind", &[5, 0, 8], &[b"\x01\0\0single"], 0));
    assert_eq!(bound.arguments["mutant_name"], "@single");
    let nowhere = one(&mut calls, made(10, "connect", &[6, 0, 16], &[], -14));
    assert_eq!(nowhere.errno, "EFAULT");
}

#[test]
fn words_and_flags_of_programs_and_threads() {
    let mut calls = sample("/");
    let run = one(&mut calls, made(10, "execve", &[0, 0], &[b"/bin/sh", b"sh\0-c\0id\0"], -2));
    assert_eq!(run.arguments["command_line"], "sh -c id");
    let flags = 0x0011_0f00_u64.to_le_bytes();
    let thread = one(&mut calls, made(10, "clone3", &[0, 88], &[&flags], 44));
    assert!(thread.flags["flags"].as_str().unwrap().contains("CLONE_THREAD"));
    assert!(!calls.processes.contains_key(&44), "a thread is no process");
    let old = Syscall { is_32_bit: true, number: 26, ..made(10, "ptrace", &[0, 0, 0, 0], &[], -1) };
    let old = one(&mut calls, old);
    assert_eq!((&old.flags["request"], &old.flags["abi"]), (&json!("PTRACE_TRACEME"), &json!("i386")));
}

#[test]
fn what_the_launch_does_is_no_part_of_the_sample() {
    let mut calls = Calls::default();
    calls.first(10, "/tmp");
    assert!(calls.take(made(10, "setresuid", &[1000, 1000, 1000], &[], 0)).is_empty());
    assert!(calls.take(made(10, "execve", &[0, 0], &[b"/usr/local/bin/sh", b"sh\0"], -2)).is_empty());
    assert_eq!(calls.take(made(10, "execve", &[0, 0], &[b"/usr/bin/sh", b"sh\0"], 0)).len(), 1);
    assert_eq!(calls.take(made(10, "setresuid", &[0, 0, 0], &[], -1)).len(), 1);
    // The record of the call by which it becomes the sample may be lost.
    let mut calls = Calls::default();
    calls.first(10, "/tmp");
    calls.executed(10, 1_500_000_000);
    assert_eq!(calls.take(made(10, "setresuid", &[0, 0, 0], &[], -1)).len(), 1);
}

#[test]
fn texts_that_are_cut_say_so_and_times_are_in_seconds() {
    let mut calls = sample("/tmp");
    let long = [b'x'; 255];
    let open = one(&mut calls, made(10, "open", &[0, 0, 0], &[&long], -2));
    assert_eq!(open.arguments["filepath"], format!("/tmp/{}[...]", "x".repeat(255)));
    let words = b"w\0".repeat(16);
    let run = one(&mut calls, made(10, "execve", &[0, 0], &[b"/bin/x", &words], -2));
    assert!(run.arguments["command_line"].as_str().unwrap().ends_with("w w [...]"));
    let time = [90_i64.to_le_bytes(), 500_000_000_i64.to_le_bytes()].concat();
    let sleep = one(&mut calls, made(10, "clock_nanosleep", &[1, 0, 0], &[&time], 0));
    assert_eq!(
        (&sleep.arguments["seconds"], &sleep.flags["clock"]),
        (&json!(90.5), &json!("CLOCK_MONOTONIC"))
    );
    let time = [9_i64.to_le_bytes(), 500_000_i64.to_le_bytes()].concat();
    assert_eq!(one(&mut calls, made(10, "settimeofday", &[0], &[&time], 0)).arguments["seconds"], 9.5);
}

#[test]
fn files_without_names_ranges_and_roots_are_followed() {
    let mut calls = sample("/srv");
    one(&mut calls, made(10, "openat", &[-100, 0, 0o20_200_002, 0o600], &[b"/tmp"], 3));
    let write = one(&mut calls, made(10, "write", &[3, 0, 1], &[b"x"], 1));
    assert_eq!(write.arguments["filepath"], "/tmp/(unnamed)");
    one(&mut calls, made(10, "close_range", &[3, -1, 0], &[], 0));
    assert_eq!(one(&mut calls, made(10, "write", &[3, 0, 1], &[b"x"], -9)).arguments.get("filepath"), None);
    one(&mut calls, made(10, "chroot", &[0], &[b"jail"], 0));
    assert_eq!(one(&mut calls, made(10, "unlink", &[0], &[b"/x"], 0)).arguments["filepath"], "/srv/jail/x");
}

#[test]
fn semaphores_have_the_names_that_they_are_asked_for_by() {
    let mut calls = sample("/");
    let made_one = one(&mut calls, made(10, "openat", &[-100, 0, 0o302, 0o600], &[b"/dev/shm/sem.Xy12"], 3));
    assert_eq!(made_one.arguments.get("mutant_name"), None, "a name by chance");
    let linked = one(&mut calls, made(10, "link", &[0, 0], &[b"/dev/shm/sem.Xy12", b"/dev/shm/sem.one"], 0));
    assert_eq!(linked.arguments["mutant_name"], "/dev/shm/sem.one");
    let asked = one(&mut calls, made(10, "openat", &[-100, 0, 2, 0], &[b"/dev/shm/sem.one"], -2));
    assert_eq!(asked.arguments["mutant_name"], "/dev/shm/sem.one");
}
