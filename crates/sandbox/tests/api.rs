//! The REST API route by route, without machines: what clients send, and what they get (the Cuckoo reference).

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use reqwest::multipart::{Form, Part};
use reqwest::{Method, Response};
use sandbox::pool::{Machine, Pool};
use sandbox::{Access, Sandbox, Settings};
use serde_json::{Value as Json, json};
use serve::listener::{Limits, Listener};
use serve::shutdown::CancellationToken;
use store::db::{Db, DbResult, Location};
use store::sandbox::{NewTask, Status, task};

const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

struct Server {
    http: reqwest::Client,
    root: String,
    sandbox: Arc<Sandbox>,
    stop: CancellationToken,
    dir: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Server {
    async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&Location::Sqlite(dir.path().join("harrier.db"))).await.unwrap();
        let mut settings = Settings::in_dir(dir.path().to_owned());
        change(&mut settings);
        let tags = ["32bit", "acrobat_6"];
        let machine = Machine { ip: "192.168.56.101".into(), ..Machine::new("cuckoo1", "windows", &tags) };
        let machine = Machine { resultserver_ip: "192.168.56.1".into(), ..machine };
        let sandbox = Sandbox::open(db, settings, Pool::new(vec![machine])).unwrap();
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), Limits::default()).await.unwrap();
        let root = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        tokio::spawn(sandbox::serve(
            sandbox.clone(),
            listener.incoming(None),
            stop.clone().cancelled_owned(),
        ));
        Self { http: reqwest::Client::new(), root, sandbox, stop, dir }
    }

    async fn get(&self, path: &str) -> Response {
        self.http.get(format!("{}{path}", self.root)).send().await.unwrap()
    }

    async fn json(&self, path: &str) -> Json {
        let (status, body) = answer(self.get(path).await).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// The status and the message of a refusal.
    async fn refused(&self, path: &str) -> (u16, String) {
        let (status, body) = answer(self.get(path).await).await;
        assert_eq!(body.as_object().unwrap().len(), 1, "{body}");
        (status, body["message"].as_str().unwrap().to_owned())
    }

    async fn send(&self, path: &str, form: Form) -> (u16, Json) {
        answer(self.http.post(format!("{}{path}", self.root)).multipart(form).send().await.unwrap()).await
    }

    async fn submit(&self, name: &str, content: impl Into<Cow<'static, [u8]>>) -> u64 {
        let form = Form::new().part("file", Part::bytes(content).file_name(name.to_owned()));
        let (status, body) = self.send("/tasks/create/file", form).await;
        assert_eq!(status, 200, "{body}");
        body["task_id"].as_u64().unwrap()
    }

    async fn url(&self, url: &str) -> u64 {
        let (status, body) = self.send("/tasks/create/url", Form::new().text("url", url.to_owned())).await;
        assert_eq!(status, 200, "{body}");
        body["task_id"].as_u64().unwrap()
    }

    async fn set(&self, task: u64, states: &'static [Status]) {
        let id = u32::try_from(task).unwrap();
        for state in states {
            let changed =
                self.sandbox.db.write(move |tx| -> DbResult<bool> { task::set_status(tx, id, *state) });
            assert!(changed.await.unwrap());
        }
    }

    /// A task with results, as a run would leave them.
    async fn reported(&self) -> u64 {
        let task = self.submit("demo.exe", b"MZ demo").await;
        let folder = self.sandbox.analyses.create(u32::try_from(task).unwrap()).unwrap();
        let at = |name: &str| -> PathBuf { folder.path().join(name) };
        let report = json!({
            "info": {"id": task, "score": 1.5}, "behavior": {"processes": [], "generic": [], "apistats": {}, "summary": {}},
            "procmemory": [], "debug": {}, "screenshots": [], "metadata": {}, "network": {"hosts": []},
        });
        for (name, content) in [
            ("task.json", "{}"),
            ("analysis.log", "log"),
            ("reports/report.json", &report.to_string()),
            ("reports/report.html", "<h1>report</h1>"),
            ("shots/0001.jpg", "one"),
            ("shots/0002.jpg", "two"),
            ("files/0123456789abcdef_a.txt", "dropped"),
            ("memory/1908-1.dmp", "first"),
            ("memory/1908-2.dmp", "second"),
            ("memory/300-1.dmp", "other"),
            ("memory/1908-image.exe_", "image"),
            ("memory.dmp", "all of it"),
            ("dump.pcap", "pcap"),
        ] {
            std::fs::write(at(name), content).unwrap();
        }
        self.set(task, &[Status::Running, Status::Completed, Status::Reported]).await;
        task
    }
}

