//! Hunts, who takes part, and how they are counted.

use super::*;
use crate::client::{Client, Uname};
use crate::flow::FlowState;

fn hunts() -> (tempfile::TempDir, Hunts) {
    let dir = tempfile::tempdir().unwrap();
    let hunts = Hunts::open(dir.path().join("hunts")).unwrap();
    (dir, hunts)
}

fn labels(names: &[&str]) -> Option<Labels> {
    Some(Labels { label: names.iter().map(|n| (*n).into()).collect() })
}

#[test]
fn hunts_and_their_clients_come_back_and_are_counted() {
    let (dir, hunts) = hunts();
    let id = hunts.new_id().unwrap();
    assert!(id.len() == 15 && id.starts_with("H."), "{id}");
    hunts.add(Hunt { hunt_id: id.clone(), ..Hunt::default() }).unwrap();
    let part = |client: &str, flow: &str| Assignment { client_id: client.into(), flow_id: flow.into() };
    hunts.assign(&id, &[part("C.1", "F.1"), part("C.2", "F.2")]).unwrap();
    hunts.assign(&id, &[part("C.1", "F.3")]).unwrap();
    let flow = Flow { state: FlowState::Error, total_collected_rows: 3, ..Flow::default() };
    hunts.count(&id, &flow).unwrap();
    let again = Hunts::open(dir.path().join("hunts")).unwrap();
    let hunt = again.get(&id).unwrap();
    let stats = &hunt.stats;
    assert_eq!((stats.total_clients_scheduled, stats.total_finished_clients), (2, 1));
    assert_eq!((stats.total_clients_with_errors, stats.total_collected_rows), (1, 3));
    assert!(again.has(&id, "C.2").unwrap() && !again.has(&id, "C.3").unwrap());
    assert_eq!(again.assignments(&id).unwrap().len(), 3);
    assert!(again.remove(&id).unwrap() && !again.remove(&id).unwrap());
    assert!(again.assignments(&id).unwrap().is_empty());
    assert!(matches!(again.get(&id), Err(Error::HuntUnknown(_))));
}

#[test]
fn conditions_choose_by_label_and_system() {
    let client = Client {
        os_info: Uname { system: "darwin".into(), ..Uname::default() },
        labels: vec!["Lab".into()],
        ..Client::default()
    };
    let os = |os| Some(OsCondition { os });
    for (condition, wanted) in [
        (Condition::default(), true),
        (Condition { labels: labels(&["other", "lab"]), ..Condition::default() }, true),
        (Condition { labels: labels(&["other"]), ..Condition::default() }, false),
        (Condition { excluded_labels: labels(&["LAB"]), ..Condition::default() }, false),
        (Condition { os: os(Os::Osx), ..Condition::default() }, true),
        (Condition { os: os(Os::Linux), ..Condition::default() }, false),
        (Condition { os: os(Os::All), ..Condition::default() }, true),
    ] {
        assert_eq!(condition.fits(&client), wanted, "{condition:?}");
    }
}

#[test]
fn an_expired_hunt_is_stopped() {
    let hunt = Hunt { state: HuntState::Running, expires: 10, ..Hunt::default() };
    assert!(hunt.is_running(9) && !hunt.is_running(10));
    assert!(hunt.at(10).stats.stopped);
}
