//! What agents log is found again by host and query, by those who may see the host.

mod common;

use common::{Agent, Answer, Server, User};
use serde_json::{Value as Json, json};
use store::rights::Role;

async fn log(agent: &Agent, kind: &str, lines: Json) {
    assert_eq!(agent.call("log", json!({"log_type": kind, "data": lines})).await, json!({}));
}

fn line(name: &str, n: u64) -> Json {
    json!({"name": name, "hostIdentifier": "forged", "unixTime": 7, "columns": {"n": n.to_string()}, "action": "added"})
}

/// The numbers in lines.
fn ns(answer: &Json) -> Vec<u64> {
    let rows = answer["results"].as_array().unwrap().iter();
    rows.map(|row| row["line"]["columns"]["n"].as_str().unwrap().parse().unwrap()).collect()
}

async fn host_results(user: &User, agent: &Agent, query: &str) -> Answer {
    user.get(&format!("hosts/{}/results?{query}", agent.host_id)).await
}

#[tokio::test]
async fn results_of_a_host_come_newest_first_and_page_by_page() {
    let server = Server::start().await;
    let (a, b) = (server.host("a").await, server.host("b").await);
    for n in 0..10 {
        let name = ["pack/inventory/usb", "uptime"][n as usize % 2];
        log(&a, "result", json!([line(name, n)])).await;
        log(&b, "result", json!([line(name, 100 + n)])).await;
    }
    let all = host_results(&server.admin, &a, "").await.ok();
    assert_eq!(ns(&all), (0..10).rev().collect::<Vec<_>>());
    assert_eq!(all["meta"], json!({"has_next_results": false}));
    let newest = &all["results"][0];
    assert_eq!((&newest["host_id"], &newest["name"]), (&json!(a.host_id), &json!("uptime")));
    assert_eq!(newest["line"], line("uptime", 9));
    for query in ["usb", "pack%2Finventory%2Fusb"] {
        let usb = host_results(&server.admin, &a, &format!("query={query}")).await.ok();
        assert_eq!(ns(&usb), [8, 6, 4, 2, 0], "{query}");
    }
    assert_eq!(ns(&host_results(&server.admin, &a, "query=pack%2Fother%2Fusb").await.ok()), [0; 0]);
    let (mut after, mut found) = (String::new(), Vec::new());
    loop {
        let page = host_results(&server.admin, &a, &format!("per_page=3{after}")).await.ok();
        found.extend(ns(&page));
        let Some(next) = page["meta"]["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(found, (0..10).rev().collect::<Vec<_>>());
    let none = host_results(&server.admin, &a, "until=2020-01-01T00:00:00Z").await.ok();
    assert_eq!(ns(&none), [0; 0]);
    assert_eq!(ns(&host_results(&server.admin, &a, "since=1577836800").await.ok()).len(), 10);
    host_results(&server.admin, &a, "after=7").await.refused(422);
    host_results(&server.admin, &a, "after=00000000000000ab-1").await.refused(422);
    host_results(&server.admin, &a, "since=yesterday").await.refused(422);
    host_results(&server.admin, &a, "per_page=1001").await.refused(400);
    assert_eq!(server.admin.get("hosts/999/results").await.status, 404);
}

#[tokio::test]
async fn status_lines_are_a_log_of_their_own() {
    let server = Server::start().await;
    let agent = server.host("a").await;
    log(&agent, "status", json!([{"severity": "1", "message": "slow"}])).await;
    log(&agent, "result", json!([line("q", 1)])).await;
    let told = server.admin.get(&format!("hosts/{}/status_logs", agent.host_id)).await.ok();
    assert_eq!(told["status_logs"][0]["line"], json!({"severity": "1", "message": "slow"}));
    assert_eq!(told["status_logs"][0]["name"], Json::Null);
    assert_eq!(told["status_logs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn results_of_a_query_are_those_of_hosts_that_the_user_sees() {
    let server = Server::start().await;
    let blue = server.team("Blue").await;
    let (a, b) = (server.host("a").await, server.host("b").await);
    server.admin.post("hosts/transfer", json!({"team_id": blue, "hosts": [a.host_id]})).await.ok();
    let query = json!({"name": "usb", "query": "select 1"});
    let id = server.admin.post("queries", query).await.ok()["query"]["id"].clone();
    let pack = json!({"name": "p", "queries": [{"query": "usb", "name": "sticks", "interval": 60}]});
    server.admin.post("spec/packs", json!({"specs": [pack]})).await.ok();
    log(&a, "result", json!([line("pack/p/sticks", 1), line("pack/p/other", 2), line("pack/Global/usb", 3)]))
        .await;
    log(&b, "result", json!([line("pack/p/sticks", 4), line("pack/q/sticks", 5)])).await;
    let path = format!("queries/{id}/results");
    assert_eq!(ns(&server.admin.get(&path).await.ok()), [4, 3, 1]);
    assert_eq!(ns(&server.user(Role::Observer).await.get(&path).await.ok()), [4, 3, 1]);
    let member = server.team_user(blue, Role::Observer).await;
    assert_eq!(ns(&member.get(&path).await.ok()), [3, 1]);
    assert_eq!(ns(&host_results(&member, &a, "").await.ok()), [3, 2, 1]);
    assert_eq!(host_results(&member, &b, "").await.status, 403);
    assert_eq!(member.get(&format!("hosts/{}/status_logs", b.host_id)).await.status, 403);
    assert_eq!(
        server.admin.get("queries/999/results").await.refused(404),
        "Query 999 was not found in the datastore"
    );
}

#[tokio::test]
async fn a_batch_with_something_else_than_objects_is_refused_as_a_whole() {
    let server = Server::start().await;
    let agent = server.host("a").await;
    let refused = agent.call("log", json!({"log_type": "result", "data": [line("q", 1), 7]})).await;
    assert!(refused["error"].as_str().unwrap().contains("unmarshalling result logs"), "{refused}");
    assert_eq!(ns(&host_results(&server.admin, &agent, "").await.ok()), [0; 0]);
}

#[tokio::test]
async fn logged_lines_reach_the_default_files_and_the_numbers_say_so() {
    let server = Server::start_with(|settings| settings.metrics_login = Some(("m".into(), "m".into()))).await;
    let agent = server.host("a").await;
    log(&agent, "result", json!([line("q", 1), line("q", 2)])).await;
    let path = server.dir.path().join("logs/fleet_result.log");
    let wanted = format!("{}\n{}\n", line("q", 1), line("q", 2));
    for _ in 0..500 {
        if std::fs::read_to_string(&path).is_ok_and(|text| text == wanted) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), wanted);
    let metrics = server.fleet.metrics.text(&server.fleet);
    for line in [
        "harrier_forward_lag_rows{destination=\"files\",log=\"result\"} 0",
        "harrier_forward_rows_total{destination=\"files\",log=\"result\"} 2",
        "harrier_forward_dropped_rows_total{destination=\"files\",log=\"status\"} 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
}