async fn answer(response: Response) -> (u16, Json) {
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/json");
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
}

fn members(tar: impl std::io::Read) -> Vec<String> {
    let mut archive = tar::Archive::new(tar);
    archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect()
}

#[tokio::test]
async fn a_submission_is_shown_as_in_the_manual() {
    let server = Server::start().await;
    assert_eq!(server.url("http://www.malicious.site").await, 1);
    let shown = server.json("/tasks/view/1").await["task"].clone();
    let expected = json!({
        "category": "url", "machine": null, "errors": [], "target": "http://www.malicious.site", "package": null,
        "sample_id": null, "guest": {}, "custom": null, "owner": "", "priority": 1, "platform": null, "options": null,
        "status": "pending", "enforce_timeout": false, "timeout": 0, "memory": false, "tags": [], "id": 1,
        "completed_on": null, "sample": {}, "duration": -1, "started_on": null, "route": null
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&shown[key], value, "{key}");
    }
    let form = Form::new()
        .part("file", Part::bytes(&b""[..]).file_name("C:\\tmp\\empty.bin"))
        .text("tags", "32bit, acrobat_6,,32bit")
        .text("memory", "False")
        .text("clock", "yesterday")
        .text("timeout", "60");
    let (status, created) = server.send("/tasks/create/file", form).await;
    assert_eq!((status, created), (200, json!({"task_id": 2, "task_ids": [2]})));
    let shown = server.json("/tasks/view/2").await["task"].clone();
    assert_eq!(
        (&shown["target"], &shown["sample_id"], &shown["timeout"]),
        (&json!("/uploads/2/empty.bin"), &json!(1), &json!(60))
    );
    assert_eq!((&shown["tags"], &shown["memory"]), (&json!(["32bit", "acrobat_6"]), &json!(false)));
    assert!(shown["errors"][0].as_str().unwrap().contains("yesterday"));
    // The sample as the manual shows it, and its content.
    let sample = server.json("/files/view/id/1").await["sample"].clone();
    assert_eq!(
        sample,
        json!({
            "sha1": "da39a3ee5e6b4b0d3255bfef95601890afd80709", "file_type": "empty", "file_size": 0, "crc32": "00000000",
            "ssdeep": "3::", "sha256": EMPTY, "id": 1, "md5": "d41d8cd98f00b204e9800998ecf8427e", "tasks": [2],
            "sha512": "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"
        })
    );
    for path in [
        format!("/files/view/sha256/{}", EMPTY.to_uppercase()),
        "/files/view/md5/d41d8cd98f00b204e9800998ecf8427e".into(),
        "/files/view/sha1/da39a3ee5e6b4b0d3255bfef95601890afd80709".into(),
    ] {
        assert_eq!(server.json(&path).await["sample"], sample, "{path}");
    }
    let content = server.get(&format!("/files/get/{EMPTY}")).await;
    assert_eq!(content.headers()["content-type"], "application/octet-stream; charset=UTF-8");
    assert_eq!(content.headers()["content-length"], "0");
    for path in ["/files/view/id/0", "/files/view/sha512/x", "/v1/files/view/name/empty.bin"] {
        assert_eq!(server.refused(path).await, (400, "Invalid lookup term".into()), "{path}");
    }
    assert_eq!(server.refused("/files/view/id/x").await.0, 404);
    for path in [
        "/files/view/id/9",
        "/files/view/md5/x",
        "/files/get/..%2f..%2fetc%2fpasswd",
        &format!("/files/get/{}", "0".repeat(64)),
    ] {
        assert_eq!(server.refused(path).await, (404, "File not found".into()), "{path}");
    }
}

