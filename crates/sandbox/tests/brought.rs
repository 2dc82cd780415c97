//! Images of the owner's, run by Harrier: a disk with a boot loader, a Linux for any hardware and an agent of Cuckoo's protocol, on
//! several kinds of machines. Where QEMU is missing, the tests say so and pass.

mod common;
mod server;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use common::{data_dir, internet_program, qemu};
use sandbox::remote::{Configuration, Host, check, snapshot};
use serde_json::{Value as Json, json};
use server::{Server, listener};
use sha2::{Digest as _, Sha256};

/// Not a test of its own: what the tests below run in a process of its own.
#[test]
#[ignore = "it is started by other tests"]
fn internet_process() {
    sandbox::internet::run().unwrap();
}

/// What the image is made of.
const PARTS: [&str; 4] = ["agent.py", "image.sh", "init", "lease"];

/// The image, made once and kept as long as its parts are the same.
fn image() -> &'static Path {
    static IMAGE: OnceLock<PathBuf> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/brought");
        let mut sum = Sha256::new();
        PARTS.iter().for_each(|part| sum.update(std::fs::read(from.join(part)).unwrap()));
        let key: String = sum.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        let folder = data_dir().unwrap().join("brought");
        let path = folder.join(format!("{key}.qcow2"));
        if !path.exists() {
            eprintln!("making a disk with Debian and a boot loader, which takes a minute or two");
            let _ = std::fs::remove_dir_all(&folder);
            std::fs::create_dir_all(&folder).unwrap();
            let made = Command::new("sh").arg(from.join("image.sh")).args([&from, &path]).status().unwrap();
            assert!(made.success());
        }
        path
    })
}

fn machine(name: &str, more: Json) -> Json {
    let mut machine = json!({"name": name, "kind": "qemu", "platform": "linux", "image": image()});
    for (key, value) in more.as_object().unwrap() {
        machine[key] = value.clone();
    }
    machine
}

fn host() -> Option<Host> {
    Some(Host { qemu: qemu()?, internet: internet_program() })
}

/// A sandbox with these machines, and with the analyzer that belongs to the image.
async fn start(host: Host, machines: &[Json]) -> Server {
    let dir = tempfile::tempdir().unwrap();
    let analyzer = dir.path().join("analyzer");
    std::fs::create_dir(&analyzer).unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/brought/analyzer.py");
    std::fs::copy(from, analyzer.join("analyzer.py")).unwrap();
    let section = json!({"analyzers": {"linux": analyzer}, "machines": machines});
    Server::run(dir, section, listener().await, Ok(host), 120).await
}

const SAMPLE: &str = "#!/bin/sh
echo on $(awk '$2 == \"/\" {print $1}' /proc/mounts) $(basename $(readlink /sys/class/net/eth0/device/driver)) $(date +%Y)
[ -d /sys/firmware/efi ] && echo firmware uefi
/bin/ip -4 -o addr show eth0
curl -sS -m 60 http://c2.example/gate.php
curl -sS -m 5 http://10.0.2.2:2043/ >/dev/null && echo another port answers
echo loot >/tmp/dropped
";

