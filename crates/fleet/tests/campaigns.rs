//! How far the hosts of a live query are.

mod common;

use common::Server;
use serde_json::{Value as Json, json};
use store::db::DbError;
use store::rights::Role;

/// Sets when a host was last seen to long ago.
async fn make_offline(server: &Server, host: u64) {
    let host = i64::try_from(host).unwrap();
    let sql = "UPDATE hosts SET seen_time = 0 WHERE id = $1";
    server.fleet.db.write::<_, DbError, _>(move |tx| tx.execute(sql, store::params![host])).await.unwrap();
    server.fleet.agents.forget(u32::try_from(host).unwrap());
}

fn states(answer: &Json) -> Vec<(String, String)> {
    let hosts = answer["hosts"].as_array().unwrap().iter();
    hosts
        .map(|host| (host["hostname"].as_str().unwrap().into(), host["state"].as_str().unwrap().into()))
        .collect()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, state)| ((*name).into(), (*state).into())).collect()
}

#[tokio::test]
async fn nobody_has_to_wonder_who_did_not_answer_and_why() {
    let server = Server::start().await;
    let names = ["answers", "fails", "works", "waits", "away"];
    let mut hosts = Vec::new();
    for name in names {
        let host = server.host(name).await;
        host.work(&[("fleet_detail_query_system_info", json!([{"hostname": name}]))]).await;
        hosts.push(host);
    }
    make_offline(&server, hosts[4].host_id.into()).await;
    let ids: Vec<_> = hosts.iter().map(|host| host.host_id).collect();
    let body = json!({"query": "select 1", "selected": {"hosts": ids}});
    let campaign = server.admin.post("queries/run", body).await.ok()["campaign"]["id"].clone();
    let name = format!("fleet_distributed_query_{campaign}");
    for host in &hosts[..3] {
        assert!(host.call("distributed/read", json!({})).await["queries"].get(&name).is_some());
    }
    let write = |rows: Json, status: u8, message: &str| json!({"queries": {&name: rows}, "statuses": {&name: status}, "messages": {&name: message}});
    hosts[0].call("distributed/write", write(json!([{"1": "1"}]), 0, "")).await;
    hosts[1].call("distributed/write", write(json!([]), 1, "no such table: x")).await;
    let path = format!("campaigns/{campaign}/hosts");
    let answer = server.admin.get(&path).await.ok();
    assert_eq!(answer["status"], "running");
    let expected = [
        ("answers", "answered"),
        ("fails", "failed"),
        ("works", "running"),
        ("waits", "sent"),
        ("away", "offline"),
    ];
    assert_eq!(states(&answer), pairs(&expected));
    assert_eq!(answer["hosts"][1]["error"], "no such table: x");
    let counts = json!({"sent": 1, "running": 1, "answered": 1, "failed": 1, "offline": 1, "timed_out": 0});
    assert_eq!(answer["states"], counts);
    let page = server.admin.get(&format!("{path}?per_page=2&page=1")).await.ok();
    assert_eq!(states(&page), pairs(&expected[2..4]));
    let some = server.admin.get(&format!("{path}?state=offline")).await.ok();
    assert_eq!((states(&some), &some["states"]), (pairs(&expected[4..]), &counts));
    assert!(server.admin.get(&format!("{path}?state=asleep")).await.refused(422).contains("timed_out"));
    // Over, it can still be asked about: those who were on their way are too late.
    fleet::live::complete(&server.fleet, u32::try_from(campaign.as_u64().unwrap()).unwrap()).await;
    let answer = server.admin.get(&path).await.ok();
    assert_eq!(answer["status"], "finished");
    assert_eq!((&answer["states"]["timed_out"], &answer["states"]["offline"]), (&json!(2), &json!(1)));
}

#[tokio::test]
async fn live_queries_of_others_are_for_administrators() {
    let server = Server::start().await;
    let host = server.host("one").await;
    let body = json!({"query": "select 1", "selected": {"hosts": [host.host_id]}});
    let maintainer = server.user(Role::Maintainer).await;
    let of_admin = server.admin.post("queries/run", body.clone()).await.ok()["campaign"]["id"].clone();
    let own = maintainer.post("queries/run", body).await.ok()["campaign"]["id"].clone();
    maintainer.get(&format!("campaigns/{of_admin}/hosts")).await.refused(403);
    maintainer.get(&format!("campaigns/{own}/hosts")).await.ok();
    server.admin.get(&format!("campaigns/{own}/hosts")).await.ok();
    server.admin.get("campaigns/4711/hosts").await.refused(404);
}

#[tokio::test]
async fn the_synchronous_form_says_who_did_not_answer() {
    let server = Server::start_with(|settings| {
        settings.live_query_rest_period = std::time::Duration::from_millis(50);
    })
    .await;
    let host = server.host("silent").await;
    let query = json!({"name": "one", "query": "select 1"});
    let query = server.admin.post("queries", query).await.ok()["query"]["id"].clone();
    let asked = json!({"query_ids": [query], "host_ids": [host.host_id]});
    let answer =
        server.admin.send(reqwest::Method::GET, "/api/latest/fleet/queries/run", Some(asked)).await.ok();
    let result = &answer["live_query_results"][0];
    assert_eq!((&result["results"], &result["unanswered"][0]["state"]), (&Json::Null, &json!("sent")));
}
