//! Packs, the queries in them, and the schedules of all hosts and of teams.

mod common;

use common::Server;
use http::Method;
use serde_json::{Value as Json, json};
use store::rights::Role;

fn seed(text: &str) -> Json {
    serde_json::from_str(text).unwrap()
}

/// Saves queries of these names.
async fn save(server: &Server, names: &[&str]) {
    let specs: Vec<Json> =
        names.iter().map(|name| json!({"name": name, "query": format!("select '{name}'")})).collect();
    server.admin.post("spec/queries", json!({"specs": specs})).await.ok();
}

/// Without what clients take alike: keys of entries that are null.
fn comparable(mut spec: Json) -> Json {
    for entry in spec["queries"].as_array_mut().into_iter().flatten() {
        entry.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    }
    spec
}

#[tokio::test]
async fn specs_are_applied_and_told_as_in_the_seed() {
    let server = Server::start().await;
    assert_eq!(server.admin.get("spec/packs").await.ok(), json!({"specs": []}));
    save(&server, &["new_query", "new_title_for_my_query", "osquery_info", "query1", "osquery_events"]).await;
    // The seed's request names a query that is its own entry's name only.
    let mut request = seed(include_str!("seed/packs_applied.json"));
    let odd = &mut request["specs"][0]["queries"][5];
    assert_eq!((&odd["query"], &odd["name"]), (&json!("osquery_events"), &json!("osquery_events-1")));
    assert_eq!(server.admin.post("spec/packs", request).await.ok(), json!({}));
    // What the seed shows can be applied, and is told again as it is.
    let told = seed(include_str!("seed/packs_told.json"));
    assert_eq!(server.admin.post("spec/packs", told.clone()).await.ok(), json!({}));
    let found = server.admin.get("spec/packs").await.ok()["specs"].take();
    let expected = told["specs"].as_array().unwrap().iter().cloned().map(comparable).collect::<Json>();
    assert_eq!(found, expected);
    let mut one = seed(include_str!("seed/pack_told.json"));
    server.admin.post("spec/packs", json!({"specs": [one["specs"]]})).await.ok();
    one["specs"]["id"] = 1.into();
    assert_eq!(server.admin.get("spec/packs/pack_1").await.ok(), one);
    assert_eq!(
        server.admin.get("spec/packs/pack_9").await.refused(404),
        "Pack pack_9 was not found in the datastore"
    );
    // A pack without anything shows no queries.
    server.admin.post("spec/packs", json!({"specs": [{"name": "bare"}]})).await.ok();
    let bare = json!({"specs": {"id": 3, "name": "bare", "disabled": false, "targets": {"labels": null, "teams": null}}});
    assert_eq!(server.admin.get("spec/packs/bare").await.ok(), bare);
}

