//! What agents may do, and what becomes of their answers.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::Server;
use parking_lot::Mutex;
use serde_json::{Value as Json, json};
use store::db::DbError;

async fn count(server: &Server, sql: &'static str) -> i64 {
    let count = server.fleet.db.read::<_, DbError, _>(move |tx| tx.value::<i64>(sql, &[])).await;
    count.unwrap().unwrap()
}

#[tokio::test]
async fn details_fill_the_host_and_what_hangs_off_it() {
    let server = Server::start().await;
    let agent = server.host("db01").await;
    let program =
        |name: &str, version: &str| json!({"name": name, "version": version, "source": "deb_packages"});
    let answers = [
        ("fleet_detail_query_uptime", json!([{"total_seconds": "7"}])),
        (
            "fleet_detail_query_users",
            json!([{"uid": "0", "username": "root", "groupname": "root", "shell": "/bin/sh"}]),
        ),
        (
            "fleet_detail_query_software_linux",
            json!([program("bash", "5.2"), program("", "1"), program("tar", "1.34")]),
        ),
    ];
    let asked = agent.work(&answers).await;
    assert!(asked.get("fleet_detail_query_software_macos").is_none(), "{asked:#}");
    assert!(asked.get("fleet_label_query_6").is_some() && asked.get("fleet_detail_query_users").is_some());
    assert_eq!(count(&server, "SELECT COUNT(*) FROM host_users").await, 1);
    assert_eq!(count(&server, "SELECT COUNT(*) FROM host_software").await, 2);
    assert_eq!(count(&server, "SELECT uptime FROM hosts").await, 7_000_000_000);
    server.admin.post(&format!("hosts/{}/refetch", agent.host_id), json!({})).await.ok();
    agent.work(&[("fleet_detail_query_software_linux", json!([program("bash", "5.3")]))]).await;
    assert_eq!(count(&server, "SELECT COUNT(*) FROM host_software").await, 1);
    assert_eq!(count(&server, "SELECT COUNT(*) FROM host_users").await, 0);
}

#[tokio::test]
async fn nothing_is_written_that_was_not_asked() {
    let server = Server::start().await;
    let (asked, silent) = (server.host("asked").await, server.host("silent").await);
    let forged = json!({
        "fleet_detail_query_system_info": [{"hostname": "forged"}],
        "fleet_label_query_12": [{"1": "1"}],
        "fleet_policy_query_1": [{"1": "1"}],
        "fleet_additional_query_x": [{"a": "b"}],
        "nonsense": [],
        "fleet_label_query_x": [],
    });
    let answer = silent.call("distributed/write", json!({"queries": forged, "statuses": {}})).await;
    assert_eq!(answer, json!({}));
    assert_eq!(count(&server, "SELECT COUNT(*) FROM hosts WHERE hostname = 'forged'").await, 0);
    assert_eq!(count(&server, "SELECT COUNT(*) FROM label_membership WHERE label_id = 12").await, 0);
    let refused = server.fleet.agents.refused.lock().clone();
    assert_eq!(refused.values().sum::<u64>(), 6, "{refused:?}");
    // A live query of another host: its number is known, and yet nothing of it reaches the reader.
    let body = json!({"query": "select 1", "selected": {"hosts": [asked.host_id]}});
    let campaign = server.admin.post("queries/run", body).await.ok()["campaign"]["id"].clone();
    let name = format!("fleet_distributed_query_{campaign}");
    silent.call("distributed/write", json!({"queries": {&name: [{"x": "1"}]}, "statuses": {&name: 0}})).await;
    let id = u32::try_from(campaign.as_u64().unwrap()).unwrap();
    assert_eq!(server.fleet.live.find(id).unwrap().answers(), 0);
    asked.work(&[]).await;
    assert_eq!(server.fleet.live.find(id).unwrap().answers(), 1);
    // And the same answer again counts once.
    asked.call("distributed/write", json!({"queries": {&name: []}, "statuses": {&name: 0}})).await;
    assert_eq!(server.fleet.live.find(id).unwrap().answers(), 1);
}

#[tokio::test]
async fn labels_follow_answers_and_failures_change_nothing() {
    let server = Server::start().await;
    let agent = server.host("labelled").await;
    agent
        .work(&[("fleet_label_query_8", json!([{"1": "1"}])), ("fleet_label_query_6", json!([{"1": "1"}]))])
        .await;
    assert_eq!(count(&server, "SELECT COUNT(*) FROM label_membership").await, 2);
    server.admin.post(&format!("hosts/{}/refetch", agent.host_id), json!({})).await.ok();
    agent.call("distributed/read", json!({})).await;
    let statuses = json!({"fleet_label_query_8": 1, "fleet_label_query_6": "1"});
    agent
        .call("distributed/write", json!({"queries": {"fleet_label_query_8": ""}, "statuses": statuses}))
        .await;
    assert_eq!(count(&server, "SELECT COUNT(*) FROM label_membership").await, 2);
    agent
        .call(
            "distributed/write",
            json!({"queries": {"fleet_label_query_8": []}, "statuses": {"fleet_label_query_8": 0}}),
        )
        .await;
    assert_eq!(count(&server, "SELECT COUNT(*) FROM label_membership").await, 1);
}

