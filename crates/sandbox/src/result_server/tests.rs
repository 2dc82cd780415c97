//! Guests over real sockets: those that behave, and those that do not.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value as Json, json};
use serve::listener::{Limits as Connections, Listener};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::results::Analyses;

struct Setting {
    server: Arc<ResultServer>,
    address: SocketAddr,
    analyses: Analyses,
    dir: tempfile::TempDir,
    stop: CancellationToken,
}

impl Drop for Setting {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

const ANA: &str = "127.0.0.2";
const BEN: &str = "127.0.0.3";

impl Setting {
    async fn start(limits: Limits) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let analyses = Analyses::open(dir.path()).unwrap();
        let listener = Listener::bind("0.0.0.0:0".parse().unwrap(), Connections::default()).await.unwrap();
        let address = SocketAddr::new([127, 0, 0, 1].into(), listener.local_addr().unwrap().port());
        let (server, stop) = (ResultServer::new(limits), CancellationToken::new());
        tokio::spawn(server.clone().serve(listener.incoming(None), stop.clone().cancelled_owned()));
        Self { server, address, analyses, dir, stop }
    }

    fn register(&self, guest: &str, task: u32) -> Registration {
        let folder = self.analyses.create(task).unwrap();
        self.server.register(guest.parse().unwrap(), task, &folder).unwrap()
    }