/// What a run of the sample on this machine left: the task, the report, the analyzer's log.
async fn run(server: &Server, machine: &str, fields: &[(&'static str, &str)]) -> (u64, Json, String) {
    let fields = [&[("machine", machine), ("timeout", "120")], fields].concat();
    let task = server.submit("sample.sh", SAMPLE.as_bytes(), &fields).await;
    let shown = server.ended(task).await;
    assert_eq!(
        (&shown["status"], &shown["errors"]),
        (&json!("reported"), &json!([])),
        "{}\n{}",
        server.file(task, "cuckoo.log"),
        server.file(task, "analysis.log")
    );
    let report = server.json(&format!("tasks/report/{task}")).await;
    (task, report, server.file(task, "analysis.log"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_boots_on_the_hardware_that_it_was_made_for_and_is_not_written_to() {
    let Some(host) = host() else { return };
    let before = std::fs::metadata(image()).unwrap();
    let usual = json!({"hardware": {"memory": 512, "cpus": 1, "disk": "sata", "machine": "q35"}});
    let server = start(host, &[machine("usual", usual)]).await;
    let (task, report, log) =
        run(&server, "usual", &[("clock", "04-07-2031 16:20:05"), ("memory", "yes")]).await;
    assert!(log.contains("sample: on /dev/sda1 e1000 2031") && log.contains("10.0.2.15/24"), "{log}");
    assert!(log.contains("c2.example is up"), "{log}");
    assert_eq!(report["info"]["machine"]["manager"], "QEMU");
    let dropped = &report["dropped"][0];
    assert_eq!((&dropped["filepath"], &dropped["size"]), (&json!("/tmp/dropped"), &json!(5)));
    assert!(!report["screenshots"].as_array().unwrap().is_empty());
    assert!(server.bytes(task, "memory.dmp").starts_with(b"\x7fELF"));
    // What the sample did is in the capture; what the agent and the analyzer did is not.
    let network = &report["network"];
    assert!(network["domains"].to_string().contains("c2.example"), "{network:#}");
    let ports: Vec<_> =
        network["tcp"].as_array().unwrap().iter().map(|flow| (&flow["sport"], &flow["dport"])).collect();
    assert!(ports.iter().all(|(from, to)| **from != 8000 && **to != 8000 && **to != 2042), "{ports:?}");
    let after = std::fs::metadata(image()).unwrap();
    assert_eq!((before.len(), before.modified().unwrap()), (after.len(), after.modified().unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_with_an_address_of_its_own_is_reached_there() {
    let Some(host) = host() else { return };
    let fixed = json!({
        "ip": "172.16.9.9", "resultserver_ip": "172.16.0.1", "prefix": 16, "resultserver_port": 2049,
        "hardware": {"memory": 512, "cpus": 1, "machine": "pc", "disk": "ide", "mac": "52:54:00:ac:10:09"}
    });
    let server = start(host, &[machine("fixed", fixed)]).await;
    let listed = &server.json("machines/list").await["machines"][0];
    assert_eq!(
        (&listed["ip"], &listed["resultserver_ip"], &listed["resultserver_port"]),
        (&json!("172.16.9.9"), &json!("172.16.0.1"), &json!("2049"))
    );
    let begun = std::time::Instant::now();
    let (_, report, log) = run(&server, "fixed", &[]).await;
    eprintln!("with ide and an address of its own {:?}", begun.elapsed());
    assert!(log.contains("sample: on /dev/sda1 e1000") && log.contains("172.16.9.9/16"), "{log}");
    assert!(log.contains("c2.example is up"), "{log}");
    assert_eq!(report["dropped"][0]["filepath"], "/tmp/dropped");
    let udp = report["network"]["udp"].as_array().unwrap();
    assert!(udp.iter().any(|flow| flow["src"] == "172.16.9.9" && flow["dst"] == "172.16.0.1"), "{udp:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_boots_by_uefi() {
    let Some(host) = host() else { return };
    let hardware = json!({"memory": 512, "cpus": 1, "machine": "q35", "firmware": "uefi", "nic": "e1000e"});
    let uefi = machine("uefi", json!({"hardware": hardware}));
    // Where the firmware is missing, it is the configuration that says so.
    if let Err(why) = Configuration::read(json!({"machines": [uefi]})) {
        assert!(why.contains("Debian's package is ovmf"), "{why}");
        eprintln!("skipped: {why}; `cargo xtask setup` installs it");
        return;
    }
    let server = start(host, &[uefi]).await;
    let begun = std::time::Instant::now();
    let (_, report, log) = run(&server, "uefi", &[]).await;
    eprintln!("by uefi {:?}", begun.elapsed());
    assert!(log.contains("sample: on /dev/sda1 e1000e") && log.contains("firmware uefi"), "{log}");
    assert_eq!(report["dropped"][0]["filepath"], "/tmp/dropped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_state_is_gone_on_from_until_the_machine_changes() {
    let Some(host) = host() else { return };
    let hardware =
        json!({"hardware": {"memory": 384, "cpus": 1, "disk": "virtio", "nic": "rtl8139", "vga": "cirrus"}});
    let saved = machine("saved", hardware);
    let read =
        |machine: &Json| Configuration::read(json!({"machines": [machine]})).unwrap().machines.remove(0);
    let (one, begun) = (read(&saved), std::time::Instant::now());
    snapshot(&host, &one, Duration::from_secs(1)).await.unwrap();
    eprintln!("snapshot {:?}", begun.elapsed());
    let found = check(&host, &one).await.unwrap();
    eprintln!("restored {found:?}");
    assert!(found.is_restored && found.version == "0.10", "{found:?}");
    let mut other = saved.clone();
    other["hardware"]["vga"] = json!("std");
    assert!(host.qemu.has_snapshot(&one.brought().unwrap()));
    assert!(!host.qemu.has_snapshot(&read(&other).brought().unwrap()), "another machine");
    let server = start(host, &[saved]).await;
    // Twice: the first run left nothing in the second.
    for _ in 0..2 {
        let (task, report, log) = run(&server, "saved", &[("options", "route=drop")]).await;
        assert!(server.file(task, "cuckoo.log").contains("goes on from its saved state"));
        assert!(log.contains("sample: on /dev/vda1 8139"), "{log}");
        assert!(!log.contains("c2.example is up") && log.contains("Could not resolve host"), "{log}");
        assert_eq!(report["dropped"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_run_says_why() {
    let Some(host) = host() else { return };
    let dir = data_dir().unwrap().join("brought-wrong");
    std::fs::create_dir_all(&dir).unwrap();
    let img = |args: &[&str]| {
        assert!(Command::new("qemu-img").args(args).current_dir(&dir).status().unwrap().success())
    };
    img(&["create", "-q", "-f", "raw", "raw.img", "1M"]);
    img(&["create", "-q", "-f", "qcow2", "empty.qcow2", "1M"]);
    img(&["create", "-q", "-f", "qcow2", "-b", "empty.qcow2", "-F", "qcow2", "child.qcow2"]);
    img(&["create", "-q", "-f", "qcow2", "private.qcow2", "1M"]);
    let private = dir.join("private.qcow2");
    std::fs::set_permissions(&private, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let at = |name: &str, file: &str| {
        machine(name, json!({"image": dir.join(file), "boot_timeout": 4, "hardware": {"memory": 128}}))
    };
    let machines = [
        at("raw", "raw.img"),
        at("child", "child.qcow2"),
        at("private", "private.qcow2"),
        at("missing", "missing.qcow2"),
        at("empty", "empty.qcow2"),
    ];
    let has_account = host.qemu.account().is_some();
    let server = start(host, &machines).await;
    for (name, expected) in [
        ("raw", "qemu-img convert"),
        ("child", "it needs another file, empty.qcow2"),
        ("private", "chmod o+r"),
        ("missing", "No such file"),
        ("empty", "no agent answered at 10.0.2.15:8000 within 4 s: it "),
    ] {
        if name == "private" && !has_account {
            continue;
        }
        let task = server.submit("sample.sh", SAMPLE.as_bytes(), &[("machine", name)]).await;
        let errors = server.ended(task).await["errors"].to_string();
        assert!(errors.contains(expected), "{name}: {errors}");
    }
}