#[tokio::test]
async fn what_senders_put_on_the_wire_is_understood() {
    let server = Server::start().await;
    let post = |kind: &'static str, body: &'static str| {
        let request =
            server.http.post(format!("{}/v1/tasks/create/url/", server.root)).header("content-type", kind);
        async move { answer(request.body(body).send().await.unwrap()).await }
    };
    let form = "application/x-www-form-urlencoded";
    assert_eq!(post(form, "url=http%3A%2F%2Fa.example&priority=3").await.1["task_id"], 1);
    assert_eq!(post("application/json", "url=http://b.example").await.1["task_id"], 2);
    assert_eq!(
        post("application/json", r#"{"url": "http://c.example", "priority": 2, "memory": true}"#).await.1["task_id"],
        3
    );
    let file_like = Form::new().part("url", Part::text("http://d.example").file_name(""));
    assert_eq!(server.send("/tasks/create/url", file_like).await.1["task_id"], 4);
    let third = server.json("/tasks/view/3").await["task"].clone();
    assert_eq!((&third["priority"], &third["memory"]), (&json!(2), &json!(true)));
    for (kind, body, words) in [
        (form, "", "no URL"),
        (form, "url=", "no URL"),
        (form, "url=++", "no URL"),
        (form, "url=http://a.example&timeout=abc", "timeout"),
        (form, "url=http://a.example&options=route%3Dinternet", "allowed are none"),
        (form, "url=http://a.example&memory=perhaps", "memory"),
    ] {
        let (status, refusal) = post(kind, body).await;
        assert_eq!(status, 400, "{body}");
        assert!(refusal["message"].as_str().unwrap().contains(words), "{body}: {refusal}");
    }
    let (status, refusal) = server.send("/tasks/create/file", Form::new().text("file", "no name")).await;
    assert!(status == 400 && refusal["message"].as_str().unwrap().contains("file"));
    let unique = || Form::new().part("file", Part::bytes(&b"once"[..]).file_name("a")).text("unique", "1");
    assert_eq!(server.send("/tasks/create/file", unique()).await.0, 200);
    let again = server.send("/tasks/create/file", unique()).await;
    assert_eq!(again, (400, json!({"message": "This file has already been submitted"})));
}

#[tokio::test]
async fn names_of_files_come_in_every_way_that_senders_know() {
    let server = Server::start().await;
    let post = |body: Vec<u8>| {
        let request = server.http.post(format!("{}/tasks/create/file", server.root));
        let request = request.header("content-type", "Multipart/Form-Data; charset=utf-8; Boundary=\"X\"");
        async move { answer(request.body(body).send().await.unwrap()).await }
    };
    let form = |head: &[u8]| [b"--X\r\n", head, b"\r\n\r\n\0\x01\r\n-\r\n--X--\r\n"].concat();
    for (head, name) in [
        (&b"Content-Disposition: form-data; name=\"file\"; filename=\"a\0b\x01.txt\""[..], "a%00b%01.txt"),
        (b"Content-Disposition: form-data; name=\"file\"; filename=\"a%0Ab.txt\"", "a%0Ab.txt"),
        (
            b"Content-Disposition: form-data; name=\"file\"; filename=\"\xe2\x80\xaefdp.exe\"",
            "\u{202e}fdp.exe",
        ),
        (b"content-disposition: form-data; name=file; filename*=utf-8''%E2%82%AC.exe", "\u{20ac}.exe"),
        (b"CONTENT-DISPOSITION: form-data; Name=\"file\"; FileName=\"a;b\xff.txt\"", "a;b\u{fffd}.txt"),
    ] {
        let (status, created) = post(form(head)).await;
        assert_eq!(status, 200, "{created}");
        let task = server.json(&format!("/tasks/view/{}", created["task_id"])).await["task"].clone();
        assert_eq!(task["target"], format!("/uploads/{}/{name}", created["task_id"]));
        // Contents are not touched.
        assert_eq!(task["sample"]["file_size"], 5);
    }
    let sample = server.json("/files/view/id/1").await["sample"].clone();
    let content = server.get(&format!("/files/get/{}", sample["sha256"].as_str().unwrap())).await;
    assert_eq!(content.bytes().await.unwrap(), &b"\0\x01\r\n-"[..]);
    // What would be held in memory and looked through again and again is refused at once.
    let long = [&b"--X\r\nContent-Disposition: form-data; name=\""[..], &b"n".repeat(1 << 20)].concat();
    for (body, words) in [(form(&long), "the head of a part"), (b"n".repeat(1 << 20), "no part within")] {
        let (status, refusal) = post(body).await;
        assert!(status == 400 && refusal["message"].as_str().unwrap().contains(words), "{refusal}");
    }
}

#[tokio::test]
async fn a_sample_that_is_too_large_is_refused_and_leaves_nothing() {
    let server = Server::start_with(|settings| settings.max_sample = 1000).await;
    let form = Form::new().part("file", Part::bytes(vec![0_u8; 2000]).file_name("large"));
    assert_eq!(server.send("/tasks/create/file", form).await.0, 413);
    assert_eq!(server.json("/tasks/list").await, json!({"tasks": []}));
    for folder in ["incoming", "binaries"] {
        assert_eq!(std::fs::read_dir(server.dir.path().join(folder)).unwrap().count(), 0, "{folder}");
    }
}

#[tokio::test]
async fn many_things_are_submitted_at_once() {
    let server = Server::start().await;
    let part = |name: &'static str, content: &'static [u8]| Part::bytes(content).file_name(name);
    let form = Form::new()
        .part("files", part("a.bin", b"one"))
        .part("file", part("b.bin", b"two"))
        .text("strings", format!("http://x.example/\nexample.org/y\nqwerty\n{}\n", "0".repeat(32)))
        .text("owner", "ada");
    let (status, answer) = server.send("/tasks/create/submit", form).await;
    assert_eq!((status, &answer["task_ids"]), (200, &json!([1, 2, 3, 4])));
    let errors = answer["errors"].as_array().unwrap();
    assert_eq!(errors[0], "'qwerty' was neither a valid hash or url");
    assert!(errors[1].as_str().unwrap().contains("no such sample"));
    let task = server.json("/tasks/view/1").await["task"].clone();
    assert_eq!(
        (&task["submit_id"], &task["options"], &task["owner"]),
        (&answer["submit_id"], &json!("procmemdump=yes"), &json!("ada"))
    );
    assert_eq!(server.json("/tasks/view/4").await["task"]["target"], "http://example.org/y");
    let known = Form::new().text("strings", "f97c5d29941bfb1b2fdab0874906ab82");
    let (_, answer) = server.send("/tasks/create/submit", known).await;
    let task = server.json(&format!("/tasks/view/{}", answer["task_ids"][0])).await["task"].clone();
    assert_eq!(task["sample"]["md5"], "f97c5d29941bfb1b2fdab0874906ab82");
    let nothing = server.send("/tasks/create/submit", Form::new().text("owner", "ada")).await;
    assert_eq!(nothing, (500, json!({"message": "No files or strings have been given!"})));
}

#[tokio::test]
async fn an_archive_is_a_task_for_each_member_that_can_run() {
    let server = Server::start().await;
    let archive = |members: &[(&str, &str)]| {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, content) in members {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, name, content.as_bytes()).unwrap();
        }
        tar.into_inner().unwrap()
    };
    let script = "#!/bin/sh\nid\n";
    let members = [("one.sh", script), ("README", "plain words"), ("in/two.sh", script), ("a,b.sh", script)];
    let form = Form::new()
        .part("files", Part::bytes(archive(&members)).file_name("mail.tar"))
        .text("options", "free=yes");
    let (_, answer) = server.send("/tasks/create/submit", form).await;
    assert_eq!(answer["task_ids"], json!([1, 2]));
    assert_eq!(answer["errors"], json!(["mail.tar: \"a,b.sh\": its name cannot stand in options"]));
    for (id, options) in
        [(1, "free=yes,procmemdump=yes,filename=one.sh"), (2, "free=yes,procmemdump=yes,filename=in/two.sh")]
    {
        let task = server.json(&format!("/tasks/view/{id}")).await["task"].clone();
        assert_eq!((&task["category"], &task["options"]), (&json!("archive"), &json!(options)));
        assert!(task["target"].as_str().unwrap().ends_with("/mail.tar"));
    }
    let form =
        Form::new().part("file", Part::bytes(archive(&[("README", "plain words")])).file_name("notes.tar"));
    let (_, answer) = server.send("/tasks/create/submit", form).await;
    assert_eq!(answer["task_ids"], json!([]));
    assert!(answer["errors"][0].as_str().unwrap().contains("nothing in this archive"));
    // Submitted as a file, it is one.
    assert_eq!(server.submit("mail.tar", archive(&members)).await, 3);
    // Of a mail it is what is attached, or the whole of it.
    for (attached, category, told) in [("a.sh", "archive", 0), ("a.7z", "file", 1), ("words.txt", "file", 0)]
    {
        let content = match attached {
            "a.sh" => script,
            "a.7z" => "N3q8ryccAAQ=",
            _ => "words",
        };
        let encoding = if attached == "a.7z" { "base64" } else { "8bit" };
        let mail = format!(
            "Subject: x\r\nContent-Type: multipart/mixed; boundary=cut\r\n\r\n--cut\r\n\
            Content-Disposition: attachment; filename={attached}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{content}\r\n--cut--\r\n"
        );
        let form = Form::new().part("file", Part::bytes(mail.into_bytes()).file_name("mail.eml"));
        let (_, answer) = server.send("/tasks/create/submit", form).await;
        assert_eq!(
            (answer["task_ids"].as_array().unwrap().len(), answer["errors"].as_array().unwrap().len()),
            (1, told),
            "{answer}"
        );
        let task = server.json(&format!("/tasks/view/{}", answer["task_ids"][0])).await["task"].clone();
        assert_eq!(task["category"], category, "{attached}");
        assert_eq!(task["options"].as_str().unwrap().contains("filename=a.sh"), category == "archive");
    }
}

