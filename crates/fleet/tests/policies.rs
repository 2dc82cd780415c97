//! Policies of all hosts and of teams: the API and the specs.

mod common;

use common::Server;
use http::Method;
use serde_json::{Value as Json, json};
use store::rights::Role;

fn seed() -> Json {
    serde_json::from_str(include_str!("seed/policies_applied.json")).unwrap()
}

/// The same without times.
fn timeless(mut policy: Json) -> Json {
    for key in ["created_at", "updated_at"] {
        assert!(policy.as_object_mut().unwrap().remove(key).is_some(), "{key}");
    }
    policy
}

#[tokio::test]
async fn the_specs_of_the_seed_are_applied() {
    let server = Server::start().await;
    assert_eq!(server.admin.post("spec/policies", seed()).await.ok(), json!({}));
    let found = server.admin.get("global/policies").await.ok()["policies"].take();
    for (n, spec) in seed()["specs"].as_array().unwrap().iter().enumerate() {
        let mut expected = spec.clone();
        let rest = json!({
            "id": n + 1, "author_id": 1, "author_name": "Ada", "author_email": "ada@example.org", "team_id": null,
            "platform": spec.get("platform").cloned().unwrap_or(json!("")), "passing_host_count": 0,
            "failing_host_count": 0
        });
        expected.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        assert_eq!(timeless(found[n].clone()), expected);
    }
    // Known ones keep team and platform, and lose a resolution that is not given.
    server.team("Blue").await;
    let maintainer = server.user(Role::Maintainer).await;
    let spec = json!({"name": "New Policy", "query": "select 2", "platform": "windows", "team": "Blue"});
    maintainer.post("spec/policies", json!({"specs": [spec]})).await.ok();
    let policy = server.admin.get("global/policies/1").await.ok()["policy"].take();
    assert_eq!(
        (&policy["query"], &policy["platform"], &policy["team_id"]),
        (&json!("select 2"), &json!(""), &Json::Null)
    );
    assert_eq!((&policy["author_id"], policy.get("resolution")), (&json!(maintainer.id), None));
    for (wrong, reason) in [
        (json!({"query": "select 1"}), "policy name cannot be empty"),
        (json!({"name": "x"}), "policy query cannot be empty"),
        (json!({"name": "x", "query": "attach 'a' as b"}), "invalid policy query"),
        (json!({"name": "x", "query": "select 1", "platform": "beos"}), "invalid policy platform"),
        (json!({"name": "new policy", "query": "select 1", "platform": "beos"}), "invalid policy platform"),
    ] {
        let specs = json!({"specs": [{"name": "first", "query": "select 1"}, wrong]});
        let answer = server.admin.post("spec/policies", specs).await;
        assert_eq!(answer.refused(400), format!("policy spec payload verification: {reason}"), "{wrong}");
    }
    let unknown = json!({"specs": [{"name": "x", "query": "select 1", "team": "Nobody"}]});
    assert_eq!(
        server.admin.post("spec/policies", unknown).await.refused(404),
        "Team Nobody was not found in the datastore"
    );
    assert_eq!(server.admin.get("global/policies").await.ok()["policies"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn specs_are_applied_by_those_who_may_write_both_scopes() {
    let server = Server::start().await;
    let (blue, red) = (server.team("Blue").await, server.team("Red").await);
    let maintainer = server.team_user(blue, Role::Maintainer).await;
    let of = |name: &str, team: &str| json!({"specs": [{"name": name, "query": "select 1", "team": team}]});
    maintainer.post("spec/policies", of("blue's", "Blue")).await.ok();
    // On update the team is ignored, but what the policy has counts.
    maintainer.post("spec/policies", of("blue's", "")).await.ok();
    server.admin.post("spec/policies", of("red's", "Red")).await.ok();
    server.admin.post("spec/policies", of("global", "")).await.ok();
    for (name, team) in
        [("new", ""), ("new", "Red"), ("red's", "Blue"), ("red's", ""), ("global", "Blue"), ("blue's", "Red")]
    {
        assert_eq!(
            maintainer.post("spec/policies", of(name, team)).await.refused(403),
            "forbidden",
            "{name} {team}"
        );
    }
    let observer = server.team_user(blue, Role::Observer).await;
    assert_eq!(observer.post("spec/policies", json!({"specs": []})).await.status, 403);
    let list = server.admin.get(&format!("teams/{red}/policies")).await.ok();
    assert_eq!(list["policies"][0]["name"], "red's");
    assert_eq!(observer.get(&format!("teams/{blue}/policies")).await.ok()["policies"][0]["team_id"], blue);
}

#[tokio::test]
async fn policies_are_made_changed_and_deleted_under_all_paths() {
    let server = Server::start().await;
    assert_eq!(server.admin.get("global/policies").await.ok(), json!({}));
    let given = json!({"name": "FileVault", "query": "select 1", "description": "d", "resolution": "r", "platform": " Darwin, windows"});
    let made = server.admin.post("global/policies", given).await.ok()["policy"].take();
    assert_eq!(
        timeless(made),
        json!({
            "id": 1, "name": "FileVault", "query": "select 1", "description": "d", "resolution": "r",
            "platform": "darwin,windows", "author_id": 1, "author_name": "Ada", "author_email": "ada@example.org",
            "team_id": null, "passing_host_count": 0, "failing_host_count": 0
        })
    );
    // Old clients name a saved query.
    server
        .admin
        .post("queries", json!({"name": "saved", "description": "sd", "query": "select 7"}))
        .await
        .ok();
    let path = "/api/latest/fleet/policies";
    let legacy = server
        .admin
        .send(Method::POST, path, Some(json!({"query_id": 1, "resolution": "r"})))
        .await
        .ok()["policy"]
        .take();
    assert_eq!(
        (&legacy["name"], &legacy["query"], &legacy["description"]),
        (&json!("saved"), &json!("select 7"), &json!("sd"))
    );
    for (wrong, reason) in [
        (json!({"query_id": 1, "query": "select 1"}), "both fields \"queryID\" and \"query\" cannot be set"),
        (json!({}), "policy name cannot be empty"),
        (json!({"name": "x", "query": " "}), "policy query cannot be empty"),
        (json!({"name": "x", "query": "attach 'a' as b"}), "invalid policy query"),
        (json!({"name": "x", "query": "select 1", "platform": "linux;"}), "invalid policy platform"),
    ] {
        let answer = server.admin.post("global/policies", wrong.clone()).await;
        assert_eq!(answer.refused(400), format!("policy payload verification: {reason}"), "{wrong}");
    }
    let again = server.admin.post("global/policies", json!({"name": "filevault", "query": "select 1"})).await;
    assert_eq!(again.body["message"], "Validation Failed");
    assert_eq!(again.refused(409), "Policy \"filevault\" already exists");
    let changed = server
        .admin
        .send(Method::PATCH, &format!("{path}/1"), Some(json!({"name": "FV", "resolution": null})))
        .await
        .ok();
    assert_eq!(
        (&changed["policy"]["name"], changed["policy"].get("resolution"), &changed["policy"]["query"]),
        (&json!("FV"), None, &json!("select 1"))
    );
    assert_eq!(server.admin.send(Method::GET, &format!("{path}/1"), None).await.ok()["policy"]["name"], "FV");
    assert_eq!(
        server.admin.get("global/policies/9").await.refused(404),
        "Policy 9 was not found in the datastore"
    );

    let team = server.team("Blue").await;
    let of_team = format!("teams/{team}/policies");
    let made =
        server.admin.post(&of_team, json!({"name": "team's", "query": "select 1"})).await.ok()["policy"]
            .take();
    assert_eq!(made["team_id"], team);
    let (id, first, second) = (&made["id"], json!(1), &legacy["id"]);
    assert_eq!(
        server.admin.get(&format!("team/{team}/policies/{id}")).await.ok()["policy"]["name"],
        "team's"
    );
    server.admin.patch(&format!("team/{team}/policies/{id}"), json!({"description": "x"})).await.ok();
    for path in [format!("global/policies/{id}"), format!("{of_team}/1"), format!("teams/99/policies/{id}")] {
        assert_eq!(server.admin.get(&path).await.status, 404, "{path}");
        assert_eq!(server.admin.patch(&path, json!({})).await.status, 404, "{path}");
    }
    // All or none: one of a team makes it 403, one that is not there 404.
    assert_eq!(
        server.admin.post("global/policies/delete", json!({"ids": [first, id]})).await.refused(403),
        "forbidden"
    );
    assert_eq!(server.admin.post("global/policies/delete", json!({"ids": [first, 99]})).await.status, 404);
    assert_eq!(
        server.admin.post(&format!("{of_team}/delete"), json!({"ids": [id, first]})).await.status,
        404
    );
    assert_eq!(server.admin.get("global/policies").await.ok()["policies"].as_array().unwrap().len(), 2);
    assert_eq!(
        server.admin.post("policies/delete", json!({"ids": [second, first]})).await.ok(),
        json!({"deleted": [first, second]})
    );
    assert_eq!(server.admin.post("global/policies/delete", json!({"ids": []})).await.ok(), json!({}));
    assert_eq!(
        server.admin.post(&format!("team/{team}/policies/delete"), json!({"ids": [id]})).await.ok(),
        json!({"deleted": [id]})
    );
    assert_eq!(server.admin.get(&of_team).await.ok(), json!({}));
}

#[tokio::test]
async fn hosts_are_counted_as_they_answer_and_leave_with_the_platform() {
    let server = Server::start().await;
    let blue = server.team("Blue").await;
    for name in ["passes", "fails", "errs"] {
        server
            .admin
            .post("global/policies", json!({"name": name, "query": format!("select '{name}'")}))
            .await
            .ok();
    }
    let (one, two) = (server.host("one").await, server.host("two").await);
    for agent in [&one, &two] {
        agent.work(&[("fleet_policy_query_1", json!([{"1": "1"}]))]).await;
        agent.work(&[("fleet_policy_query_1", json!([{"1": "1"}]))]).await;
    }
    let id = one.host_id;
    let moved = move |tx: &mut store::db::Tx<'_>| {
        tx.execute("UPDATE hosts SET team_id = $1 WHERE id = $2", store::params![blue, id])
    };
    server.fleet.db.write::<_, store::db::DbError, _>(moved).await.unwrap();
    let counts = async |user: &common::User, id: u32| {
        let policy = user.get(&format!("global/policies/{id}")).await.ok()["policy"].take();
        (policy["passing_host_count"].as_u64().unwrap(), policy["failing_host_count"].as_u64().unwrap())
    };
    assert_eq!(counts(&server.admin, 1).await, (2, 0));
    assert_eq!(counts(&server.admin, 2).await, (0, 2));
    let observer = server.team_user(blue, Role::Observer).await;
    assert_eq!(counts(&observer, 1).await, (1, 0));
    // Another text keeps the results, another platform those of hosts that it means.
    server.admin.patch("global/policies/1", json!({"query": "select 9", "platform": "linux"})).await.ok();
    assert_eq!(counts(&server.admin, 1).await, (2, 0));
    server.admin.patch("global/policies/1", json!({"platform": "windows,darwin"})).await.ok();
    assert_eq!(counts(&server.admin, 1).await, (0, 0));
    assert_eq!(counts(&server.admin, 2).await, (0, 2));
}
