//! Every built-in artifact, run on files made for it: exact rows, and nothing in the log.
//!
//! `@/` in queries, files and rows stands for the directory of the test. All files changed on 2 January 2026.

mod common;

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, SystemTime};

use common::artifact_cases::CASES;
use common::server;
use common::state::{TestServer, next_row};
use plugins::artifact::builtin::FILES;
use plugins::artifact::repository::Repository;
use store::event::{Position, Subscription};
use vql::permission::Permissions;

/// The artifacts that need more than files, each with its test below.
const OTHERS: &[(&str, fn())] = &[
    ("Generic.Client.Info", the_facts_of_the_machine_are_those_of_their_plugins),
    ("Generic.Network.Interfaces", the_facts_of_the_machine_are_those_of_their_plugins),
    ("Linux.Detection.DeletedPrograms", a_process_is_shown_and_its_deleted_program_hashed),
    ("Linux.Network.Connections", a_listening_socket_is_shown_with_its_process),
    ("Linux.Sys.LastLogins", records_of_logins_are_read_bytewise),
    ("Linux.Sys.PrivilegedFiles", files_with_the_rights_of_their_owner_are_found),
    ("Linux.Sys.Processes", a_process_is_shown_and_its_deleted_program_hashed),
    ("Server.Audit.Logs", queues_have_no_sources_of_their_own),
    ("Server.Monitor.FailedCollections", failed_collections_are_reported),
    ("Server.Monitor.FileChanges", changed_files_are_reported),
    ("Server.Monitor.Health", health_is_reported),
    ("Server.Monitor.SSHLogins", ssh_logins_are_reported),
    ("Server.Monitor.Webhook", rows_of_a_queue_are_posted),
    ("Server.Utils.Collections", old_collections_are_listed_and_deleted),
    ("Server.Utils.DeleteOldCollections", old_collections_are_listed_and_deleted),
    ("Server.Utils.Events", events_are_read_back),
    ("System.Flow.Completion", queues_have_no_sources_of_their_own),
];

fn place(server: &TestServer) -> String {
    server.dir.path().display().to_string()
}

fn put(server: &TestServer, name: &str, content: &[u8]) {
    let path = server.dir.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    if name.ends_with(".gz") {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(content).unwrap();
        std::fs::write(&path, packed.finish().unwrap()).unwrap();
    } else {
        std::fs::write(&path, content).unwrap();
    }
    mark(&path);
}

/// Sets when the file changed.
fn mark(path: &Path) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045);
    std::fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

/// The rows of a query, with `@` for the directory.
#[track_caller]
fn rows(server: &TestServer, query: &str) -> String {
    let dir = place(server);
    server.rows(&query.replace("@/", &format!("{dir}/"))).replace(&format!("{dir}/"), "@/")
}