    /// A connection of the guest with this address.
    async fn connect(&self, guest: &str) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(guest.parse().unwrap(), 0)).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    /// Sends all of it, and waits until the server closed. Gives what it answered, which is nothing.
    async fn send(&self, guest: &str, bytes: &[u8]) -> Vec<u8> {
        let mut stream = self.connect(guest).await;
        // It may hang up on the way.
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        answer
    }

    fn read(&self, task: u32, name: &str) -> Vec<u8> {
        std::fs::read(self.dir.path().join(format!("analyses/{task}/{name}"))).unwrap_or_default()
    }

    fn record(&self, task: u32) -> Vec<Json> {
        let text = String::from_utf8(self.read(task, "files.json")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Waits until a file has so many bytes.
    async fn until(&self, task: u32, name: &str, length: usize) {
        for _ in 0..1000 {
            if self.read(task, name).len() == length {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{name} has {} bytes", self.read(task, name).len());
    }

    /// All files below the folder of the data, with their paths from there.
    fn files(&self) -> Vec<String> {
        fn walk(dir: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
            for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
                // A link is not followed.
                if entry.file_type().unwrap().is_dir() {
                    walk(&entry.path(), found);
                } else {
                    found.push(entry.path());
                }
            }
        }
        let mut found = Vec::new();
        walk(self.dir.path(), &mut found);
        let mut names: Vec<String> = found
            .iter()
            .map(|path| path.strip_prefix(self.dir.path()).unwrap().display().to_string())
            .collect();
        names.sort();
        names
    }
}

#[tokio::test]
async fn what_an_analyzer_sends_lies_in_its_place() {
    let setting = Setting::start(Limits::default()).await;
    let ana = setting.register(ANA, 7);
    assert_eq!(setting.send(ANA, b"LOG\none\ntwo\n").await, b"");
    setting.send(ANA, b"BSON 2044\n\x05\0\0\0\0").await;
    setting.send(ANA, b"FILE\nshots/0001.jpg\n\xff\xd8").await;
    setting.send(ANA, b"FILE 2\nfiles/0f_a.tmp\nC:\\ana\\\xfc.tmp\n2044 2101\nhello").await;
    setting.send(ANA, b"FILE 2\nfiles/0f_b.tmp\n\n\n").await;
    let remarks = ana.end().await;
    assert!(remarks.texts.is_empty() && remarks.more == 0, "{remarks:?}");
    assert_eq!(setting.read(7, "analysis.log"), b"one\ntwo\n");
    assert_eq!(setting.read(7, "logs/2044.bson"), b"\x05\0\0\0\0");
    assert_eq!(
        (setting.read(7, "shots/0001.jpg"), setting.read(7, "files/0f_a.tmp")),
        (b"\xff\xd8".into(), b"hello".into())
    );
    let record = setting.record(7);
    assert_eq!(
        record[1],
        json!({"path": "files/0f_a.tmp", "filepath": "C:\\ana\\\\xfc.tmp", "pids": [2044, 2101], "size": 5, "cut": false, "why": null})
    );
    assert_eq!((&record[0]["filepath"], &record[2]["pids"], record.len()), (&Json::Null, &json!([]), 3));
}

#[tokio::test]
async fn a_guest_is_known_by_its_address_alone() {
    let setting = Setting::start(Limits::default()).await;
    let (ana, ben) = (setting.register(ANA, 1), setting.register(BEN, 2));
    let again = setting.server.register(ANA.parse().unwrap(), 3, &setting.analyses.create(3).unwrap());
    assert!(again.err().unwrap().to_string().contains("belongs to task 1"));
    setting.send(BEN, b"FILE\n../1/files/x\nben").await;
    setting.send(BEN, b"FILE\nfiles/../../1/files/x\nben").await;
    setting.send(BEN, b"FILE\nfiles/x\nben").await;
    setting.send(ANA, b"FILE\nfiles/x\nana").await;
    // Nobody's: closed without an answer.
    assert_eq!(setting.send("127.0.0.9", b"FILE\nfiles/y\nnobody").await, b"");
    assert!(ana.end().await.texts.is_empty());
    assert_eq!(ben.end().await.texts.len(), 2);
    // After its end a task takes nothing.
    setting.send(ANA, b"FILE\nfiles/late\nana").await;
    assert_eq!((setting.read(1, "files/x"), setting.read(2, "files/x")), (b"ana".into(), b"ben".into()));
    let files: Vec<_> = setting.files().into_iter().filter(|name| !name.ends_with("files.json")).collect();
    assert_eq!(files, ["analyses/1/files/x", "analyses/2/files/x"]);
}

#[tokio::test]
async fn names_that_lead_elsewhere_are_refused_and_named() {
    let setting = Setting::start(Limits::default()).await;
    let ana = setting.register(ANA, 7);
    let at = |name: &str| setting.dir.path().join(format!("analyses/7/{name}"));
    std::fs::write(setting.dir.path().join("secret"), "secret").unwrap();
    std::os::unix::fs::symlink("../../../secret", at("files/link")).unwrap();
    std::fs::remove_dir(at("curtain")).unwrap();
    std::os::unix::fs::symlink("../..", at("curtain")).unwrap();
    let long = "a".repeat(4000);
    let hostile = [
        "/etc/passwd",
        "../x",
        "files/../../x",
        "files\\..\\x",
        "files/..",
        "files/.. ",
        "files/.",
        "reports/report.json",
        "task.json",
        "files/a/b",
        "files//a",
        "\0files/a",
        "files/link",
        "curtain/x",
        "logs/behavior.jsonl",
        &format!("files/{long}"),
        "",
    ];
    for path in hostile {
        setting.send(ANA, format!("FILE 2\n{path}\nC:\\x\n1\nevil").as_bytes()).await;
    }
    setting.send(ANA, b"FILE\nfiles/\xff\xfe\0:.exe...\nkept").await;
    let too_long = [b"FILE\nfiles/".to_vec(), vec![b'a'; 5000], b"\nevil".to_vec()].concat();
    setting.send(ANA, &too_long).await;
    setting.send(ANA, b"FILE\nfiles/incomplete").await;
    let remarks = ana.end().await.texts;
    assert_eq!(remarks.len(), hostile.len() + 2, "{remarks:#?}");
    assert!(
        remarks.iter().all(|text| text.len() < 1000) && remarks[0].contains("etc/passwd"),
        "{remarks:#?}"
    );
    let files = setting.files();
    assert_eq!(
        files,
        [
            "analyses/7/curtain",
            "analyses/7/files.json",
            "analyses/7/files/XXXX.exeXXX",
            "analyses/7/files/link",
            "secret"
        ]
    );
    assert_eq!(std::fs::read_to_string(setting.dir.path().join("secret")).unwrap(), "secret");
}

#[tokio::test]
async fn nothing_is_written_twice() {
    let setting = Setting::start(Limits::default()).await;
    let ana = setting.register(ANA, 7);
    for text in [
        "LOG\nfirst",
        "LOG\nsecond",
        "BSON 5\nfirst",
        "BSON 5\nsecond",
        "FILE\nfiles/a\nfirst",
        "FILE\nfiles/a\nx",
    ] {
        setting.send(ANA, text.as_bytes()).await;
    }
    for name in ["analysis.log", "logs/5.bson", "files/a"] {
        assert_eq!(setting.read(7, name), b"first", "{name}");
    }
    let remarks = ana.end().await.texts;
    assert_eq!(remarks.len(), 3);
    assert!(remarks.iter().all(|text| text.ends_with("it is there already")), "{remarks:?}");
}

#[tokio::test]
async fn floods_end_at_the_limits() {
    let limits = Limits { file: 1000, log: 100, bson: 100, total: 2500, files: 6, ..Limits::default() };
    let setting = Setting::start(limits).await;
    let ana = setting.register(ANA, 7);
    let send = async |head: &str| setting.send(ANA, &[head.as_bytes(), &vec![b'x'; 300_000]].concat()).await;
    send("LOG\n").await;
    send("BSON 1\n").await;
    send("FILE\nfiles/a\n").await;
    send("FILE\nfiles/b\n").await;
    send("FILE\nfiles/c\n").await;
    send("FILE\nfiles/d\n").await;
    send("FILE\nfiles/e\n").await;
    let sizes = ["analysis.log", "logs/1.bson", "files/a", "files/b", "files/c", "files/d"]
        .map(|name| setting.read(7, name).len());
    assert_eq!(sizes, [100, 100, 1000, 1000, 300, 0]);
    assert!(!setting.dir.path().join("analyses/7/files/e").exists());
    let record = setting.record(7);
    assert_eq!(record.len(), 6);
    assert!(
        record.iter().all(|line| line["cut"] == true && line["why"] == "it is larger than allowed"),
        "{record:?}"
    );
    assert!(ana.end().await.texts.last().unwrap().contains("too many files"));
}

#[tokio::test]
async fn remarks_and_connections_are_bounded() {
    let setting = Setting::start(Limits { connections: 2, ..Limits::default() }).await;
    let ana = setting.register(ANA, 7);
    for _ in 0..150 {
        setting.send(ANA, b"nonsense\n").await;
    }
    let (mut first, mut second) = (setting.connect(ANA).await, setting.connect(ANA).await);
    first.write_all(b"FILE\nfiles/a\na").await.unwrap();
    second.write_all(b"FILE\nfiles/b\nb").await.unwrap();
    setting.until(7, "files/a", 1).await;
    setting.until(7, "files/b", 1).await;
    assert_eq!(setting.send(ANA, b"FILE\nfiles/c\nc").await, b"");
    drop(first);
    let remarks = ana.end().await;
    assert!(remarks.texts.len() == 100 && remarks.more >= 51, "{}", remarks.more);
    assert!(!setting.dir.path().join("analyses/7/files/c").exists());
}

#[tokio::test]
async fn silence_ends_a_header_and_a_file_but_not_a_log() {
    let short = Duration::from_secs(2);
    let setting = Setting::start(Limits { header: short, idle: short, ..Limits::default() }).await;
    let ana = setting.register(ANA, 7);
    let mut log = setting.connect(ANA).await;
    log.write_all(b"LOG\nfirst\n").await.unwrap();
    let (mut header, mut file) = (setting.connect(ANA).await, setting.connect(ANA).await);
    header.write_all(b"FILE\nfiles/a").await.unwrap();
    file.write_all(b"FILE\nfiles/b\nhalf").await.unwrap();
    let mut answer = Vec::new();
    assert_eq!(header.read_to_end(&mut answer).await.unwrap_or(0), 0);
    assert_eq!(file.read_to_end(&mut answer).await.unwrap_or(0), 0);
    log.write_all(b"second\n").await.unwrap();
    setting.until(7, "analysis.log", 13).await;
    let record = setting.record(7);
    assert_eq!((&record[0]["why"], &record[0]["size"]), (&json!("nothing came for too long"), &json!(4)));
    assert_eq!(ana.end().await.texts.len(), 2);
}

#[tokio::test]
async fn what_is_open_at_the_end_is_cut_kept_and_marked() {
    let setting = Setting::start(Limits { grace: Duration::from_millis(100), ..Limits::default() }).await;
    let ana = setting.register(ANA, 7);
    let (mut log, mut file) = (setting.connect(ANA).await, setting.connect(ANA).await);
    log.write_all(b"LOG\nline\n").await.unwrap();
    file.write_all(b"FILE\nfiles/a\nhalf").await.unwrap();
    setting.until(7, "files/a", 4).await;
    setting.until(7, "analysis.log", 5).await;
    ana.settle().await;
    let remarks = ana.end().await.texts;
    assert_eq!(remarks, ["files/a is not whole, it has 4 bytes: the task was over"]);
    let record = setting.record(7);
    assert_eq!(
        (record.len(), &record[0]["cut"], &record[0]["why"]),
        (1, &json!(true), &json!("the task was over"))
    );
    // The address is free for the next one.
    drop(setting.register(ANA, 8));
    drop(setting.register(ANA, 9));
}
