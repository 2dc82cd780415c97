//! What users did, as others see it; and names into numbers.

mod common;

use common::Server;
use serde_json::{Value as Json, json};
use store::fleet::activity;
use store::rights::Role;

#[tokio::test]
async fn activities_name_who_did_what_and_outlive_the_user() {
    let server = Server::start().await;
    let eve = server.user(Role::Maintainer).await;
    let id = u32::try_from(eve.id).unwrap();
    let write = move |tx: &mut store::db::Tx<'_>| {
        activity::record(tx, (1, "Ada"), "created_pack", &json!({"pack_id": 1, "pack_name": "p"}))?;
        activity::record(tx, (id, "Eve"), "applied_spec_pack", &Json::Null)
    };
    server.fleet.db.write(write).await.unwrap();
    let mut all = server.admin.get("activities").await.ok()["activities"].clone();
    let first = all[0].as_object_mut().unwrap();
    assert!(first.shift_remove("created_at").unwrap().is_string());
    let expected = json!({
        "id": 1, "actor_full_name": "Ada", "actor_id": 1, "actor_gravatar": "", "actor_email": "ada@example.org",
        "type": "created_pack", "details": {"pack_id": 1, "pack_name": "p"},
    });
    assert_eq!(all[0], expected);
    assert_eq!((&all[1]["actor_full_name"], &all[1]["details"]), (&json!("Eve"), &Json::Null));
    server.admin.delete(&format!("users/{id}")).await.ok();
    let path = "activities?order_key=created_at&order_direction=desc&per_page=1";
    let gone = server.admin.get(path).await.ok()["activities"][0].clone();
    assert_eq!(
        (&gone["actor_full_name"], gone.get("actor_id"), gone.get("actor_email")),
        (&json!("Eve"), None, None)
    );
    let team = server.team("Blue").await;
    server.user(Role::Observer).await.get("activities").await.ok();
    server.team_user(team, Role::Admin).await.get("activities").await.refused(403);
}

#[tokio::test]
async fn names_become_numbers_of_what_the_caller_sees() {
    let server = Server::start().await;
    let team = server.team("Blue").await;
    let host = server.host("db01").await;
    let item = |kind: &str, name: &str| json!({"type": kind, "payload": {"identifier": name, "id": 0}});
    let asked = json!({"list": [
        item("host", "db01"), item("host", "uuid-db01"), item("label", "all hosts"), item("team", "BLUE"),
        item("user", "Ada@example.org"),
    ]});
    let answer = server.admin.post("translate", asked.clone()).await.ok();
    let mut expected = asked;
    for (n, id) in [host.host_id, host.host_id, 6, team, 1].into_iter().enumerate() {
        expected["list"][n]["payload"]["id"] = id.into();
    }
    assert_eq!(answer, expected);
    let ask = |kind: &str, name: &str| json!({"list": [item(kind, name)]});
    let answer = server.admin.post("translate", ask("pack", "x")).await;
    assert_eq!((answer.status, &answer.body["code"]), (422, &json!(3)));
    for (kind, name) in
        [("host", "nope"), ("host", ""), ("label", "nope"), ("team", "nope"), ("user", "nope")]
    {
        server.admin.post("translate", ask(kind, name)).await.refused(404);
    }
    // What one does not see is not there.
    let red = server.team("Red").await;
    let outsider = server.team_user(red, Role::Observer).await;
    for (kind, name) in [("host", "db01"), ("team", "Blue"), ("user", "ada@example.org")] {
        outsider.post("translate", ask(kind, name)).await.refused(404);
    }
    outsider.post("translate", ask("team", "red")).await.ok();
    outsider.post("translate", ask("label", "macOS")).await.ok();
    assert_eq!(server.admin.post("translate", json!({})).await.ok(), json!({"list": []}));
}
