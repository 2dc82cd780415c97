//! Searching, changing and keeping clients.

use super::*;
use std::os::unix::fs::MetadataExt;

fn clients() -> (tempfile::TempDir, Clients) {
    let dir = tempfile::tempdir().unwrap();
    let clients = Clients::open(dir.path().join("clients")).unwrap();
    (dir, clients)
}

fn client(id: &str, host: &str, labels: &[&str]) -> Client {
    Client {
        client_id: id.into(),
        os_info: Uname {
            hostname: host.into(),
            fqdn: format!("{host}.example.com"),
            mac_addresses: vec!["00:11:22:33:44:55".into()],
            ..Uname::default()
        },
        labels: labels.iter().map(|l| (*l).into()).collect(),
        last_ip: "192.0.2.7:1234".into(),
        ..Client::default()
    }
}

fn found(clients: &Clients, search: &str) -> Vec<String> {
    clients.search(&Search::parse(search)).iter().map(|c| c.client_id.clone()).collect()
}

#[test]
fn searches_find_by_name_label_and_address() {
    let (_dir, clients) = clients();
    clients.add(client("C.1", "web", &["Prod"])).unwrap();
    clients.add(Client { last_seen_at: 9, ..client("C.2", "db", &["production"]) }).unwrap();
    for (search, wanted) in [
        ("all", &["C.1", "C.2"][..]),
        ("", &["C.1", "C.2"]),
        ("recent:", &["C.2", "C.1"]),
        ("label:prod", &["C.1"]),
        ("label:Prod*", &["C.1", "C.2"]),
        ("host:WEB", &["C.1"]),
        ("host:web.example.com", &["C.1"]),
        ("host:*.example.com", &["C.1", "C.2"]),
        ("host:we", &[]),
        ("we", &["C.1"]),
        ("c.2", &["C.2"]),
        ("client:C.2", &["C.2"]),
        ("client:C.", &[]),
        ("mac:00:11:*", &["C.1", "C.2"]),
        ("ip:192.0.2.7", &["C.1", "C.2"]),
        ("ip:192.0.2.8", &[]),
    ] {
        assert_eq!(found(&clients, search), wanted, "{search}");
    }
}

#[test]
fn records_and_the_index_follow_changes_and_come_back() {
    let (dir, clients) = clients();
    clients.add(client("C.1", "web", &["a"])).unwrap();
    assert!(matches!(clients.add(client("C.1", "x", &[])), Err(Error::ClientKnown(_))));
    clients
        .update("C.1", |c| {
            assert!(c.remove_label("A") && c.add_label("b") && !c.add_label("B"));
        })
        .unwrap();
    assert!(found(&clients, "label:a").is_empty());
    let again = Clients::open(dir.path().join("clients")).unwrap();
    assert_eq!(again.find("C.1"), clients.find("C.1"));
    assert_eq!(found(&again, "label:b"), ["C.1"]);
    assert!(clients.remove("C.1").unwrap() && !clients.remove("C.1").unwrap());
    assert!(found(&clients, "host:web").is_empty());
    assert!(matches!(clients.update("C.1", |_| ()), Err(Error::ClientUnknown(_))));
}

#[test]
fn what_does_not_change_is_not_written() {
    let (dir, clients) = clients();
    clients.add(client("C.1", "web", &[])).unwrap();
    let inode = || fs::metadata(dir.path().join("clients/C.1.json")).unwrap().ino();
    let before = inode();
    clients.update("C.1", |c| c.last_seen_at = 0).unwrap();
    assert_eq!(inode(), before);
    clients.update("C.1", |c| c.last_seen_at = 1).unwrap();
    assert_ne!(inode(), before);
}

#[test]
fn a_damaged_record_does_not_hide_the_others() {
    let (dir, clients) = clients();
    clients.add(client("C.1", "web", &[])).unwrap();
    fs::write(dir.path().join("clients/C.2.json"), b"{").unwrap();
    let again = Clients::open(dir.path().join("clients")).unwrap();
    assert_eq!(found(&again, "all"), ["C.1"]);
}

#[test]
fn ids_that_could_mislead_are_refused() {
    let (_dir, clients) = clients();
    for id in ["", "server", "C.", "C.../x", "c.1", "C.a b", &format!("C.{}", "x".repeat(70))] {
        assert!(matches!(clients.add(client(id, "web", &[])), Err(Error::NameInvalid { .. })), "{id}");
    }
    check_id(&clients.new_id().unwrap()).unwrap();
}
