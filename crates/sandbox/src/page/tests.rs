//! Pages of whole reports, of hostile ones and of too large ones.

use std::fs;

use serde_json::json;

use super::*;
use crate::results::Analyses;

const JPEG: &[u8] = b"\xff\xd8\xff\xe0 a picture";

fn folder() -> (tempfile::TempDir, Folder) {
    let dir = tempfile::tempdir().unwrap();
    let folder = Analyses::open(dir.path()).unwrap().create(7).unwrap();
    (dir, folder)
}

fn page(folder: &Folder, report: &Json) -> String {
    write(folder, report.as_object().unwrap()).unwrap();
    fs::read_to_string(folder.path().join(PAGE)).unwrap()
}

fn whole() -> Json {
    json!({
        "info": {
            "id": 7, "added": 1_932_884_400.0, "started": 1_932_884_405.0, "ended": 1_932_884_410.0, "duration": 65, "score": 0.6,
            "version": "0.1", "owner": "ada", "custom": "case 12", "package": "shell", "platform": "linux", "route": "fake",
            "options": "free=yes", "machine": {"name": "linux1", "manager": "QEMU"},
        },
        "target": {"category": "file", "file": {
            "name": "demo.sh", "size": 20480, "type": "POSIX shell script", "md5": "md5-of", "sha1": "sha1-of", "sha256": "sha256-of",
            "sha512": "sha512-of", "ssdeep": "3:abc", "crc32": "0A1B2C3D", "urls": ["http://in.example/"],
        }},
        "behavior": {
            "processtree": [{"pid": 10, "process_name": "sh", "command_line": "sh demo.sh", "first_seen": 5.0, "children": [
                {"pid": 11, "process_name": "curl", "command_line": "curl c2", "first_seen": 6.5, "children": []},
            ]}],
            "apistats": {"10": {"read": 3, "openat": 4}, "11": {"connect": 1}},
            "summary": {
                "file_written": ["/tmp/out"], "file_moved": [["/tmp/a", "/tmp/b"]], "file_opened": ["/etc/passwd"], "new_group": ["thing"],
            },
            "anomaly": [{"category": "anti-analysis", "funcname": "ptrace", "message": "asks to be traced"}],
            "calls_cut": 17, "calls_counted": {"getpid": 40, "gettid": 2},
        },
        "network": {
            "hosts": ["198.51.100.7"], "domains": [{"domain": "c2.example", "ip": "198.51.100.7"}],
            "dns": [{"request": "asked.example", "type": "A", "answers": [{"type": "A", "data": "198.51.100.8"}]}],
            "http": [{"count": 2, "method": "POST", "uri": "http://c2.example/gate", "user-agent": "evil/1"}],
            "https_ex": [{"status": 404, "host": "tls.example", "uri": "/x", "dst": "198.51.100.9", "dport": 443, "resp": {"sha1": "0a0b"}}],
            "tls": [{"sni": "sni.example", "ja3_hash": "ja3-of", "dst": "198.51.100.9", "dport": 443, "error": "unknown CA"}],
            "smtp_ex": [{"dst": "198.51.100.10", "dport": 25, "req": {
                "mail_from": "from@a", "mail_to": ["to@b", "to@c"], "username": "mailer", "headers": {"Subject": "loot"},
            }}],
            "irc": [{"dst": "198.51.100.11", "dport": 6667, "command": "JOIN", "params": ["#bots", "key"]}],
            "proxied": [{"host": "proxied.example", "port": 443, "error": "not allowed"}],
            "dead_hosts": [["203.0.113.5", 8443]],
            "tcp": [{"src": "10.0.2.15", "sport": 4000, "dst": "198.51.100.7", "dport": 80, "time": 1.256}],
            "udp": [{"src": "10.0.2.15", "sport": 4001, "dst": "198.51.100.12", "dport": 53, "time": 0.5}],
            "icmp": [{"src": "10.0.2.15", "dst": "198.51.100.13", "type": 8}],
            "packets_cut": true,
        },
        "signatures": [{"name": "autorun", "description": "Installs itself", "severity": 3}],
        "dropped": [{"filepath": "/tmp/out", "name": "0a_out", "type": "data", "size": 2048, "sha256": "dropped-of", "pids": [10, 11], "cut": true}],
        "procmemory": [{"pid": 11, "file": "analyses/7/memory/11-1.dmp", "regions": [{}, {}], "urls": ["http://memory.example/"]}],
        "screenshots": [{"path": "analyses/7/shots/0001.jpg"}, {"path": "analyses/7/shots/0002.jpg"}],
        "debug": {"errors": ["no network"], "log": ["first line", "last line"], "cuckoo": ["host line"]},
    })
}