#[tokio::test]
async fn applying_replaces_queries_labels_and_teams_and_keeps_hosts() {
    let server = Server::start().await;
    let host = server.host("one").await;
    let team = server.team("Blue").await;
    save(&server, &["a", "b"]).await;
    let targets = json!({"labels": ["all hosts"], "teams": ["Blue"]});
    let spec = json!({"id": 77, "name": "p", "description": "d", "platform": "linux", "disabled": true, "targets": targets, "queries": [{"query": "a", "interval": 10}]});
    server.admin.post("spec/packs", json!({"specs": [spec]})).await.ok();
    server.admin.patch("packs/1", json!({"host_ids": [host.host_id]})).await.ok();
    let before = server.admin.get("packs/1").await.ok()["pack"].take();
    assert_eq!(
        (&before["label_ids"], &before["team_ids"], &before["host_ids"]),
        (&json!([6]), &json!([team]), &json!([host.host_id]))
    );
    assert_eq!(before["hosts"], json!([{"type": "host", "id": host.host_id, "display_text": "one"}]));
    assert_eq!((&before["query_count"], &before["total_hosts_count"]), (&json!(1), &json!(1)));
    // Everything absent is the default; hosts cannot be named in specs, and stay.
    server
        .admin
        .post(
            "spec/packs",
            json!({"specs": [{"name": "P", "queries": [{"query": "b", "name": "c", "interval": 5}]}]}),
        )
        .await
        .ok();
    let after = server.admin.get("packs/1").await.ok()["pack"].take();
    assert_eq!(
        (&after["label_ids"], &after["team_ids"], &after["host_ids"]),
        (&json!([]), &json!([]), &json!([host.host_id]))
    );
    assert_eq!(
        (&after["name"], after.get("description"), after.get("platform"), &after["disabled"]),
        (&json!("P"), None, None, &json!(false))
    );
    let queries = server.admin.get("packs/1/scheduled").await.ok()["scheduled"].take();
    assert_eq!(
        (
            queries.as_array().unwrap().len(),
            &queries[0]["id"],
            &queries[0]["name"],
            &queries[0]["query_name"]
        ),
        (1, &json!(2), &json!("c"), &json!("b"))
    );
    let wrong = [
        (
            json!({"name": "x", "queries": [{"query": "z", "interval": 1}]}),
            422,
            "cannot schedule unknown query 'z'",
        ),
        (json!({"name": "x", "targets": {"labels": ["nobody"]}}), 422, "there is no label 'nobody'"),
        (json!({"name": "x", "targets": {"teams": ["Red"]}}), 422, "there is no team 'Red'"),
        (
            json!({"name": "x", "queries": [{"query": "a"}, {"query": "a"}]}),
            409,
            "ScheduledQuery \"a\" already exists",
        ),
        (json!({"name": " "}), 422, "pack name must not be empty"),
        (json!({"name": "x", "queries": [{"query": "a", "shard": 101}]}), 422, "must be 100 at most"),
    ];
    for (spec, status, reason) in wrong {
        let answer = server.admin.post("spec/packs", json!({"specs": [{"name": "first"}, spec]})).await;
        assert_eq!(answer.refused(status), reason, "{spec}");
        assert_eq!(server.admin.get("spec/packs/first").await.status, 404, "{spec}");
    }
    assert_eq!(
        server
            .admin
            .post(
                "spec/packs",
                json!({"specs": [{"name": "x", "queries": [{"query": "a", "interval": -1}]}]})
            )
            .await
            .status,
        400
    );
    // The packs behind schedules are not touched.
    server.admin.post("global/schedule", json!({"query_id": 1, "interval": 60})).await.ok();
    server
        .admin
        .post("spec/packs", json!({"specs": [{"name": "Global", "disabled": true}, {"name": "Team: Blue"}]}))
        .await
        .ok();
    assert_eq!(
        server.admin.get("global/schedule").await.ok()["global_schedule"].as_array().unwrap().len(),
        1
    );
    assert_eq!(server.admin.get("spec/packs").await.ok()["specs"].as_array().unwrap().len(), 1);
    assert_eq!(server.admin.get("spec/packs/Global").await.status, 404);
}

#[tokio::test]
async fn packs_are_made_changed_and_deleted_through_the_api() {
    let server = Server::start().await;
    let given = json!({"name": "inventory", "description": "d", "platform": "linux", "label_ids": [6, 6]});
    let mut made = server.admin.post("packs", given).await.ok()["pack"].take();
    let times = ["created_at", "updated_at"].map(|key| made.as_object_mut().unwrap().remove(key).is_some());
    assert_eq!(times, [true, true]);
    assert_eq!(
        made,
        json!({
            "id": 1, "name": "inventory", "description": "d", "platform": "linux", "disabled": false, "type": null,
            "labels": [{"type": "label", "id": 6, "display_text": "All Hosts"}], "hosts": [], "teams": [],
            "label_ids": [6], "host_ids": [], "team_ids": [], "query_count": 0, "total_hosts_count": 0
        })
    );
    for (wrong, status, reason) in [
        (json!({}), 400, "pack payload verification: pack name cannot be empty"),
        (json!({"name": " "}), 400, "pack payload verification: pack name cannot be empty"),
        (json!({"name": "Inventory"}), 409, "Pack \"Inventory\" already exists"),
        (json!({"name": "global"}), 409, "Pack \"global\" already exists"),
        (json!({"name": "Team: x"}), 409, "Pack \"Team: x\" already exists"),
        (json!({"name": "n", "host_ids": [9]}), 422, "there is none with the id 9"),
        (json!({"name": "n".repeat(256)}), 422, "must have 255 characters at most"),
    ] {
        assert_eq!(server.admin.post("packs", wrong.clone()).await.refused(status), reason, "{wrong}");
    }
    let changed =
        server.admin.patch("packs/1", json!({"disabled": true, "label_ids": []})).await.ok()["pack"].take();
    assert_eq!(
        (&changed["name"], &changed["disabled"], &changed["label_ids"]),
        (&json!("inventory"), &json!(true), &json!([]))
    );
    save(&server, &["q"]).await;
    let scheduled = server.admin.post("global/schedule", json!({"query_id": 1, "interval": 60})).await.ok();
    let global = scheduled["scheduled"]["pack_id"].clone();
    assert_eq!(server.admin.get("packs").await.ok()["packs"].as_array().unwrap().len(), 1);
    let system = server
        .admin
        .patch(&format!("packs/{global}"), json!({"name": "x", "description": "y", "label_ids": []}))
        .await
        .ok()["pack"]
        .take();
    assert_eq!(
        (&system["name"], &system["type"], &system["label_ids"]),
        (&json!("Global"), &json!("global"), &json!([6]))
    );
    assert_eq!(
        server.admin.delete(&format!("packs/id/{global}")).await.refused(422),
        "cannot delete pack_type global"
    );
    assert_eq!(server.admin.delete("packs/Global").await.refused(422), "cannot delete pack_type global");
    assert_eq!(server.admin.delete("packs/inventory").await.ok(), json!({}));
    assert_eq!(server.admin.delete("packs/id/1").await.refused(404), "Pack 1 was not found in the datastore");
    assert_eq!(server.admin.get("packs/1/scheduled").await.status, 404);
}