#[test]
fn artifacts_that_read_files_give_the_rows_of_these_files() {
    let mut wrong = Vec::new();
    for case in CASES {
        let server = TestServer::new();
        for (name, content) in case.files {
            let dir = format!("{}/", place(&server));
            let content = if content.contains("@include") {
                (*content).to_owned()
            } else {
                content.replace("@/", &dir)
            };
            put(&server, name, content.as_bytes());
        }
        let query = case.query.replace("@/", &format!("{}/", place(&server)));
        let outcome = server.run_as(&query, Permissions::all());
        let log: Vec<_> = outcome.log.iter().filter(|l| !l.starts_with("DEBUG")).collect();
        let found = outcome.rows.replace(&format!("{}/", place(&server)), "@/");
        if found != case.rows || !log.is_empty() {
            wrong.push(format!(
                "{}\n   wanted {}\n   found  {found}\n   log    {log:?}",
                case.name, case.rows
            ));
        }
        assert!(case.query.contains(&format!("Artifact.{}(", case.name)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_artifact_has_a_test() {
    for (name, _) in FILES {
        let tested = CASES.iter().any(|c| c.name == *name) || OTHERS.iter().any(|(n, _)| n == name);
        assert!(tested, "{name} has no test");
    }
    for name in CASES.iter().map(|c| c.name).chain(OTHERS.iter().map(|(n, _)| *n)) {
        assert!(FILES.iter().any(|(n, _)| *n == name), "{name} is no artifact");
    }
}

#[test]
fn the_tables_that_are_defaults_have_one_column_as_their_header_says() {
    for (name, _) in FILES {
        let artifact = Repository::built_in().find(name).unwrap_or_else(|| panic!("{name} is not known"));
        for parameter in artifact.parameters.iter().filter(|p| p.kind.name() == "csv") {
            let table =
                format!("SELECT * FROM parse_csv(accessor='data', filename='''{}''')", parameter.default);
            let rows: Vec<serde_json::Map<String, serde_json::Value>> =
                serde_json::from_str(&common::rows(&table)).unwrap();
            assert!(rows.iter().all(|r| r.len() == 1), "{name} {}: {rows:?}", parameter.name);
        }
    }
}

#[test]
fn the_facts_of_the_machine_are_those_of_their_plugins() {
    let server = TestServer::new();
    let info = rows(&server, "SELECT * FROM Artifact.Generic.Client.Info(source='BasicInformation')");
    let info: serde_json::Value = serde_json::from_str(&info).unwrap();
    let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(
        (info[0]["Hostname"].as_str(), info[0]["OS"].as_str()),
        (Some(hostname.trim()), Some("linux"))
    );
    assert!(info[0]["BootTime"].as_str().unwrap().starts_with("20"), "{info}");
    let users =
        rows(&server, "SELECT User FROM Artifact.Generic.Client.Info(source='Users') WHERE User = 'root'");
    assert_eq!(users, r#"[{"User":"root"}]"#);
    let lo = "WHERE Name = 'lo'";
    let interfaces =
        rows(&server, &format!("SELECT Name FROM Artifact.Generic.Client.Info(source='Interfaces') {lo}"));
    assert_eq!(interfaces, r#"[{"Name":"lo"}]"#);
    let named =
        rows(&server, "SELECT Name, _Source FROM Artifact.Generic.Network.Interfaces(NameRegex='^lo$')");
    assert_eq!(named, r#"[{"Name":"lo","_Source":"Generic.Network.Interfaces"}]"#);
}

/// A process that ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_process_is_shown_and_its_deleted_program_hashed() {
    let server = TestServer::new();
    let program = server.dir.path().join("odd-sleeper");
    std::fs::copy("/bin/sleep", &program).unwrap();
    let process = Process(Command::new(&program).arg("1234").spawn().unwrap());
    let shown = rows(
        &server,
        "SELECT Pid, Ppid, Name, CommandLine, Exe, Hash.MD5 = hash(path='/bin/sleep').MD5 AS Same
         FROM Artifact.Linux.Sys.Processes(NameRegex='odd-sleeper', CommandLineRegex='1234', WithHash='Y')
         WHERE Exe =~ '@/'",
    );
    let (pid, parent) = (process.0.id(), std::process::id());
    let same = format!(
        r#"[{{"Pid":{pid},"Ppid":{parent},"Name":"odd-sleeper","CommandLine":"@/odd-sleeper 1234","Exe":"@/odd-sleeper","Same":true}}]"#
    );
    assert_eq!(shown, same);
    std::fs::remove_file(&program).unwrap();
    let deleted = rows(
        &server,
        "SELECT Pid, Ppid, Name, CommandLine, Exe, Hash.MD5 = hash(path='/bin/sleep').MD5 AS Same
         FROM Artifact.Linux.Detection.DeletedPrograms() WHERE Exe =~ '@/'",
    );
    assert_eq!(deleted, same.replace(r#"sleeper","Same"#, r#"sleeper (deleted)","Same"#));
}

#[test]
fn a_listening_socket_is_shown_with_its_process() {
    let server = TestServer::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, pid) = (listener.local_addr().unwrap().port(), std::process::id());
    let shown = rows(
        &server,
        &format!(
            "SELECT Pid, Name, Family, Type, Status, LocalAddress, LocalPort, RemotePort
             FROM Artifact.Linux.Network.Connections(StatusRegex='LISTEN', ProcessRegex='artifacts')
             WHERE LocalPort = {port}"
        ),
    );
    let name = std::fs::read_to_string("/proc/self/comm").unwrap();
    let name = name.trim();
    assert_eq!(
        shown,
        format!(
            r#"[{{"Pid":{pid},"Name":"{name}","Family":"IPv4","Type":"TCP","Status":"LISTENING","LocalAddress":"127.0.0.1","LocalPort":{port},"RemotePort":0}}]"#
        )
    );
}

/// A record of utmp(5) as 64-bit Linux writes it.
fn login(kind: u16, pid: u32, line: &str, user: &str, host: &str, seconds: u32) -> Vec<u8> {
    let mut record = vec![0; 384];
    let mut set = |at: usize, bytes: &[u8]| record[at..at + bytes.len()].copy_from_slice(bytes);
    set(0, &kind.to_le_bytes());
    set(4, &pid.to_le_bytes());
    set(8, line.as_bytes());
    set(44, user.as_bytes());
    set(76, host.as_bytes());
    set(340, &seconds.to_le_bytes());
    record
}

#[test]
fn records_of_logins_are_read_bytewise() {
    let server = TestServer::new();
    let wtmp = [
        login(2, 0, "~", "reboot", "6.1.0-13-amd64", 1_700_000_000),
        login(7, 815, "pts/0", "fred", "192.0.2.4", 1_700_000_100),
        login(0, 0, "", "", "", 0),
        login(8, 815, "pts/0", "", "", 1_700_000_200),
        vec![7; 100],
    ];
    put(&server, "wtmp", &wtmp.concat());
    put(&server, "wtmp.1", b"");
    put(&server, "btmp", &login(6, 9, "ssh:notty", &"x".repeat(32), "2001:db8::1", 3_000_000_000));
    let shown =
        rows(&server, r"SELECT * FROM Artifact.Linux.Sys.LastLogins(RecordGlobs='Glob\n@/wtmp*\n@/btmp*\n')");
    let row = |time: &str, kind: &str, user: &str, terminal: &str, host: &str, pid: u32, file: &str| {
        format!(
            r#"{{"Time":"{time}Z","Type":"{kind}","User":"{user}","Terminal":"{terminal}","Host":"{host}","Pid":{pid},"OSPath":"@/{file}","_Source":"Linux.Sys.LastLogins"}}"#
        )
    };
    let wanted = [
        row("2065-01-24T05:20:00", "LOGIN_PROCESS", &"x".repeat(32), "ssh:notty", "2001:db8::1", 9, "btmp"),
        row("2023-11-14T22:13:20", "BOOT_TIME", "reboot", "~", "6.1.0-13-amd64", 0, "wtmp"),
        row("2023-11-14T22:15:00", "USER_PROCESS", "fred", "pts/0", "192.0.2.4", 815, "wtmp"),
        row("2023-11-14T22:16:40", "DEAD_PROCESS", "", "pts/0", "", 815, "wtmp"),
    ];
    assert_eq!(shown, format!("[{}]", wanted.join(",")));
}

#[test]
fn files_with_the_rights_of_their_owner_are_found() {
    use std::os::unix::fs::PermissionsExt;
    let server = TestServer::new();
    for (name, mode) in [("a", 0o4755), ("b", 0o2711), ("c", 0o755), ("d", 0o1777), ("e", 0o6644)] {
        put(&server, &format!("bin/{name}"), b"x");
        let path = server.dir.path().join("bin").join(name);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let shown = rows(
        &server,
        r"SELECT OSPath, Size, Mode, Mtime, Hash.MD5 AS MD5 FROM Artifact.Linux.Sys.PrivilegedFiles(Globs='Glob\n@/bin/**') ORDER BY OSPath",
    );
    let row = |name: &str, mode: &str| {
        format!(
            r#"{{"OSPath":"@/bin/{name}","Size":1,"Mode":"{mode}","Mtime":"2026-01-02T03:04:05Z","MD5":"9dd4e461268c8034f5c8564e155c67a6"}}"#
        )
    };
    let wanted = [row("a", "urwxr-xr-x"), row("b", "grwx--x--x"), row("e", "ugrw-r--r--")];
    assert_eq!(shown, format!("[{}]", wanted.join(",")));
}

#[test]
fn queues_have_no_sources_of_their_own() {
    let server = TestServer::new();
    for queue in ["Server.Audit.Logs", "System.Flow.Completion"] {
        assert_eq!(
            rows(&server, &format!("SELECT type, sources FROM artifact_definitions(names='{queue}')")),
            r#"[{"type":"INTERNAL","sources":[]}]"#
        );
        rows(&server, &format!("SELECT send_event(artifact='{queue}', row=dict(A=1)) FROM scope()"));
        assert_eq!(rows(&server, &format!("SELECT A FROM source(artifact='{queue}')")), r#"[{"A":1}]"#);
    }
}

/// Starts an event artifact and hears of its rows; any error of it is found by `no_errors`.
fn monitor(server: &TestServer, artifact: &str, parameters: &str) -> Subscription {
    let watch = server.server.events.subscribe(artifact, &Position::Newest).unwrap();
    rows(
        server,
        &format!(
            "SELECT add_server_monitoring(artifact='{artifact}', parameters=dict({parameters})) FROM scope()"
        ),
    );
    watch
}

#[track_caller]
fn no_errors(server: &TestServer, artifact: &str) {
    let log =
        format!("SELECT level, message FROM monitoring_logs(client_id='server', artifact='{artifact}')");
    assert_eq!(rows(server, &format!("{log} WHERE level =~ 'ERROR|WARN'")), "[]");
}

/// Repeats a deed until the queue has a row: the artifact may not have been listening yet.
#[track_caller]
fn row_after(watch: &mut Subscription, mut deed: impl FnMut(u32)) -> serde_json::Value {
    for round in 0..40 {
        deed(round);
        if let store::event::Event::Row(_, row) = watch.recv_timeout(Duration::from_millis(700)) {
            return serde_json::from_slice(&row).unwrap();
        }
    }
    panic!("no row came");
}

#[test]
fn failed_collections_are_reported() {
    let server = TestServer::new();
    server.define("name: Custom.Bad\ntype: SERVER\nsources:\n  - query: SELECT Nosuch AS X FROM scope()\n");
    server.define("name: Custom.Good\ntype: SERVER\nsources:\n  - query: SELECT 1 AS X FROM scope()\n");
    let name = "Server.Monitor.FailedCollections";
    let mut watch = monitor(&server, name, "ArtifactRegex='Custom'");
    let mut ids = Vec::new();
    let row = row_after(&mut watch, |_| {
        server.collect("artifacts='Custom.Good'");
        ids.push(server.collect("artifacts='Custom.Bad'"));
    });
    assert!(ids.iter().any(|id| row["FlowId"] == id.as_str()), "{row}");
    assert_eq!((&row["ClientId"], &row["Creator"]), (&"server".into(), &"fred".into()));
    assert_eq!(row["Artifacts"], serde_json::json!(["Custom.Bad"]));
    assert!(row["Status"].as_str().unwrap().contains("Nosuch"), "{row}");
    no_errors(&server, name);
}

#[test]
fn changed_files_are_reported() {
    let server = TestServer::new();
    let name = "Server.Monitor.FileChanges";
    let globs = format!(r"Globs='Glob\n{}/etc/*', PeriodSeconds='1'", place(&server));
    put(&server, "etc/a", b"1");
    let mut watch = monitor(&server, name, &globs);
    let row = row_after(&mut watch, |round| put(&server, &format!("etc/new{round}"), b"22"));
    assert!(row["OSPath"].as_str().unwrap().starts_with(&format!("{}/etc/new", place(&server))), "{row}");
    assert_eq!((&row["Size"], &row["Diff"]), (&2.into(), &"added".into()));
    assert_eq!(row["Mtime"], "2026-01-02T03:04:05Z");
    no_errors(&server, name);
}

#[test]
fn health_is_reported() {
    let server = TestServer::new();
    let name = "Server.Monitor.Health";
    let mut watch = monitor(&server, name, "PeriodMs='50'");
    let row = next_row(&mut watch);
    assert!(row["Uptime"].as_u64().is_some_and(|s| s > 0), "{row}");
    assert!(row["Time"].as_str().unwrap().starts_with("20"), "{row}");
    assert!(row["Memory"].is_object(), "{row}");
    no_errors(&server, name);
}

#[test]
fn ssh_logins_are_reported() {
    let server = TestServer::new();
    let name = "Server.Monitor.SSHLogins";
    put(
        &server,
        "auth.log",
        b"Jan  2 10:00:00 box sshd[1]: Accepted password for old from 192.0.2.1 port 1 ssh2\n",
    );
    let mut watch = monitor(&server, name, &format!("LogFile='{}/auth.log'", place(&server)));
    let row = row_after(&mut watch, |_| {
        let mut log = std::fs::File::options().append(true).open(server.dir.path().join("auth.log")).unwrap();
        let lines = "Jan  2 10:00:01 box cron[1]: nothing\n\
                     Jan  2 10:00:01 box sshd[12]: Failed password for invalid user fred from 192.0.2.1 port 4242 ssh2\n";
        log.write_all(lines.as_bytes()).unwrap();
    });
    assert_eq!((&row["Result"], &row["Method"]), (&"Failed".into(), &"password".into()));
    assert_eq!((&row["User"], &row["Address"]), (&"fred".into(), &"192.0.2.1".into()));
    no_errors(&server, name);
}

#[test]
fn rows_of_a_queue_are_posted() {
    let server = TestServer::new();
    let hook = server::serve(|_| server::ok("thanks"));
    let name = "Server.Monitor.Webhook";
    let mut watch =
        monitor(&server, name, &format!("Queue='Custom.Q', Url='{}', RowRegex='wanted'", hook.url("/in")));
    let row = row_after(&mut watch, |_| {
        for word in ["other", "wanted"] {
            rows(
                &server,
                &format!("SELECT send_event(artifact='Custom.Q', row=dict(Word='{word}')) FROM scope()"),
            );
        }
    });
    assert_eq!((&row["Response"], &row["Content"]), (&200.into(), &"thanks".into()));
    assert_eq!(row["Url"], hook.url("/in"));
    let request = &hook.requests()[0];
    assert_eq!(request.line, "POST /in HTTP/1.1");
    assert!(
        request
            .headers
            .iter()
            .any(|(n, v)| n.eq_ignore_ascii_case("content-type") && v == "application/json")
    );
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!((&body["Word"], &body["_Sender"]), (&"wanted".into(), &"fred".into()));
    no_errors(&server, name);
}

#[test]
fn old_collections_are_listed_and_deleted() {
    let server = TestServer::new();
    server.define("name: Custom.Good\ntype: SERVER\nsources:\n  - query: SELECT 1 AS X FROM scope()\n");
    let id = server.collect("artifacts='Custom.Good'");
    let list = "SELECT FlowId, State, Status, Artifacts, Creator, Rows, Files FROM Artifact.Server.Utils.Collections(StateRegex='FINISHED')";
    let listed = format!(
        r#"[{{"FlowId":"{id}","State":"FINISHED","Status":"","Artifacts":["Custom.Good"],"Creator":"fred","Rows":1,"Files":0}}]"#
    );
    assert_eq!(rows(&server, list), listed);
    assert_eq!(rows(&server, "SELECT * FROM Artifact.Server.Utils.Collections(StateRegex='ERROR')"), "[]");
    let delete = |arguments: &str| {
        rows(
            &server,
            &format!("SELECT FlowId, Files FROM Artifact.Server.Utils.DeleteOldCollections({arguments})"),
        )
    };
    assert_eq!(delete("ReallyDoIt='Y'"), "[]");
    let old = format!(r#"[{{"FlowId":"{id}","Files":1}}]"#);
    assert_eq!((delete("Days=-1"), rows(&server, list)), (old.clone(), listed));
    assert_eq!((delete("Days=-1, ReallyDoIt='Y'"), rows(&server, list)), (old, "[]".to_owned()));
    let reader = Permissions::of(&[vql::permission::Permission::ReadResults]);
    let refused = server.run_as("SELECT * FROM Artifact.Server.Utils.DeleteOldCollections(Days=-1)", reader);
    assert!(refused.log[0].contains("DELETE_RESULTS"), "{:?}", refused.log);
}

#[test]
fn events_are_read_back() {
    let server = TestServer::new();
    for n in 0..2 {
        rows(&server, &format!("SELECT send_event(artifact='Custom.Q', row=dict(N={n})) FROM scope()"));
    }
    let events = "FROM Artifact.Server.Utils.Events(Queue='Custom.Q'";
    assert_eq!(
        rows(&server, &format!("SELECT N, _Source {events})")),
        r#"[{"N":0,"_Source":"Server.Utils.Events"},{"N":1,"_Source":"Server.Utils.Events"}]"#
    );
    assert_eq!(rows(&server, &format!("SELECT N {events}, EndTime='2020-01-01T00:00:00Z')")), "[]");
    assert_eq!(
        rows(&server, &format!("SELECT N {events}, StartTime='2020-01-01T00:00:00Z') LIMIT 1")),
        r#"[{"N":0}]"#
    );
}
