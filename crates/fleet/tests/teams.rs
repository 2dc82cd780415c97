//! Teams: the API, their users and secrets, and the specs.

mod common;

use common::{Agent, Server};
use serde_json::{Value as Json, json};
use store::rights::Role;

fn seed() -> Json {
    serde_json::from_str(include_str!("seed/team_applied.json")).unwrap()
}

/// The secrets alone, without their times.
fn secrets(answer: &Json) -> Vec<&str> {
    answer["secrets"].as_array().unwrap().iter().map(|secret| secret["secret"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_spec_of_the_seed_is_applied_and_reaches_agents() {
    let server = Server::start().await;
    assert_eq!(server.admin.post("spec/teams", seed()).await.ok(), json!({}));
    let team = server.admin.get("teams").await.ok()["teams"][0].take();
    assert_eq!(team["name"], "Client Platform Engineering");
    assert_eq!(team["agent_options"], seed()["specs"][0]["agent_options"]["spec"]);
    let found = server.admin.get("teams/1/secrets").await.ok();
    let mut found = secrets(&found);
    found.sort_unstable();
    assert_eq!(found, ["bhD5kiX2J+KBgZSk118qO61ZIdX/v8On", "fTp52/twaxBU6gIi0J6PHp8o5Sm1k1kn"]);
    let agent = Agent::enrol(&server, "one", found[0]).await;
    let config = agent.call("config", json!({})).await;
    assert_eq!(config, seed()["specs"][0]["agent_options"]["spec"]["config"]);
}

#[tokio::test]
async fn specs_change_what_they_name_and_leave_the_rest() {
    let server = Server::start().await;
    server.admin.post("spec/teams", seed()).await.ok();
    let apply = async |spec: Json| server.admin.post("spec/teams", json!({"specs": [spec]})).await;
    let name = "client platform engineering";
    let team = async || server.admin.get("teams/1").await.ok()["team"].take();
    let before = team().await;
    apply(json!({"name": name})).await.ok();
    assert_eq!(team().await, before);
    // Secrets as texts; those that stay keep their time.
    apply(json!({"name": name, "secrets": ["fTp52/twaxBU6gIi0J6PHp8o5Sm1k1kn"]})).await.ok();
    assert_eq!(secrets(&team().await), ["fTp52/twaxBU6gIi0J6PHp8o5Sm1k1kn"]);
    for empty in [json!([]), Json::Null] {
        apply(json!({"name": name, "secrets": ["x"]})).await.ok();
        apply(json!({"name": name, "secrets": empty})).await.ok();
        assert_eq!(server.admin.get("teams/1/secrets").await.ok(), json!({"secrets": []}));
    }
    assert!(team().await["agent_options"].is_object());
    apply(json!({"name": name, "agent_options": null})).await.ok();
    assert_eq!(team().await.get("agent_options"), None);
    // A new one takes the global options, and no secret.
    apply(json!({"name": "New"})).await.ok();
    let new = server.admin.get("teams/2").await.ok()["team"].take();
    let global = &new["agent_options"];
    assert_eq!((&global["config"]["options"]["logger_plugin"], new.get("secrets")), (&json!("tls"), None));
    // One wrong spec, and nothing is applied.
    let taken = server.admin.get("spec/enroll_secret").await.ok()["spec"]["secrets"][0]["secret"].clone();
    for (wrong, status, reason) in [
        (json!({"name": ""}), 422, "may not be empty"),
        (json!({"name": "x", "agent_options": "text"}), 422, "must be an object or null"),
        (json!({"name": "x", "secrets": [{"secret": ""}]}), 422, "enroll secret must not be empty"),
        (json!({"name": "x", "secrets": [taken]}), 409, "EnrollSecret \"…\" already exists"),
        (json!({"name": "x", "secrets": vec!["s"; 51]}), 422, "a team can have 50 secrets at most"),
    ] {
        let answer = server.admin.post("spec/teams", json!({"specs": [{"name": "First"}, wrong]})).await;
        assert_eq!(answer.refused(status), reason, "{wrong}");
        assert_eq!(server.admin.get("teams").await.ok()["teams"].as_array().unwrap().len(), 2, "{wrong}");
    }
    // Who is admin of a team applies to that team alone.
    let admin = server.team_user(1, Role::Admin).await;
    assert_eq!(
        admin.post("spec/teams", json!({"specs": [{"name": name, "secrets": ["own"]}]})).await.ok(),
        json!({})
    );
    for names in [[name, "New"], [name, "Newer"]] {
        let specs = names.map(|name| json!({"name": name, "secrets": []}));
        assert_eq!(admin.post("spec/teams", json!({"specs": specs})).await.refused(403), "forbidden");
    }
    assert_eq!(secrets(&team().await), ["own"]);
    let maintainer = server.team_user(1, Role::Maintainer).await;
    assert_eq!(maintainer.post("spec/teams", json!({"specs": []})).await.status, 403);
}

#[tokio::test]
async fn teams_are_made_changed_and_deleted_through_the_api() {
    let server = Server::start().await;
    let mut made =
        server.admin.post("teams", json!({"name": "Blue", "description": "d"})).await.ok()["team"].take();
    assert!(made.as_object_mut().unwrap().remove("created_at").is_some());
    assert_eq!(made["secrets"][0]["secret"].as_str().unwrap().len(), 32);
    assert_eq!(made["secrets"][0]["team_id"], 1);
    made.as_object_mut().unwrap().remove("secrets");
    assert!(made["agent_options"]["config"].is_object());
    made.as_object_mut().unwrap().remove("agent_options");
    assert_eq!(
        made,
        json!({
            "id": 1, "name": "Blue", "description": "d", "user_count": 0, "host_count": 0,
            "webhook_settings": {"failing_policies_webhook": {
                "enable_failing_policies_webhook": false, "destination_url": "", "policy_ids": null, "host_batch_size": 0
            }}
        })
    );
    let given = json!({"name": "Red", "secrets": [{"secret": "red"}]});
    assert_eq!(secrets(&server.admin.post("teams", given).await.ok()["team"]), ["red"]);
    for (wrong, status, reason) in [
        (json!({}), 422, "missing required argument"),
        (json!({"name": " "}), 422, "may not be empty"),
        (json!({"name": "blue"}), 409, "Team \"blue\" already exists"),
        (json!({"name": "Green", "secrets": [{"secret": "red"}]}), 409, "EnrollSecret \"…\" already exists"),
    ] {
        assert_eq!(server.admin.post("teams", wrong.clone()).await.refused(status), reason, "{wrong}");
    }
    let change = json!({"description": "new", "webhook_settings": {"failing_policies_webhook": {"host_batch_size": 3}}});
    let changed = server.admin.patch("teams/1", change).await.ok()["team"].take();
    assert_eq!((&changed["name"], &changed["description"]), (&json!("Blue"), &json!("new")));
    assert_eq!(changed["webhook_settings"]["failing_policies_webhook"]["host_batch_size"], 3);
    assert_eq!(changed["webhook_settings"]["failing_policies_webhook"]["destination_url"], "");
    assert_eq!(server.admin.patch("teams/1", json!({"name": "RED"})).await.status, 409);
    let options = json!({"config": {"options": {"distributed_interval": 3}}});
    let set = server.admin.post("teams/2/agent_options", options.clone()).await.ok();
    assert_eq!(set["team"]["agent_options"], options);
    let agent = Agent::enrol(&server, "one", "red").await;
    assert_eq!(agent.call("config", json!({})).await, options["config"]);
    let cleared = server.admin.post("teams/2/agent_options", Json::Null).await.ok();
    assert_eq!(cleared["team"].get("agent_options"), None);
    assert_eq!(agent.call("config", json!({})).await["options"]["distributed_interval"], 10);
    assert_eq!(server.admin.post("teams/2/agent_options", json!([1])).await.status, 422);
    assert_eq!(server.admin.post("teams/9/agent_options", json!({})).await.status, 404);
    let names =
        |list: Json| list["teams"].as_array().unwrap().iter().map(|t| t["name"].clone()).collect::<Vec<_>>();
    assert_eq!(names(server.admin.get("teams?query=RE").await.ok()), ["Red"]);
    assert_eq!(
        names(server.admin.get("teams?order_key=name&order_direction=desc").await.ok()),
        ["Red", "Blue"]
    );
    // Deleting takes along what belongs to the team; the host stays, on none.
    server.admin.post("packs", json!({"name": "p", "team_ids": [2]})).await.ok();
    server.admin.post("teams/2/policies", json!({"name": "pol", "query": "select 1"})).await.ok();
    assert_eq!(server.admin.delete("teams/2").await.ok(), json!({}));
    assert_eq!(server.admin.get("teams/2").await.refused(404), "Team 2 was not found in the datastore");
    assert_eq!(server.admin.get("packs/1").await.ok()["pack"]["team_ids"], json!([]));
    let host = server.admin.get(&format!("hosts/{}", agent.host_id)).await.ok();
    assert_eq!((&host["host"]["team_id"], &host["host"]["team_name"]), (&Json::Null, &Json::Null));
    assert!(agent.call("config", json!({})).await["options"].is_object());
    let again = json!({"name": "pol", "query": "select 1"});
    server.admin.post("global/policies", again).await.ok();
}

#[tokio::test]
async fn users_are_put_on_teams_and_taken_off() {
    let server = Server::start().await;
    let (blue, red) = (server.team("Blue").await, server.team("Red").await);
    let admin = server.team_user(blue, Role::Admin).await;
    let other = server.team_user(red, Role::Observer).await;
    let path = format!("teams/{blue}/users");
    let put = |id: u64, role: &str| json!({"users": [{"id": id, "role": role}]});
    let team = admin.patch(&path, put(other.id, "maintainer")).await.ok()["team"].take();
    assert_eq!(
        (&team["user_count"], &team["users"][1]["id"], &team["users"][1]["role"]),
        (&json!(2), &json!(other.id), &json!("maintainer"))
    );
    admin.patch(&path, put(other.id, "observer")).await.ok();
    let users = admin.get(&path).await.ok()["users"].take();
    assert_eq!(
        (users.as_array().unwrap().len(), &users[1]["email"]),
        (2, &json!(format!("user{}@example.org", other.id - 1)))
    );
    assert_eq!(
        admin.patch(&path, put(other.id, "king")).await.refused(422),
        "king is not a valid role for a team user"
    );
    assert_eq!(
        admin.patch(&path, put(99, "observer")).await.refused(404),
        "User 99 was not found in the datastore"
    );
    assert_eq!(admin.patch(&path, json!({})).await.refused(422), "missing required argument");
    // Who has a global role is put on teams by those who have one, and keeps it.
    assert_eq!(admin.patch(&path, put(1, "observer")).await.refused(403), "forbidden");
    server.admin.patch(&path, put(1, "observer")).await.ok();
    assert_eq!(server.admin.get("me").await.ok()["user"]["global_role"], "admin");
    let taken = server
        .admin
        .call(http::Method::DELETE, &path, Some(json!({"users": [{"id": 1}, {"id": other.id}]})))
        .await
        .ok();
    assert_eq!(taken["team"]["user_count"], 1);
    // Those of other teams, and those who do not administer this one.
    let maintainer = server.team_user(blue, Role::Maintainer).await;
    maintainer.get(&path).await.ok();
    for answer in [
        maintainer.patch(&path, put(other.id, "observer")).await,
        admin.patch(&format!("teams/{red}/users"), put(admin.id, "admin")).await,
        admin.get(&format!("teams/{red}")).await,
        admin.patch(&format!("teams/{red}"), json!({"name": "x"})).await,
        admin.delete(&format!("teams/{red}")).await,
        admin.post("teams", json!({"name": "x"})).await,
        other.get(&format!("teams/{red}")).await,
    ] {
        assert_eq!(answer.refused(403), "forbidden");
    }
    let names =
        |list: Json| list["teams"].as_array().unwrap().iter().map(|t| t["name"].clone()).collect::<Vec<_>>();
    assert_eq!(names(other.get("teams").await.ok()), ["Red"]);
    assert_eq!(names(server.admin.get("teams").await.ok()), ["Blue", "Red"]);
}

#[tokio::test]
async fn secrets_of_teams_are_replaced_by_those_who_maintain_them() {
    let server = Server::start().await;
    let (blue, red) = (server.team("Blue").await, server.team("Red").await);
    let path = format!("teams/{blue}/secrets");
    let maintainer = server.team_user(blue, Role::Maintainer).await;
    let observer = server.team_user(blue, Role::Observer).await;
    assert_eq!(maintainer.get(&path).await.ok(), json!({"secrets": []}));
    let set = maintainer.patch(&path, json!({"secrets": [{"secret": "a"}, {"secret": "b"}]})).await.ok();
    assert_eq!(secrets(&set), ["a", "b"]);
    assert_eq!(maintainer.patch(&path, json!({})).await.refused(422), "missing required argument");
    assert_eq!(
        maintainer.patch(&path, json!({"secrets": [{"secret": "a"}, {"secret": ""}]})).await.status,
        422
    );
    assert_eq!(secrets(&maintainer.get(&path).await.ok()), ["a", "b"]);
    let other =
        server.admin.patch(&format!("teams/{red}/secrets"), json!({"secrets": [{"secret": "a"}]})).await;
    assert_eq!(other.status, 409);
    for answer in [
        observer.get(&path).await,
        observer.patch(&path, json!({"secrets": []})).await,
        maintainer.get(&format!("teams/{red}/secrets")).await,
        maintainer.patch(&format!("teams/{red}/secrets"), json!({"secrets": []})).await,
    ] {
        assert_eq!(answer.refused(403), "forbidden");
    }
    assert_eq!(secrets(&maintainer.patch(&path, json!({"secrets": []})).await.ok()).len(), 0);
}
