//! Real guests: what a sample may do in one, and that the next one does not notice.

mod common;

use common::{GUEST, Outcome, alone, collect, qemu, root_sh, sh};
use sandbox::Error;
use sandbox::error::End;
use sandbox::machine::{Guest, Qemu, Spec};
use sandbox::protocol::{Exit, Limits, Network, Owner, ProcessEvent, Run, Syscall, Tracing};

async fn restore(qemu: &Qemu) -> Guest {
    qemu.restore(&Spec::new(GUEST)).await.unwrap()
}

async fn run(guest: &Guest, run: Run) -> Outcome {
    collect(&mut guest.agent().run(run).await.unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_is_put_run_and_what_it_dropped_comes_back() {
    let Some(qemu) = qemu() else { return };
    let guest = restore(&qemu).await;
    eprintln!("timings: {:?}", guest.timings());
    guest.agent().ping().await.unwrap();
    let script = b"#!/bin/sh\necho \"hello from $(id -un)\"; echo oops >&2; head -c 300000 /dev/zero > $HOME/dropped; exit 7\n";
    guest
        .agent()
        .put("/home/guest/a/sample.sh", 0o755, Owner::Guest, script.len() as u64, &script[..])
        .await
        .unwrap();
    let mut order = sh("");
    order.command = vec!["/home/guest/a/sample.sh".into()];
    order.watch = vec!["/home".into(), "/home/guest".into()];
    let outcome = run(&guest, order).await;
    assert!(outcome.output.contains("hello from guest\n") && outcome.output.contains("oops"), "{outcome:?}");
    assert_eq!(outcome.exit, Some(Exit::Code(7)));
    let [(path, content)] = &outcome.files[..] else { panic!("{:?}", outcome.files.len()) };
    assert_eq!((path.as_str(), content.len()), ("/home/guest/dropped", 300_000));
    let mut content = guest.agent().get("/home/guest/a/sample.sh", 1 << 20).await.unwrap();
    let mut back = Vec::new();
    content.write_to(&mut back).await.unwrap();
    assert_eq!(back, script);
}

#[tokio::test(flavor = "multi_thread")]
async fn clones_differ_in_randomness_and_have_the_clock_that_was_asked() {
    let Some(qemu) = qemu() else { return };
    let clock = "2031-04-07T16:20:05Z".parse().unwrap();
    let spec = Spec { clock: Some(clock), ..Spec::new(GUEST) };
    let mut seen = Vec::new();
    for _ in 0..2 {
        let guest = qemu.restore(&spec).await.unwrap();
        let outcome = run(&guest, sh("date -u +%Y-%m-%dT%H:%M; head -c 16 /dev/urandom | od -An -tx1")).await;
        let (date, random) = outcome.output.split_once('\n').unwrap();
        assert_eq!(date, "2031-04-07T16:20");
        seen.push(random.to_string());
    }
    assert_ne!(seen[0], seen[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_has_the_network_that_it_is_told() {
    let Some(qemu) = qemu() else { return };
    let guest = restore(&qemu).await;
    let show = "ip -4 -o address show eth0; ip route; cat /etc/resolv.conf";
    let before = run(&guest, sh(show)).await.output;
    assert!(before.contains("10.0.2.15/24") && before.contains("default via 10.0.2.2"), "{before}");
    let (name_server, gateway) = ([192, 0, 2, 53], [192, 0, 2, 1]);
    let network = Network { address: [192, 0, 2, 7], prefix: 25, gateway, name_server };
    guest.agent().set_network(network).await.unwrap();
    let after = run(&guest, sh(show)).await.output;
    assert!(after.contains("192.0.2.7/25") && !after.contains("10.0.2"), "{after}");
    assert!(after.contains("default via 192.0.2.1") && after.contains("nameserver 192.0.2.53"), "{after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_of_the_guest_reach_who_connects_and_the_capture() {
    use tokio::io::AsyncReadExt as _;
    let Some(qemu) = qemu() else { return };
    let guest = restore(&qemu).await;
    let mut network = tokio::net::UnixStream::connect(guest.network_socket()).await.unwrap();
    let mut order = sh("curl --max-time 2 -s http://10.0.2.2/; true");
    order.limits.milliseconds = 20_000;
    let mut events = guest.agent().run(order).await.unwrap();
    // QEMU announces its card first (RARP); what the guest itself sends first is a question for an address, or for routers.
    let frame = loop {
        let length = network.read_u32().await.unwrap();
        assert!((14..2000).contains(&length), "{length}");
        let mut frame = vec![0; length as usize];
        network.read_exact(&mut frame).await.unwrap();
        match [frame[12], frame[13]] {
            [0x08, 0x06] | [0x86, 0xdd] => break frame,
            other => assert_eq!(other, [0x80, 0x35], "{frame:x?}"),
        }
    };
    collect(&mut events).await.unwrap();
    guest.stop().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let capture = dir.path().join("dump.pcap");
    guest.take_capture(&capture).unwrap();
    let bytes = std::fs::read(&capture).unwrap();
    assert_eq!(bytes[..4], [0xd4, 0xc3, 0xb2, 0xa1]);
    assert!(bytes.windows(frame.len()).any(|part| part == frame), "the frame is in the capture");
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_is_taken_from_outside() {
    let Some(qemu) = qemu() else { return };
    let guest = restore(&qemu).await;
    let dir = tempfile::tempdir().unwrap();
    let (picture, memory) = (dir.path().join("a.png"), dir.path().join("memory"));
    guest.screenshot(&picture).await.unwrap();
    assert_eq!(std::fs::read(&picture).unwrap()[..4], *b"\x89PNG");
    guest.dump_memory(&memory).await.unwrap();
    assert!(std::fs::metadata(&memory).unwrap().len() >= 256 << 20);
    let mut magic = [0; 4];
    std::io::Read::read_exact(&mut std::fs::File::open(&memory).unwrap(), &mut magic).unwrap();
    assert_eq!(&magic, b"\x7fELF");
    // The memory of one process, from inside.
    let mut events = guest.agent().run(sh("echo up; sleep 100; true")).await.unwrap();
    let mut pid = 0;
    loop {
        match events.next().await.unwrap() {
            Some(sandbox::guest::Event::Started { pid: first }) => pid = first,
            // The shell is there now, and not what becomes it.
            Some(sandbox::guest::Event::Output { .. }) => break,
            Some(sandbox::guest::Event::Process(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    let mut core = Vec::new();
    let mut content = guest.agent().dump_process(pid, 1 << 30).await.unwrap();
    content.write_to(&mut core).await.unwrap();
    assert!(core.starts_with(b"\x7fELF") && core.len() > 100_000, "{}", core.len());
    events.kill().await.unwrap();
    let outcome = collect(&mut events).await.unwrap();
    assert!(outcome.counts.killed);
    assert_eq!(outcome.exit, Some(Exit::Signal(9)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_processes_of_a_run_are_told_with_their_parents() {
    let Some(qemu) = qemu() else { return };
    let guest = restore(&qemu).await;
    // The second process outlives its parent.
    let outcome = run(&guest, sh("(sleep 0.3; /bin/echo late) & /bin/false; exit 3")).await;
    let told = outcome.processes;
    let executed = |word: &str| {
        told.iter().find_map(|event| match event {
            ProcessEvent::Executed { pid, command, .. }
                if command.iter().any(|found| found.to_text() == word) =>
            {
                Some(*pid)
            }
            _ => None,
        })
    };
    let parent = |of: u32| {
        told.iter().find_map(|event| match event {
            ProcessEvent::Forked { pid, parent, .. } if *pid == of => Some(*parent),
            _ => None,
        })
    };
    let ended = |of: u32| {
        told.iter().find_map(|event| match event {
            ProcessEvent::Ended { pid, exit, .. } if *pid == of => Some(*exit),
            _ => None,
        })
    };
    let shell = executed("-c").unwrap_or_else(|| panic!("{told:?}"));
    let (failed, late) = (executed("/bin/false").unwrap(), executed("late").unwrap());
    assert_eq!((parent(failed), ended(failed)), (Some(shell), Some(Exit::Code(1))));
    assert_eq!(ended(shell), Some(Exit::Code(3)));
    // The subshell became its last command.
    assert_eq!(parent(late), Some(shell));
    assert_eq!(ended(late), Some(Exit::Code(0)));
    assert_eq!(outcome.counts.events_lost, 0);
    assert!(!told.iter().any(
        |event| matches!(event, ProcessEvent::Executed { program, .. } if program.to_text().contains("init"))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn system_calls_of_a_run_are_recorded_and_no_others() {
    let Some(qemu) = qemu() else { return };
    let guest = restore(&qemu).await;
    for how in [Tracing::Kernel, Tracing::Stops] {
        recorded(&guest, how).await;
    }
    assert!(run(&guest, sh("true")).await.syscalls.is_empty(), "not unless asked");
}

async fn recorded(guest: &Guest, how: Tracing) {
    const OPEN_AT: u32 = 257;
    const CONNECT: u32 = 42;
    const EXECVE: u32 = 59;
    const BRK: u32 = 12;
    let line = "cat /etc/no-such-file; python3 -c 'import socket; socket.socket().connect_ex((\"127.0.0.1\", 4660))'";
    let outcome = run(guest, Run { trace: how, ..sh(line) }).await;
    let calls = outcome.syscalls;
    let memory = |call: &Syscall, at: usize| call.memory.get(at).cloned().flatten().unwrap_or_default();
    let open =
        calls.iter().find(|call| call.number == OPEN_AT && memory(call, 0).to_text() == "/etc/no-such-file");
    let open = open.unwrap_or_else(|| panic!("{} calls; {:?}", calls.len(), guest.agent().take_log()));
    assert_eq!(open.result, -2);
    let connect =
        calls.iter().find(|call| call.number == CONNECT && memory(call, 0).starts_with(&[2, 0])).unwrap();
    assert_eq!(memory(connect, 0)[2..8], [0x12, 0x34, 127, 0, 0, 1]);
    let words: Vec<String> = calls
        .iter()
        .filter(|call| call.number == EXECVE && call.result == 0)
        .map(|call| memory(call, 1).to_text().into_owned())
        .collect();
    assert!(words.contains(&"cat\0/etc/no-such-file\0".to_owned()), "{words:?}");
    let counted = &outcome.counts.syscalls_counted;
    let is_counted = counted.iter().any(|counted| counted.number == BRK && counted.times > 0);
    assert_eq!(is_counted, how == Tracing::Kernel, "{counted:?}");
    assert!(!calls.iter().any(|call| call.number == BRK));
    assert_eq!(outcome.counts.syscalls_lost, 0);
    // What the agent does between its own process and the sample's is no part of the run.
    const SET_RLIMIT: u32 = 160;
    const SET_ID: u32 = 117;
    assert!(!calls.iter().any(|call| [SET_RLIMIT, SET_ID].contains(&call.number)));
    // All of them belong to processes of this run.
    let known = |pid: u32| {
        outcome.processes.iter().any(|event| match event {
            ProcessEvent::Executed { pid: found, .. } | ProcessEvent::Forked { pid: found, .. } => {
                *found == pid
            }
            ProcessEvent::Ended { .. } => false,
        })
    };
    assert!(calls.iter().all(|call| known(call.pid)));
    let now = jiff::Timestamp::now().as_nanosecond() as i64;
    assert!(
        calls.iter().all(|call| (now - call.time).abs() < 120_000_000_000),
        "times are those of the guest's clock"
    );
}

/// A call by the gate for 32 bits, out of a program of 64, and a path that is not in memory yet when the call is made.
const GATE: &str = r#"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
static const char path[] = "/tmp/by-the-gate";
int main(void) {
    long made;
    __asm__ volatile("int $0x80" : "=a"(made) : "a"(39L), "b"(path), "c"(0700L) : "memory");
    int page = open("/tmp/page", O_RDWR | O_CREAT, 0600);
    write(page, "/tmp/not-there-yet", 19);
    char *fresh = mmap(0, 4096, PROT_READ, MAP_PRIVATE, page, 0);
    mkdir(fresh, 0700);
    return made != 0;
}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn calls_by_another_gate_and_texts_out_of_memory_are_recorded() {
    const MKDIR_32: u32 = 39;
    const MKDIR: u32 = 83;
    let Some(qemu) = qemu() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (source, program) = (dir.path().join("gate.c"), dir.path().join("gate"));
    std::fs::write(&source, GATE).unwrap();
    let built = std::process::Command::new("cc")
        .args(["-static", "-no-pie", "-O1", "-w", "-o"])
        .args([&program, &source])
        .status();
    if !built.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no compiler of C that links statically");
        return;
    }
    let content = std::fs::read(&program).unwrap();
    for how in [Tracing::Kernel, Tracing::Stops] {
        let guest = restore(&qemu).await;
        guest
            .agent()
            .put("/tmp/gate", 0o755, Owner::Guest, content.len() as u64, &content[..])
            .await
            .unwrap();
        let outcome = run(&guest, Run { trace: how, ..sh("/tmp/gate") }).await;
        assert_eq!(outcome.exit, Some(Exit::Code(0)));
        let made = |number, is_32_bit| {
            let call = |call: &&Syscall| (call.number, call.is_32_bit) == (number, is_32_bit);
            let call = outcome.syscalls.iter().find(call).unwrap();
            (call.memory[0].clone().unwrap_or_default().to_text().into_owned(), call.result)
        };
        assert_eq!(made(MKDIR_32, true), ("/tmp/by-the-gate".to_owned(), 0));
        assert_eq!(made(MKDIR, false), ("/tmp/not-there-yet".to_owned(), 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_stop_what_goes_beyond_and_say_so() {
    let Some(qemu) = qemu() else { return };
    let guest = restore(&qemu).await;
    let mut order = sh("sleep 300 & echo begun; sleep 300");
    order.limits.milliseconds = 1500;
    let outcome = run(&guest, order).await;
    assert_eq!((outcome.output.as_str(), outcome.counts.timed_out), ("begun\n", true), "{outcome:?}");
    // Processes without end.
    let mut order = sh("bomb() { bomb | bomb & }; bomb; sleep 1");
    order.limits = Limits { milliseconds: 4000, processes: 40, ..Limits::default() };
    let outcome = run(&guest, order).await;
    assert!(outcome.counts.processes_refused > 0, "{:?}", outcome.counts);
    // Output without end, and nobody who takes it for a while: the agent still answers.
    let mut order = sh("yes");
    order.limits = Limits { milliseconds: 4000, output_bytes: 3 << 20, ..Limits::default() };
    let mut events = guest.agent().run(order).await.unwrap();
    for _ in 0..5 {
        guest.agent().ping().await.unwrap();
    }
    let outcome = collect(&mut events).await.unwrap();
    assert_eq!(outcome.output.len(), 3 << 20);
    assert!(outcome.counts.stdout_cut > 0, "{:?}", outcome.counts);
    // More files than are sent, and one that is too long.
    let mut order =
        sh("mkdir f; cd f; for i in $(seq 30); do echo $i >$i; done; head -c 100000 /dev/zero >0");
    order.watch = vec!["/home/guest".into()];
    order.limits = Limits { dropped_files: 10, dropped_file_bytes: 1000, ..Limits::default() };
    let outcome = run(&guest, order).await;
    assert_eq!((outcome.files.len(), outcome.counts.files_left_out, outcome.counts.files_cut), (10, 21, 1));
    assert!(run(&guest, sh("true")).await.files.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_said_precisely() {
    let Some(qemu) = qemu() else { return };
    let guest = restore(&qemu).await;
    let mut order = sh("");
    order.command = vec!["/no/such/program".into()];
    let error = collect(&mut guest.agent().run(order).await.unwrap()).await.unwrap_err();
    assert!(
        error.to_string().starts_with("the guest: the program cannot be started: No such file"),
        "{error}"
    );
    let error = guest.agent().get("/etc", 10).await.unwrap().next().await.unwrap_err();
    assert_eq!(error.to_string(), "the guest: /etc: not a regular file");
    let error = guest.agent().put("relative", 0o600, Owner::Guest, 1, &b"x"[..]).await.unwrap_err();
    assert!(error.to_string().contains("begins with a slash"), "{error}");
    let error = guest.agent().put("/home/guest/x", 0o600, Owner::Guest, 2, &b"x"[..]).await.unwrap_err();
    assert!(error.to_string().contains("content for the guest"), "{error}");
    // Nothing above harmed the channel.
    guest.agent().ping().await.unwrap();
    assert!(matches!(qemu.restore(&Spec::new("nothing")).await.err().unwrap(), Error::NoGuest(_)));
}

/// What a sample with root's rights can do to its guest. The next guest is as clean as the first.
#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_is_ruined_says_how_and_the_next_is_clean() {
    let Some(qemu) = qemu() else { return };
    let ruins: &[(&str, fn(&End) -> bool)] = &[
        (
            "kill -9 $(pgrep -f -- '--worker')",
            |end| matches!(end, End::AgentDied(why) if why == "was killed by signal 9"),
        ),
        ("echo c >/proc/sysrq-trigger", |end| matches!(end, End::Panic(why) if why.contains("sysrq"))),
        ("echo b >/proc/sysrq-trigger", |end| *end == End::Rebooted),
        ("echo o >/proc/sysrq-trigger; sleep 60", |end| *end == End::PoweredOff),
    ];
    for (line, is_right) in ruins {
        let guest = restore(&qemu).await;
        let mark = run(&guest, root_sh("ls /root/mark 2>&1; touch /root/mark")).await;
        assert!(mark.output.contains("No such file"), "the one before left a mark: {}", mark.output);
        let error = collect(&mut guest.agent().run(root_sh(line)).await.unwrap()).await.unwrap_err();
        match &error {
            Error::Ended(end) => assert!(is_right(end), "{line}: {end:?}"),
            other => panic!("{line}: {other}"),
        }
        assert!(matches!(guest.agent().ping().await, Err(Error::Ended(_))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_the_guests_trouble() {
    let Some(qemu) = qemu() else { return };
    let guest = restore(&qemu).await;
    // What cannot fit is refused before it is sent, and leaves nothing.
    let huge = tokio::io::repeat(0);
    let error = guest.agent().put("/home/guest/huge", 0o600, Owner::Guest, 8 << 30, huge).await.unwrap_err();
    assert!(error.to_string().contains("No space left"), "{error}");
    assert_eq!(run(&guest, sh("ls /home/guest")).await.output, "");
    let mut order = root_sh(
        "for i in 1 2 3 4; do fallocate -l 1500M /home/full$i; done; cat /dev/zero >/home/rest; df /",
    );
    order.limits.file_bytes = u64::MAX;
    order.limits.milliseconds = 60_000;
    let outcome = run(&guest, order).await;
    assert!(outcome.output.contains("No space left on device"), "{}", outcome.output);
    let error = guest
        .agent()
        .put("/home/guest/x", 0o600, Owner::Guest, 100_000, &[1; 100_000][..])
        .await
        .unwrap_err();
    assert!(error.to_string().contains("No space left"), "{error}");
    drop(guest);
    let outcome = run(&restore(&qemu).await, sh("df --output=avail -m / | tail -n1")).await;
    assert!(outcome.output.trim().parse::<u64>().unwrap() > 2000, "{}", outcome.output);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_can_boot_without_a_template() {
    let Some(qemu) = qemu() else { return };
    let guest = qemu.boot(&Spec::new(GUEST)).await.unwrap();
    assert_eq!(run(&guest, sh("id -un; cat /proc/sys/kernel/modules_disabled")).await.output, "guest\n1\n");
    guest.agent().shut_down().await.unwrap();
    assert_eq!(guest.ended().await, End::PoweredOff);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_that_is_closed_to_others_serves_too() {
    use std::os::unix::fs::PermissionsExt as _;
    let Some(qemu) = qemu() else { return };
    qemu.template(GUEST).await.unwrap();
    // The machine's folder lies where only root may enter.
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    std::os::unix::fs::symlink(qemu.guests().folder(), dir.path().join("guests")).unwrap();
    let closed = Qemu::open(dir.path(), &sandbox::machine::Settings::default()).unwrap();
    let guest = closed.restore(&Spec::new(GUEST)).await.unwrap();
    assert_eq!(run(&guest, sh("echo works")).await.output, "works\n");
}

#[test]
fn a_second_test_command_waits_for_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let lock = dir.path().join("lock");
    let first = alone(&lock);
    let (sender, receiver) = std::sync::mpsc::channel();
    let path = lock.clone();
    let second = std::thread::spawn(move || {
        let _file = alone(&path);
        sender.send("second").unwrap();
    });
    assert!(receiver.recv_timeout(std::time::Duration::from_millis(300)).is_err());
    drop(first);
    second.join().unwrap();
    assert_eq!(receiver.recv(), Ok("second"));
}

/// Not a test of its own: the process that the next one kills.
#[tokio::test(flavor = "multi_thread")]
async fn host_that_is_killed() {
    let Some(dir) = std::env::var_os("HARRIER_TEST_KILLED") else { return };
    let qemu = Qemu::open(std::path::Path::new(&dir), &sandbox::machine::Settings::default()).unwrap();
    let _guest = restore(&qemu).await;
    println!("READY");
    std::thread::sleep(std::time::Duration::from_secs(600));
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_the_host_process_leaves_no_machine() {
    use std::io::BufRead as _;
    use std::process::{Command, Stdio};
    let Some(qemu) = qemu() else { return };
    qemu.template(GUEST).await.unwrap();
    // Guests are shared, machines are not.
    let dir = qemu.guests().folder().parent().unwrap().join("killed");
    std::fs::create_dir_all(&dir).unwrap();
    let _ = std::os::unix::fs::symlink(qemu.guests().folder(), dir.join("guests"));
    let mut host = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "host_that_is_killed", "--nocapture"])
        .env("HARRIER_TEST_KILLED", &dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufReader::new(host.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("READY")), "the host restored a guest");
    let ours = dir.join("machines").display().to_string();
    assert!(processes(&ours) > 0);
    host.kill().unwrap();
    host.wait().unwrap();
    // They die by a signal of the kernel, which takes a moment.
    for _ in 0..500 {
        if processes(&ours) == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(processes(&ours), 0);
    // The folder is still there; the next start removes it.
    let folders =
        || std::fs::read_dir(&ours).unwrap().flatten().filter(|entry| entry.path().is_dir()).count();
    assert_eq!(folders(), 1);
    Qemu::open(&dir, &sandbox::machine::Settings::default()).unwrap();
    assert_eq!(folders(), 0);
}

/// Processes whose command line names a folder.
fn processes(folder: &str) -> usize {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).contains(folder)).count()
}