#[test]
fn everything_that_the_report_tells_is_on_the_page() {
    let (_dir, folder) = folder();
    fs::write(folder.path().join("shots/0001.jpg"), JPEG).unwrap();
    fs::write(folder.path().join("shots/0002.jpg"), "<svg onload=alert(1)>").unwrap();
    let page = page(&folder, &whole());
    for shown in [
        "<title>Analysis 7: demo.sh</title>",
        "1 error<",
        "ran 1 min 5 s",
        "score 0.6",
        "1 signature<",
        "POSIX shell script",
        "20.0 KiB (20480 bytes)",
        "sha256-of",
        "sha1-of",
        "md5-of",
        "sha512-of",
        "3:abc",
        "0A1B2C3D",
        "http://in.example/",
        "2031-04-02 08:20:05 UTC",
        "linux1, QEMU",
        "free=yes",
        "case 12",
        ">ada<",
        "no network",
        "Installs itself",
        "severity 3",
        "ptrace: asks to be traced",
        "--depth:0",
        "--depth:1",
        "10 · after 0.0 s · 7 calls",
        "11 · after 1.5 s · 1 call<",
        "curl c2",
        "17 more calls",
        "42 calls were only counted",
        "/tmp/out",
        "/tmp/a → /tmp/b",
        "<details>\n<summary>Files opened",
        "/etc/passwd",
        "Other <b>1</b> <small>new_group",
        "198.51.100.7",
        "c2.example",
        "asked.example",
        "198.51.100.8",
        "http://c2.example/gate",
        "evil/1",
        "404",
        "tls.example",
        "0a0b",
        "sni.example",
        "ja3-of",
        "unknown CA",
        "from@a",
        "to@b, to@c",
        "mailer",
        "loot",
        "JOIN",
        "#bots key",
        "proxied.example",
        "not allowed",
        "203.0.113.5",
        "8443",
        "10.0.2.15:4000",
        "1.26 s",
        "198.51.100.12:53",
        "198.51.100.13",
        "more packets than",
        "dropped-of 0a_out",
        "2.0 KiB (2048 bytes), cut",
        "10, 11",
        "http://memory.example/",
        "data:image/jpeg;base64,/9j/4CBhIHBpY3R1cmU=",
        "1 of 2 pictures",
        "first line\nlast line",
        "host line",
        "End of cuckoo.log",
        "Harrier 0.1",
    ] {
        assert!(page.contains(shown), "{shown}");
    }
    assert!(!page.contains("onload"));
    // It needs nothing but itself, and does nothing.
    for never in
        ["<script", "<link", "<iframe", "http-equiv", "@import", "url(", "href=\"http", "src=\"http", " on"]
    {
        let harmless = ["function on", " on this page"];
        let left = harmless.iter().fold(page.clone(), |page, word| page.replace(word, ""));
        let found = left.find(never).map(|at| &left[at..left.len().min(at + 40)]);
        let is_attribute = found.is_some_and(|found| {
            never != " on"
                || found[3..].starts_with(|letter: char| letter.is_alphabetic()) && found.contains("=\"")
        });
        assert!(!is_attribute, "{never}: {found:?}");
    }
}

/// Puts a text in place of all others.
fn replace(value: &mut Json, text: &str) {
    match value {
        Json::String(old) if !old.starts_with("analyses/") => *old = text.into(),
        Json::Array(all) => all.iter_mut().for_each(|value| replace(value, text)),
        Json::Object(all) => all.values_mut().for_each(|value| replace(value, text)),
        _ => {}
    }
}