#[tokio::test]
async fn the_same_path_means_packs_in_one_version_and_the_global_schedule_in_others() {
    let server = Server::start().await;
    save(&server, &["usb"]).await;
    server.admin.post("packs", json!({"name": "p"})).await.ok();
    let body = json!({"pack_id": 1, "query_id": 1, "interval": 60, "snapshot": false, "removed": true, "platform": "linux", "shard": 10});
    let mut first = server.admin.send(Method::POST, "/api/v1/fleet/schedule", Some(body.clone())).await.ok()
        ["scheduled"]
        .take();
    let times =
        ["created_at", "updated_at", "stats"].map(|key| first.as_object_mut().unwrap().remove(key).is_some());
    assert_eq!(times, [true; 3]);
    assert_eq!(
        first,
        json!({
            "id": 1, "pack_id": 1, "name": "usb", "query_id": 1, "query_name": "usb", "query": "select 'usb'", "interval": 60,
            "snapshot": false, "removed": true, "platform": "linux", "shard": 10, "denylist": null
        })
    );
    for name in ["usb-1", "usb-1-1"] {
        let again = server
            .admin
            .send(Method::POST, "/api/latest/fleet/packs/schedule", Some(body.clone()))
            .await
            .ok();
        assert_eq!(again["scheduled"]["name"], name);
    }
    let global =
        server.admin.send(Method::POST, "/api/2022-04/fleet/schedule", Some(body.clone())).await.ok();
    assert_eq!((&global["scheduled"]["pack_id"], &global["scheduled"]["name"]), (&json!(2), &json!("usb")));
    for path in
        ["/api/latest/fleet/schedule", "/api/2022-04/fleet/global/schedule", "/api/v1/fleet/global/schedule"]
    {
        let list = server.admin.send(Method::GET, path, None).await.ok();
        assert_eq!(list["global_schedule"][0]["id"], 4, "{path}");
    }
    assert_eq!(server.admin.send(Method::GET, "/api/v1/fleet/schedule", None).await.status, 405);
    // Of the global schedule only what is in it; `null` clears a shard and nothing else.
    let patch = json!({"interval": 30, "shard": null, "platform": null});
    for path in ["/api/latest/fleet/schedule/1", "/api/v1/fleet/global/schedule/1"] {
        let answer = server.admin.send(Method::PATCH, path, Some(patch.clone())).await;
        assert_eq!(answer.refused(404), "ScheduledQuery 1 was not found in the datastore", "{path}");
        assert_eq!(server.admin.send(Method::DELETE, path, None).await.status, 404, "{path}");
    }
    let changed = server
        .admin
        .send(Method::PATCH, "/api/v1/fleet/schedule/1", Some(patch.clone()))
        .await
        .ok()["scheduled"]
        .take();
    assert_eq!(
        (&changed["interval"], &changed["shard"], &changed["platform"], &changed["removed"]),
        (&json!(30), &Json::Null, &json!("linux"), &json!(true))
    );
    let changed = server.admin.send(Method::PATCH, "/api/latest/fleet/schedule/4", Some(patch)).await.ok();
    assert_eq!(changed["scheduled"]["interval"], 30);
    server.admin.send(Method::DELETE, "/api/latest/fleet/packs/schedule/2", None).await.ok();
    server.admin.send(Method::DELETE, "/api/v1/fleet/schedule/3", None).await.ok();
    server.admin.send(Method::DELETE, "/api/latest/fleet/schedule/4", None).await.ok();
    assert_eq!(server.admin.get("packs/1/scheduled").await.ok()["scheduled"].as_array().unwrap().len(), 1);
    assert_eq!(server.admin.get("global/schedule").await.ok(), json!({"global_schedule": []}));
    for (wrong, status, reason) in [
        (json!({"query_id": 1, "interval": 1}), 422, "missing required argument"),
        (json!({"pack_id": 1, "interval": 1}), 422, "missing required argument"),
        (json!({"pack_id": 1, "query_id": 1}), 422, "missing required argument"),
        (json!({"pack_id": 9, "query_id": 1, "interval": 1}), 404, "Pack 9 was not found in the datastore"),
        (json!({"pack_id": 1, "query_id": 9, "interval": 1}), 404, "Query 9 was not found in the datastore"),
    ] {
        assert_eq!(
            server.admin.post("packs/schedule", wrong.clone()).await.refused(status),
            reason,
            "{wrong}"
        );
    }
    // Queries that are deleted leave the packs.
    server.admin.delete("queries/usb").await.ok();
    assert_eq!(server.admin.get("packs/1/scheduled").await.ok(), json!({"scheduled": []}));
}

