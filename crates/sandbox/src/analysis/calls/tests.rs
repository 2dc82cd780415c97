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

fn one(calls: &mut Calls, syscall: Syscall) -> Call {
    let mut all = calls.take(syscall);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

#[test]
fn descriptors_are_followed_over_dup_close_and_fork() {
    let mut calls = Calls::default();
    calls.first(10, "/tmp");
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
    let mut calls = Calls::default();
    calls.first(10, "/tmp");
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
    let mut calls = Calls::default();
    calls.first(10, "/");
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
    let mut calls = Calls::default();
    calls.first(10, "/");
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