#[test]
fn no_text_of_a_report_reaches_the_page_as_it_is() {
    let (_dir, folder) = folder();
    let hostile = "</code></pre><script>x()</script><img src=x onerror='x()' alt=\"&\u{202e}gpj\u{2066}\0\u{1b}\u{9b}\u{200b}\n";
    let mut report = whole();
    replace(&mut report, hostile);
    report["behavior"]["summary"][hostile] = json!([hostile]);
    let page = page(&folder, &report);
    for never in [
        "<script",
        "<img",
        "onerror='",
        "x()'",
        "alt=\"&",
        "\u{202e}",
        "\u{2066}",
        "\0",
        "\u{1b}",
        "\u{9b}",
        "\u{200b}",
        "</code></pre>",
    ] {
        assert!(!page.contains(never), "{never:?}");
    }
    let shown = "&#60;/code&#62;&#60;/pre&#62;&#60;script&#62;x()&#60;/script&#62;&#60;img src=x onerror=&#39;x()&#39; alt=&#34;&#38;\
        \\u{202e}gpj\\u{2066}\\u{0000}\\u{001b}\\u{009b}\\u{200b}\\n";
    assert!(page.contains(shown));
    // In each place: once for each text of the report that is shown.
    assert!(page.matches(shown).count() > 75, "{}", page.matches(shown).count());
    for tag in ["code", "li", "td", "section", "dd"] {
        assert_eq!(
            page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count(),
            page.matches(&format!("</{tag}>")).count(),
            "{tag}"
        );
    }
}

#[test]
fn a_report_of_nothing_and_one_of_nonsense_have_a_page() {
    let (_dir, folder) = folder();
    let empty = page(&folder, &json!({}));
    assert!(
        empty.contains("ended without errors")
            && !empty.contains("score")
            && !empty.contains("id=\"network\"")
    );
    let mut report = whole();
    for part in report.as_object_mut().unwrap().values_mut() {
        *part = json!([1, {"a": null}, [[]]]);
    }
    page(&folder, &report);
    report.as_object_mut().unwrap().values_mut().for_each(|part| *part = json!("text"));
    page(&folder, &report);
}

#[test]
fn the_page_of_a_huge_report_is_small_and_tells_what_is_missing() {
    let (_dir, folder) = folder();
    let mut report = whole();
    let long = "<&>\u{202e}".repeat(400);
    let entries = json!(vec![long; 10_000]);
    report["behavior"]["summary"]["file_written"] = entries.clone();
    report["debug"]["log"] = entries.clone();
    report["debug"]["errors"] = entries.clone();
    report["network"]["hosts"] = entries.clone();
    let process = report["behavior"]["processtree"][0].clone();
    report["behavior"]["processtree"] = json!(vec![process; 5000]);
    report["screenshots"] =
        (0..1000).map(|at| json!({"path": format!("analyses/7/shots/{at:04}.jpg")})).collect();
    let shot = |at: usize| folder.path().join(format!("shots/{at:04}.jpg"));
    fs::write(shot(0), [JPEG, &vec![7; 900 << 10]].concat()).unwrap();
    (1..1000).for_each(|at| fs::hard_link(shot(0), shot(at)).unwrap());
    let size = page(&folder, &report).len();
    assert!(size < 14 << 20, "{size}");
    let page = page(&folder, &report);
    for told in [
        "and 9900 more</p>",
        "after 9850 other lines",
        "and 9700 more processes",
        "994 of 1000 pictures are not on this page",
    ] {
        assert!(page.contains(told), "{told}");
    }
}

#[test]
fn a_page_that_cannot_be_written_leaves_none_of_before() {
    let (_dir, folder) = folder();
    page(&folder, &whole());
    fs::remove_file(folder.path().join(PAGE)).unwrap();
    fs::create_dir(folder.path().join(PAGE)).unwrap();
    assert!(write(&folder, whole().as_object().unwrap()).is_err());
    assert_eq!(fs::read_dir(folder.path().join("reports")).unwrap().count(), 1, "a part of a page was left");
}