#[tokio::test]
async fn an_agent_enrolled_again_is_the_same_host_with_a_new_key() {
    let server = Server::start_with(|settings| settings.enroll_cooldown = 0).await;
    let first = server.host("again").await;
    let second = server.host("again").await;
    assert_eq!(first.host_id, second.host_id);
    let refused = first.call("config", json!({})).await;
    assert_eq!(refused["node_invalid"], json!(true));
    assert!(second.call("config", json!({})).await.get("options").is_some());
}

#[tokio::test]
async fn machines_that_fight_for_a_name_are_told_so() {
    let server = Server::start_with(|settings| settings.enroll_cooldown = 60).await;
    server.host("clone").await;
    let secret = server.admin.get("spec/enroll_secret").await.ok()["spec"]["secrets"][0]["secret"].clone();
    let body = json!({"enroll_secret": secret, "host_identifier": "clone"});
    let answer = server.anonymous().send(http::Method::POST, "/api/osquery/enroll", Some(body)).await;
    let expected = "save enroll failed: host identified by clone enrolling too often";
    assert_eq!(answer.body, json!({"error": expected, "node_invalid": true}));
}

#[tokio::test]
async fn a_file_is_carved_block_by_block_and_a_lost_answer_costs_nothing() {
    let server = Server::start().await;
    let agent = server.host("carver").await;
    let begin =
        json!({"block_count": 2, "block_size": 4, "carve_size": 6, "carve_id": "c", "request_id": "r"});
    let session = agent.call("carve/begin", begin).await["session_id"].clone();
    let block = |number: i64, data: &str| {
        let body = json!({"block_id": number, "session_id": session, "request_id": "r", "data": data});
        let user = server.anonymous();
        async move { user.send(http::Method::POST, "/api/v1/osquery/carve/block", Some(body)).await.body }
    };
    let refused =
        |answer: &Json, text: &str| assert!(answer["error"].as_str().unwrap().contains(text), "{answer}");
    refused(&block(1, "YWJj").await, "block_id does not match expected block (0): 1");
    refused(&block(5, "YWJj").await, "block_id exceeds expected max (1): 5");
    refused(&block(0, "YWJjZGU=").await, "exceeded declared block size");
    assert_eq!(block(0, "YWJjZA==").await, json!({"success": true}));
    assert_eq!(block(0, "YWJjZA==").await, json!({"success": true}));
    refused(&block(0, "eHh4eA==").await, "block_id does not match expected block (1): 0");
    assert_eq!(block(1, "ZWY=").await, json!({"success": true}));
    assert_eq!(count(&server, "SELECT max_block FROM carves").await, 1);
    assert_eq!(std::fs::read(server.dir.path().join("carves/1/archive")).unwrap(), b"abcdef");
}

/// After which something hangs.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn an_idle_agent_is_answered_without_the_database() {
    let server = Server::start().await;
    let agent = server.host("idle").await;
    agent.work(&[]).await;
    agent.work(&[]).await;
    // With the writer busy and every reader taken, an answer can only come from memory.
    let idle = json!({"queries": {}, "discovery": {}});
    assert_eq!(agent.call("distributed/read", json!({})).await, idle);
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = Arc::new(Mutex::new(held));
    let (begun, mut busy) = tokio::sync::mpsc::unbounded_channel();
    let blocked: Vec<_> = (0..16)
        .map(|_| {
            let (db, held, begun) = (server.fleet.db.clone(), held.clone(), begun.clone());
            tokio::spawn(async move {
                let wait = move |_: &mut store::db::Tx<'_>| {
                    let _ = begun.send(());
                    let _ = held.lock().recv();
                    Ok::<_, DbError>(())
                };
                db.read(wait).await.unwrap();
            })
        })
        .collect();
    busy.recv().await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let answer = tokio::time::timeout(PATIENCE, agent.call("distributed/read", json!({}))).await;
    assert_eq!(answer.expect("an answer that waits for the database never comes"), idle);
    assert!(blocked.iter().all(|task| !task.is_finished()), "the readers are busy until now");
    drop(release);
    for task in blocked {
        task.await.unwrap();
    }
}
