//! Whole analyses in machines that speak Cuckoo's own protocol, over real sockets: from a submission to the report.

#[allow(dead_code)] // of machines that Harrier runs
mod common;
mod peer;
mod server;

use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use peer::{Analyzer, Guest};
use serde_json::{Value as Json, json};
use server::{Server, listener};
use tokio::io::AsyncWriteExt as _;

/// A sandbox with these machines: name, agent, and what else is said of each.
async fn start(machines: &[(&str, SocketAddr, Json)]) -> Server {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("analyzer")).unwrap();
    std::fs::write(dir.path().join("analyzer/analyzer.py"), "print('an analyzer')").unwrap();
    let results = listener().await;
    let machines: Vec<Json> =
        machines.iter().map(|(name, agent, more)| machine(name, *agent, more)).collect();
    let section = json!({
        "result_server": results.local_addr().unwrap(),
        "analyzers": {"windows": dir.path().join("analyzer")},
        "machines": machines,
    });
    Server::run(dir, section, results, Err("no machines of this host".into()), 3).await
}

/// The errors and the report of a task on this machine.
async fn run(server: &Server, machine: &str, fields: &[(&'static str, &str)]) -> (u64, String, Json) {
    let fields = [&[("machine", machine)], fields].concat();
    let task = server.submit("setup.exe", b"MZ sample", &fields).await;
    let shown = server.ended(task).await;
    assert_eq!(shown["status"], "reported", "{shown:#}");
    let report = server.json(&format!("tasks/report/{task}")).await;
    (task, shown["errors"].to_string(), report)
}

fn machine(name: &str, agent: SocketAddr, more: &Json) -> Json {
    let mut machine = json!({
        "name": name, "kind": "remote", "platform": "windows", "ip": agent.ip(), "agent_port": agent.port(),
    });
    for (key, value) in more.as_object().unwrap() {
        machine[key] = value.clone();
    }
    machine
}

async fn well_behaved(analyzer: Analyzer) {
    let mut log = analyzer.open().await;
    log.write_all(b"LOG\n2031-04-07 16:20:05,000 [analyzer] DEBUG: Starting analyzer\n").await.unwrap();
    let sample = analyzer.sample().unwrap();
    assert_eq!((&*sample, &*analyzer.conf["package"]), (b"MZ sample".as_slice(), "exe"));
    analyzer.send(b"FILE\nshots/0001.jpg\n\xff\xd8\xff\xe0 picture").await;
    analyzer.send(b"FILE 2\nfiles/0f1e2d3c4b5a6978_a.tmp\nC:\\Users\\ana\\a.tmp\n2044\ndropped").await;
    analyzer.send(&[b"BSON 2044\n".to_vec(), behaviour()].concat()).await;
    log.write_all(b"2031-04-07 16:20:09,000 [analyzer] INFO: Analysis completed.\n").await.unwrap();
    analyzer.ends("complete", "");
}

/// A document of BSON from fields that are encoded already.
fn document(fields: &[Vec<u8>]) -> Vec<u8> {
    let body = [fields.concat(), vec![0]].concat();
    [&(body.len() as i32 + 4).to_le_bytes()[..], &body].concat()
}

fn field(kind: u8, name: &str, value: &[u8]) -> Vec<u8> {
    [&[kind], name.as_bytes(), &[0], value].concat()
}

fn text(name: &str, value: &str) -> Vec<u8> {
    field(2, name, &[&(value.len() as i32 + 1).to_le_bytes()[..], value.as_bytes(), &[0]].concat())
}

fn number(name: &str, value: i32) -> Vec<u8> {
    field(16, name, &value.to_le_bytes())
}

fn array(name: &str, fields: &[Vec<u8>]) -> Vec<u8> {
    field(4, name, &document(fields))
}

/// What the monitor logs of one process: that it began, and that it made a file.
fn behaviour() -> Vec<u8> {
    let names = |names: &[&str]| {
        let names: Vec<_> = names.iter().enumerate().map(|(at, name)| text(&at.to_string(), name)).collect();
        array("args", &names)
    };
    let about = [
        "is_success",
        "retval",
        "time_low",
        "time_high",
        "pid",
        "ppid",
        "module_path",
        "command_line",
        "is_64bit",
        "track",
    ];
    let begins = document(&[
        number("I", 0),
        text("name", "__process__"),
        text("type", "info"),
        text("category", "__notification__"),
        names(&about),
    ]);
    // 2031-04-07 16:20:05 UTC as a FILETIME.
    let filetime: u64 = (1_933_345_205 + 11_644_473_600) * 10_000_000;
    let values = [
        number("0", 1),
        number("1", 0),
        number("2", filetime as u32 as i32),
        number("3", (filetime >> 32) as i32),
        number("4", 2044),
        number("5", 1200),
        text("6", "C:\\Temp\\setup.exe"),
        text("7", "\"C:\\Temp\\setup.exe\" /s"),
        number("8", 0),
        number("9", 1),
    ];
    let began = document(&[number("I", 0), number("T", 2048), number("t", 0), array("args", &values)]);
    let flags = field(
        3,
        "flags_value",
        &document(&[array(
            "create_disposition",
            &[array("0", &[number("0", 5), text("1", "FILE_OVERWRITE_IF")])],
        )]),
    );
    let defined = document(&[
        number("I", 1),
        text("name", "NtCreateFile"),
        text("type", "info"),
        text("category", "file"),
        names(&["is_success", "retval", "filepath", "create_disposition"]),
        flags,
    ]);
    let values = [number("0", 1), number("1", 0), text("2", "C:\\Users\\ana\\a.tmp"), number("3", 5)];
    let called = document(&[number("I", 1), number("T", 2048), number("t", 250), array("args", &values)]);
    [begins, began, defined, called].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_analyzer_runs_and_all_that_it_sends_is_reported() {
    let guest = Guest::start("127.0.1.1", "Windows", well_behaved).await;
    let more = json!({"tags": ["office"], "options": {"analyzer_x": "1"}});
    let server = start(&[("w10", guest.agent, more)]).await;
    let listed = &server.json("machines/list").await["machines"][0];
    assert_eq!(
        (&listed["ip"], &listed["options"], &listed["platform"]),
        (&json!("127.0.1.1"), &json!("noreset"), &json!("windows"))
    );
    let wishes =
        [("platform", "windows"), ("tags", "office"), ("options", "procmemdump=yes"), ("timeout", "30")];
    let task = server.submit("setup.exe", b"MZ sample", &wishes).await;
    let shown = server.ended(task).await;
    assert_eq!(
        (&shown["status"], &shown["errors"]),
        (&json!("reported"), &json!([])),
        "{}",
        server.file(task, "cuckoo.log")
    );
    assert_eq!(
        (&shown["guest"]["manager"], &shown["guest"]["status"]),
        (&json!("Remote"), &json!("stopped"))
    );
    let report = server.json(&format!("tasks/report/{task}")).await;
    let dropped = &report["dropped"][0];
    assert_eq!(
        (&dropped["filepath"], &dropped["pids"], &dropped["size"]),
        (&json!("C:\\Users\\ana\\a.tmp"), &json!([2044]), &json!(7))
    );
    assert_eq!(report["screenshots"].as_array().unwrap().len(), 1);
    assert!(report["debug"]["log"][1].as_str().unwrap().contains("Analysis completed"));
    let process = &report["behavior"]["processes"][0];
    assert_eq!(
        (&process["pid"], &process["ppid"], &process["process_name"]),
        (&json!(2044), &json!(1200), &json!("setup.exe"))
    );
    assert_eq!(process["first_seen"], 1_933_345_205.0);
    let call = &process["calls"][0];
    assert_eq!(
        (&call["api"], &call["category"], &call["tid"], &call["status"]),
        (&json!("NtCreateFile"), &json!("file"), &json!(2048), &json!(1))
    );
    assert_eq!(
        (&call["flags"]["create_disposition"], &call["time"]),
        (&json!("FILE_OVERWRITE_IF"), &json!(1_933_345_205.25))
    );
    assert_eq!(report["behavior"]["summary"]["file_created"], json!(["C:\\Users\\ana\\a.tmp"]));
    // In the order of the reference, and with nothing left out.
    let calls = guest.calls();
    let uploads: Vec<_> =
        calls.iter().filter(|call| !call.ends_with("/status")).map(String::as_str).collect();
    assert_eq!(
        uploads,
        [
            "GET /",
            "GET /pinning",
            "GET /system",
            "GET /environ",
            "POST /mkdtemp",
            "POST /extract",
            "POST /store",
            "POST /store",
            "POST /execpy"
        ]
    );
    let conf = String::from_utf8(guest.file("C:/tmp7/analysis.conf").unwrap()).unwrap();
    assert!(
        conf.starts_with(&format!("[analysis]\nid = {task}\nip = 127.0.0.1\n"))
            && conf.ends_with("analyzer_x = 1\n"),
        "{conf}"
    );
    assert!(conf.contains("\noptions = procmemdump=yes\n") && conf.contains("\ntimeout = 30\n"), "{conf}");
    assert_eq!(
        (guest.file("C:/tmp7/analyzer.py").unwrap(), guest.file("C:\\Temp\\setup.exe").unwrap()),
        (b"print('an analyzer')".into(), b"MZ sample".into())
    );
    let refused = server.json(&format!("tasks/reboot/{task}")).await["message"].to_string();
    assert!(
        refused.contains("Error creating reboot task: the task ran in a machine with Cuckoo's agent"),
        "{refused}"
    );
    let page = server.get(&format!("tasks/report/{task}/html")).await.text().await.unwrap();
    for shown in [
        "setup.exe",
        "w10, Remote",
        "C:\\Users\\ana\\a.tmp",
        "&#34;C:\\Temp\\setup.exe&#34; /s",
        "data:image/jpeg;base64,",
        "End of analysis.log",
        "Analysis completed",
        "End of cuckoo.log",
    ] {
        assert!(page.contains(shown), "{shown}");
    }
    // Once more: it is pinned, and says of itself that it is done.
    let (_, errors, _) = run(&server, "w10", &[]).await;
    assert_eq!(errors, "[]");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_analyzer_gets_the_member_that_the_task_is_about() {
    let seen: Arc<Mutex<Vec<[String; 4]>>> = Arc::default();
    let seeing = seen.clone();
    let guest = Guest::start("127.0.5.1", "Windows", move |analyzer: Analyzer| {
        let seen = seeing.clone();
        async move {
            let sample = String::from_utf8_lossy(&analyzer.sample().unwrap()[..4]).into_owned();
            let of = |key: &str| analyzer.conf[key].clone();
            let options = of("options");
            let member = options.split(',').find(|option| option.starts_with("file=")).unwrap_or_default();
            seen.lock().push([of("package"), of("file_name"), sample, member.to_owned()]);
            analyzer.ends("complete", "");
        }
    })
    .await;
    let server = start(&[("w10", guest.agent, json!({}))]).await;
    let mail = "Subject: x\r\nContent-Type: multipart/mixed; boundary=cut\r\n\r\n--cut\r\n\
        Content-Disposition: attachment; filename=\"bill.exe\"\r\n\r\nMZ mail\r\n--cut--\r\n";
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for name in ["one.exe", "in/two.exe"] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut zip, b"MZ zip").unwrap();
    }
    let zip = zip.finish().unwrap().into_inner();
    for (name, content, count) in [("bill.eml", mail.as_bytes(), 1), ("two.zip", &zip, 2)] {
        let part = reqwest::multipart::Part::bytes(content.to_vec()).file_name(name);
        let form = reqwest::multipart::Form::new().part("files", part);
        let sent = server.http.post(format!("{}/tasks/create/submit", server.root)).multipart(form).send();
        let answer: Json = serde_json::from_slice(&sent.await.unwrap().bytes().await.unwrap()).unwrap();
        let tasks = answer["task_ids"].as_array().unwrap();
        assert_eq!(tasks.len(), count, "{answer}");
        for task in tasks {
            let shown = server.ended(task.as_u64().unwrap()).await;
            assert_eq!((&shown["errors"], &shown["category"]), (&json!([]), &json!("archive")), "{shown:#}");
        }
    }
    assert_eq!(
        *seen.lock(),
        [
            ["exe", "bill.exe", "MZ m", ""],
            ["zip", "two.zip", "PK\u{3}\u{4}", "file=one.exe"],
            ["zip", "two.zip", "PK\u{3}\u{4}", "file=in/two.exe"],
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_an_error_and_a_report() {
    let failing = Guest::start("127.0.2.1", "Windows", async |analyzer: Analyzer| {
        analyzer.ends("exception", "Traceback:\n no module named yara");
    })
    .await;
    let endless = Guest::start("127.0.2.2", "Windows", async |analyzer: Analyzer| {
        analyzer.send(b"FILE\nfiles/kept\nkept").await;
        let mut stream = analyzer.open().await;
        stream.write_all(b"FILE\nfiles/half\nhalf").await.unwrap();
        std::future::pending::<()>().await;
    })
    .await;
    let linux = Guest::start("127.0.2.3", "Linux", well_behaved).await;
    let server = start(&[
        ("failing", failing.agent, json!({})),
        ("endless", endless.agent, json!({})),
        ("linux", linux.agent, json!({"platform": "linux", "kind": "physical"})),
        (
            "broken",
            "127.0.2.4:1".parse().unwrap(),
            json!({"reset_command": ["sh", "-c", "echo no such snapshot >&2; exit 1"]}),
        ),
    ])
    .await;
    let (task, errors, _) = run(&server, "failing", &[]).await;
    assert!(errors.contains("the analyzer failed: Traceback:  no module named yara"), "{errors}");
    assert!(server.file(task, "cuckoo.log").contains("nobody resets this machine"));
    let (task, errors, report) = run(&server, "endless", &[("timeout", "1")]).await;
    assert_eq!(errors, "[]", "its time was over, which is no error");
    assert_eq!(
        (server.file(task, "files/kept"), server.file(task, "files/half")),
        ("kept".into(), "half".into())
    );
    let dropped = report["dropped"].as_array().unwrap();
    let cut: Vec<_> =
        dropped.iter().map(|file| (file["name"].as_str().unwrap(), file["cut"] == true)).collect();
    assert_eq!(cut, [("half", true), ("kept", false)]);
    let (_, errors, report) = run(&server, "linux", &[]).await;
    assert!(
        errors.contains("there is no analyzer for linux") && errors.contains("Harrier ships none"),
        "{errors}"
    );
    assert_eq!(report["info"]["machine"]["manager"], "Physical");
    let (_, errors, _) = run(&server, "broken", &[]).await;
    assert!(errors.contains("no such snapshot"), "{errors}");
    let (_, errors, _) = run(&server, "linux", &[("options", "route=fake"), ("memory", "1")]).await;
    assert!(
        errors.contains("is its owner's matter") && errors.contains("the memory was not written"),
        "{errors}"
    );
}

/// What hangs up on everybody.
const PINNED: &[u8] = b"hangs up";

#[tokio::test(flavor = "multi_thread")]
async fn agents_that_answer_nonsense_are_survived_and_named() {
    let cases: [(&str, &[u8], usize, &str); 9] = [
        ("pinned", PINNED, 0, "pinned to another host"),
        (
            "xmlrpc",
            b"HTTP/1.0 501 Unsupported method ('GET')\r\nContent-Length: 0\r\n\r\n",
            1,
            "an agent of Cuckoo 1",
        ),
        ("silent", b"", 0, "it did not answer"),
        ("short", b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{}", 1, "it did not answer"),
        (
            "long",
            b"HTTP/1.1 200 OK\r\nContent-Length: 9000000000\r\n\r\n0123456789012345678901234567890123456789",
            100_000,
            "longer than",
        ),
        ("lies", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}", 1, "is no HTTP"),
        ("head", b"HTTP/1.1 200 OK\r\nX: 0123456789012345678901234567890123456789", 100_000, "is no HTTP"),
        ("noise", b"\xff\xfe\x00nonsense\r\n\r\n", 1, "is no HTTP"),
        ("words", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", 1, "is none of the protocol"),
    ];
    let mut machines = Vec::new();
    for (at, (name, answer, repeat, _)) in cases.iter().enumerate() {
        machines.push((*name, Guest::raw(&format!("127.0.3.{}", at + 1), answer, *repeat).await, json!({})));
    }
    let server = start(&machines).await;
    let tasks = cases.iter().map(|(name, _, _, expected)| {
        let server = &server;
        async move {
            let (_, errors, _) = run(server, name, &[("timeout", "1")]).await;
            assert!(errors.contains(expected), "{name}: {errors}");
        }
    });
    futures_util::future::join_all(tasks).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_guest_stays_in_its_own_task() {
    let evil = Guest::start("127.0.4.1", "Windows", async |analyzer: Analyzer| {
        analyzer.send(&[b"LOG\n".to_vec(), vec![b'A'; 3 << 20]].concat()).await;
        analyzer.send(b"LOG\nsecond").await;
        for path in [
            "../../2/files/x",
            "files/../../2/x",
            "reports/report.json",
            "task.json",
            "/etc/passwd",
            &"a/".repeat(2040),
        ] {
            analyzer.send(format!("FILE\n{path}\nevil").as_bytes()).await;
        }
        analyzer.send(&[b"FILE\nfiles/".to_vec(), vec![b'n'; 4200], b"\nevil".to_vec()].concat()).await;
        analyzer.send(b"FILE 2\nfiles/\xff\0.exe. \nC:\\\xff\n1 2\nbytes").await;
        analyzer.send(&[b"FILE\nfiles/large\n".to_vec(), vec![b'x'; 5 << 20]].concat()).await;
        analyzer.send(b"BSON 99999999999\nx").await;
        // A document that says that it is longer than it is, and one that is nothing but depth.
        analyzer.send(b"BSON 5\n\xff\xff\xff\x7f\x00").await;
        analyzer.ends("complete", "");
    })
    .await;
    let good = Guest::start("127.0.4.2", "Windows", well_behaved).await;
    let server = start(&[("evil", evil.agent, json!({})), ("good", good.agent, json!({}))]).await;
    let evil = run(&server, "evil", &[]);
    let good = run(&server, "good", &[]);
    let ((evil, errors, report), (good, none, clean)) = futures_util::future::join(evil, good).await;
    assert_eq!((errors.as_str(), none.as_str()), ("[]", "[]"));
    let log = server.file(evil, "cuckoo.log");
    for named in [
        "analysis.log was refused: it is there already",
        "etc/passwd",
        "longer than 4096 bytes",
        "the process id is no number",
    ] {
        assert!(log.contains(named), "{named} in {log}");
    }
    assert_eq!(server.bytes(evil, "analysis.log").len(), 1 << 20);
    assert_eq!(server.bytes(evil, "files/large").len(), 1 << 20);
    let names: Vec<_> =
        report["dropped"].as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["XX.exeXX", "large"]);
    assert_eq!(clean["dropped"].as_array().unwrap().len(), 1);
    assert!(server.file(good, "task.json").contains("setup.exe"));
    assert!(report["behavior"]["processes"] == json!([]));
}