#[tokio::test]
async fn teams_have_schedules_of_their_own_and_agents_are_sent_them() {
    let server = Server::start().await;
    let (blue, red) = (server.team("Blue").await, server.team("Red").await);
    let agent = server.host("one").await;
    let id = agent.host_id;
    let moved = move |tx: &mut store::db::Tx<'_>| {
        tx.execute("UPDATE hosts SET team_id = $1 WHERE id = $2", store::params![blue, id])
    };
    server.fleet.db.write::<_, store::db::DbError, _>(moved).await.unwrap();
    server.fleet.agents.refresh(&server.fleet.db, id).await.unwrap();
    save(&server, &["q"]).await;
    let maintainer = server.team_user(blue, Role::Maintainer).await;
    let observer = server.team_user(blue, Role::Observer).await;
    let path = format!("teams/{blue}/schedule");
    assert_eq!(observer.get(&path).await.ok(), json!({"scheduled": []}));
    let body = json!({"query_id": 1, "interval": 60, "snapshot": true, "removed": false});
    let made = maintainer.post(&path, body.clone()).await.ok()["scheduled"].take();
    assert_eq!((&made["name"], &made["interval"]), (&json!("q"), &json!(60)));
    let one = format!("team/{blue}/schedule/{}", made["id"]);
    assert_eq!(maintainer.patch(&one, json!({"interval": 90})).await.ok()["scheduled"]["interval"], 90);
    assert_eq!(observer.get(&format!("schedule/{}", made["id"])).await.ok()["scheduled"]["interval"], 90);
    let config = agent.call("config", json!({})).await;
    assert_eq!(
        config["packs"],
        json!({"Team: Blue": {"queries": {"q": {"query": "select 'q'", "interval": 90, "snapshot": true, "removed": false}}}})
    );
    // Neither who only observes nor other teams.
    for answer in [
        observer.post(&path, body.clone()).await,
        observer.delete(&one).await,
        maintainer.post(&format!("teams/{red}/schedule"), body.clone()).await,
        maintainer.get(&format!("teams/{red}/schedule")).await,
        maintainer.post("global/schedule", body.clone()).await,
        maintainer.get("packs").await,
    ] {
        assert_eq!(answer.refused(403), "forbidden");
    }
    assert_eq!(server.admin.delete(&format!("teams/{red}/schedule/{}", made["id"])).await.status, 404);
    assert_eq!(
        server.admin.get("teams/99/schedule").await.refused(404),
        "Team 99 was not found in the datastore"
    );
    observer.get("global/schedule").await.ok();
    // The pack is named after the team, and goes with it.
    server.admin.patch(&format!("teams/{blue}"), json!({"name": "Navy"})).await.ok();
    let config = agent.call("config", json!({})).await;
    assert_eq!(config["packs"].as_object().unwrap().keys().collect::<Vec<_>>(), ["Team: Navy"]);
    assert_eq!(maintainer.delete(&one).await.ok(), json!({}));
    maintainer.post(&path, body).await.ok();
    server.admin.delete(&format!("teams/{blue}")).await.ok();
    assert_eq!(agent.call("config", json!({})).await.get("packs"), None);
    assert_eq!(server.admin.get(&path).await.status, 404);
}