#[tokio::test]
async fn lists_are_cut_and_narrowed() {
    let server = Server::start().await;
    for _ in 0..4 {
        server.url("http://x.example").await;
    }
    server.set(3, &[Status::Running, Status::Completed, Status::Reported]).await;
    let ids = async |path: &str| {
        let tasks = server.json(path).await["tasks"].clone();
        tasks.as_array().unwrap().iter().map(|task| task["id"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(ids("/tasks/list").await, [3, 1, 2, 4]);
    assert_eq!(ids("/tasks/list/").await, [3, 1, 2, 4]);
    assert_eq!(ids("/tasks/list/2").await, [3, 1]);
    assert_eq!(ids("/tasks/list/2/1").await, [1, 2]);
    assert_eq!(ids("/v1/tasks/list/0").await, [0; 0]);
    assert_eq!(ids("/tasks/list?limit=1&offset=3").await, [4]);
    assert_eq!(ids("/tasks/list?status=reported").await, [3]);
    assert_eq!(ids("/tasks/list?status=nonsense").await, [0; 0]);
    assert_eq!(ids("/tasks/list?completed_after=0").await, [3]);
    assert_eq!(ids("/tasks/list?completed_after=-5").await, [3]);
    assert_eq!(ids("/tasks/list?completed_after=4000000000").await, [0; 0]);
    assert_eq!(ids("/tasks/list?completed_after=9223372036854775807").await, [0; 0]);
    assert_eq!(server.refused("/tasks/list?completed_after=x").await.0, 400);
    server.submit("x", b"x").await;
    assert_eq!(ids("/tasks/sample/1").await, [5]);
    for path in ["/tasks/list/-1", "/tasks/list/abc", "/tasks/view/1.5", "/tasks/view/", "/nothing"] {
        assert_eq!(server.refused(path).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn a_long_list_is_sent_as_it_is_read_and_looks_like_a_short_one() {
    let server = Server::start().await;
    let create = |tx: &mut store::db::Tx<'_>| -> DbResult<()> {
        (0..501)
            .try_for_each(|number| task::create(tx, &NewTask::of_url(&format!("u {number}"))).map(drop))?;
        task::fail(tx, 501, "one")?;
        task::fail(tx, 501, "two")
    };
    server.sandbox.db.write(create).await.unwrap();
    let short = server.get("/tasks/list/500").await;
    assert!(short.headers().contains_key("content-length"));
    let short = short.text().await.unwrap();
    let long = server.get("/tasks/list").await;
    assert!(!long.headers().contains_key("content-length"));
    assert_eq!(long.headers()["content-type"], "application/json");
    let long = long.text().await.unwrap();
    // To the letter, up to the last of the short one.
    let same = short.strip_suffix("\n  ]\n}\n").unwrap();
    assert_eq!(&long[..same.len()], same);
    let tasks = serde_json::from_str::<Json>(&long).unwrap()["tasks"].as_array().unwrap().clone();
    assert!(tasks.iter().map(|task| task["id"].as_u64().unwrap()).eq(1..=501));
    assert_eq!(tasks[500]["errors"], json!(["one", "two"]));
}

#[tokio::test]
async fn tasks_are_scheduled_anew_deleted_and_reported_again() {
    let server = Server::start().await;
    server.url("http://x.example").await;
    assert_eq!(server.json("/tasks/reschedule/1").await, json!({"status": "OK", "task_id": 2}));
    assert_eq!(server.json("/tasks/view/1").await["task"]["status"], "recovered");
    assert_eq!(server.json("/tasks/reschedule/2/5").await["task_id"], 3);
    assert_eq!(server.json("/tasks/view/3").await["task"]["priority"], 5);
    let unknown = (404, "There is no analysis with the specified ID".to_owned());
    assert_eq!(server.refused("/tasks/reschedule/99").await, unknown);
    server.set(3, &[Status::Running]).await;
    let busy = (500, "The task is currently being processed, cannot delete".to_owned());
    assert_eq!(server.refused("/tasks/delete/3").await, busy);
    assert_eq!(server.json("/tasks/rereport/3").await, json!({"success": false}));
    // Another took the place of this one, and its machine is not done yet.
    server.sandbox.notes.begin(1);
    assert_eq!(server.refused("/tasks/delete/1").await, busy);
    server.sandbox.notes.end(1);
    let task = server.reported().await;
    assert_eq!(server.json(&format!("/tasks/rereport/{task}")).await, json!({"success": true}));
    server.set(task, &[Status::Reported]).await;
    assert_eq!(server.json(&format!("/tasks/delete/{task}")).await, json!({"status": "OK"}));
    assert!(!server.dir.path().join(format!("analyses/{task}")).exists());
    // The sample stays.
    assert_eq!(server.json("/files/view/id/1").await["sample"]["tasks"], json!([]));
    for path in ["delete", "view", "rereport"] {
        assert_eq!(server.refused(&format!("/tasks/{path}/{task}")).await, (404, "Task not found".into()));
    }
    assert_eq!(server.refused("/tasks/reboot/99").await, (404, "Error creating reboot task".into()));
    let (status, message) = server.refused("/tasks/reboot/1").await;
    assert!(
        status == 404
            && message == "Error creating reboot task: the task is about a URL: nothing was installed",
        "{message}"
    );
    assert_eq!(server.refused("/tasks/view/0").await, (404, "Task not found".into()));
}

#[tokio::test]
async fn reports_and_archives_are_what_clients_unpack() {
    let server = Server::start().await;
    let task = server.reported().await;
    let of = |rest: &str| format!("/tasks/report/{task}{rest}");
    assert_eq!(server.json(&of("")).await["info"]["id"], task);
    assert_eq!(server.json(&of("/JSON")).await["info"]["score"], 1.5);
    assert_eq!(server.json(&of("?elements=network")).await, json!({"hosts": []}));
    assert_eq!(server.refused(&of("?elements=none")).await, (404, "'none' not found".into()));
    let html = server.get(&of("/html")).await;
    assert_eq!(html.headers()["content-type"], "text/html; charset=utf-8");
    assert!(html.headers()["content-security-policy"].to_str().unwrap().starts_with("sandbox"));
    let path = server.sandbox.analyses.dir().join(format!("{task}/reports/report.html"));
    std::fs::remove_file(path).unwrap();
    let (status, told) = server.refused(&of("/html")).await;
    assert_eq!(
        (status, &*told),
        (404, &*format!("Report not found: this report has no page; /tasks/rereport/{task} makes both anew"))
    );
    let all = server.get(&of("/all")).await;
    assert_eq!(all.headers()["content-type"], "application/x-tar; charset=UTF-8");
    assert!(all.headers().contains_key("content-length") && !all.headers().contains_key("content-encoding"));
    let bytes = all.bytes().await.unwrap();
    assert!(bytes.starts_with(b"BZ"));
    let names = members(bzip2::read::BzDecoder::new(&bytes[..]));
    for name in [
        "binary",
        "task.json",
        "reports/report.json",
        "shots/0001.jpg",
        "dump.pcap",
        "files/0123456789abcdef_a.txt",
    ] {
        assert!(names.iter().any(|member| member == name), "{name} in {names:?}");
    }
    assert!(!names.contains(&"memory.dmp".to_owned()));
    let gz = server.get(&of("/all_memory?tar=gz")).await.bytes().await.unwrap();
    assert!(members(flate2::read::GzDecoder::new(&gz[..])).contains(&"memory.dmp".to_owned()));
    let dropped = server.get(&of("/dropped")).await.bytes().await.unwrap();
    assert_eq!(members(bzip2::read::BzDecoder::new(&dropped[..])), ["files", "files/0123456789abcdef_a.txt"]);
    let none = server.get(&of("/package_files?tar=tar")).await.bytes().await.unwrap();
    assert_eq!(members(&none[..]), ["package_files"]);
    let zip = server.get(&of("/all?tar=zip")).await;
    assert_eq!(zip.headers()["content-type"], "application/zip");
    assert_eq!(server.refused(&of("/maec")).await, (400, "Invalid report format".into()));
    assert_eq!(server.refused("/tasks/report/99/maec").await.0, 400);
    let summary = server.json(&format!("/tasks/summary/{task}")).await;
    assert_eq!(
        summary,
        json!({"info": {"id": task, "score": 1.5}, "behavior": {"summary": {}}, "network": {"hosts": []}})
    );
    for path in ["/tasks/report/99", "/tasks/report/99/all", "/tasks/report/99/html", "/tasks/summary/99"] {
        assert_eq!(server.refused(path).await, (404, "Report not found".into()), "{path}");
    }
}

#[tokio::test]
async fn pictures_memory_and_packets_are_fetched() {
    let server = Server::start().await;
    let task = server.reported().await;
    let zip = server.get(&format!("/tasks/screenshots/{task}")).await.bytes().await.unwrap();
    let archive = zip::ZipArchive::new(std::io::Cursor::new(zip)).unwrap();
    assert_eq!(archive.len(), 2);
    for name in ["0002", "2", "0002.jpg"] {
        let picture = server.get(&format!("/tasks/screenshots/{task}/{name}")).await;
        assert_eq!(picture.headers()["content-type"], "image/jpeg");
        assert_eq!(picture.text().await.unwrap(), "two", "{name}");
    }
    for name in ["0003", "..%2f..%2ftask.json", "%00"] {
        let refused = server.refused(&format!("/tasks/screenshots/{task}/{name}")).await;
        assert_eq!(refused, (404, "Screenshot not found!".into()), "{name}");
    }
    assert_eq!(server.refused("/tasks/screenshots/99").await, (404, "Task not found".into()));
    assert_eq!(
        server.json(&format!("/memory/list/{task}")).await,
        json!({"dump_files": ["300-1", "1908-1", "1908-2"]})
    );
    for (name, content) in [("1908-2", "second"), ("1908", "first"), ("300", "other")] {
        assert_eq!(
            server.get(&format!("/memory/get/{task}/{name}")).await.text().await.unwrap(),
            content,
            "{name}"
        );
    }
    for path in [
        "/memory/list/99".into(),
        format!("/memory/get/{task}/7"),
        format!("/memory/get/{task}/..%2f..%2fmemory"),
    ] {
        assert_eq!(server.refused(&path).await, (404, "Memory dump not found".into()), "{path}");
    }
    assert_eq!(server.get(&format!("/pcap/get/{task}")).await.text().await.unwrap(), "pcap");
    assert_eq!(server.refused("/pcap/get/99").await, (404, "File not found".into()));
}

#[tokio::test]
async fn machines_and_the_state_of_all_are_shown() {
    let server = Server::start().await;
    let machine = json!({
        "status": null, "locked": false, "name": "cuckoo1", "resultserver_ip": "192.168.56.1", "ip": "192.168.56.101",
        "tags": ["32bit", "acrobat_6"], "label": "cuckoo1", "locked_changed_on": null, "platform": "windows",
        "snapshot": null, "interface": null, "status_changed_on": null, "id": 1, "resultserver_port": "2042", "options": null
    });
    assert_eq!(server.json("/machines/list").await, json!({"machines": [machine]}));
    assert_eq!(server.json("/machines/view/cuckoo1").await, json!({"machine": machine}));
    assert_eq!(server.refused("/machines/view/other").await, (404, "Machine not found".into()));
    server.url("http://x.example").await;
    let status = server.json("/cuckoo/status/").await;
    assert_eq!(
        status["tasks"],
        json!({"reported": 0, "running": 0, "total": 1, "completed": 0, "pending": 1})
    );
    assert_eq!(status["machines"], json!({"available": 1, "total": 1}));
    assert_eq!(status["protocol_version"], 1);
    for folder in ["analyses", "binaries", "temporary"] {
        let space = &status["diskspace"][folder];
        let number = |key: &str| space[key].as_u64().unwrap();
        assert_eq!(number("total"), number("free") + number("used"), "{folder}");
    }
    assert!(status["cpuload"].as_array().unwrap().len() == 3 && status["memory"].as_f64().unwrap() > 0.0);
    assert_eq!(server.json("/vpn/status").await, json!({"vpns": {}}));
    assert_eq!(server.refused("/exit").await.0, 403);
}

#[tokio::test]
async fn every_answer_has_the_headers_and_every_route_its_methods() {
    let server = Server::start().await;
    for path in ["/cuckoo/status", "/nothing"] {
        let response = server.get(path).await;
        assert_eq!(response.headers()["server"], "Machete Server");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        assert_eq!(response.headers()["expires"], "0");
    }
    let call =
        |method: Method, path: &str| server.http.request(method, format!("{}{path}", server.root)).send();
    let head = call(Method::HEAD, "/cuckoo/status").await.unwrap();
    assert!(head.status() == 200 && head.headers().contains_key("content-length"));
    let options = call(Method::OPTIONS, "/tasks/list").await.unwrap();
    assert_eq!((options.status().as_u16(), &options.headers()["allow"]), (200, &"GET,HEAD".parse().unwrap()));
    let wrong = call(Method::POST, "/tasks/list").await.unwrap();
    assert_eq!((wrong.status().as_u16(), &wrong.headers()["allow"]), (405, &"GET,HEAD".parse().unwrap()));
    assert!(answer(wrong).await.1["message"].is_string());
}

#[tokio::test]
async fn foreign_pages_and_strangers_are_refused() {
    let server = Server::start().await;
    let with = |name: &'static str, value: &'static str| {
        let request = server.http.get(format!("{}/tasks/list", server.root)).header(name, value);
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(with("host", "evil.example").await, 403);
    assert_eq!(with("origin", "http://evil.example").await, 403);
    assert_eq!(with("sec-fetch-site", "cross-site").await, 403);
    assert_eq!(with("host", "localhost:8090").await, 200);
    let server = Server::start_with(|settings| settings.access = Access::Token("s3cret-token".into())).await;
    let bare = server.refused("/nothing").await;
    assert_eq!(
        bare,
        (401, "Authentication in the form of an 'Authorization: Bearer <TOKEN>' header is required".into())
    );
    for (scheme, expected) in
        [("Bearer s3cret-token", 200), ("token s3cret-token", 200), ("Bearer wrong", 401)]
    {
        let request = server.http.get(format!("{}/tasks/list", server.root)).header("authorization", scheme);
        assert_eq!(request.send().await.unwrap().status().as_u16(), expected, "{scheme}");
    }
}
