//! Saved queries: the API and the specs.

mod common;

use common::Server;
use serde_json::{Value as Json, json};
use store::rights::Role;

/// The activities so far: types and details.
async fn activities(server: &Server) -> Vec<(String, Json)> {
    let read = |tx: &mut store::db::Tx<'_>| {
        tx.all("SELECT type, details FROM activities ORDER BY id", &[], |row| {
            Ok((row.take::<String>()?, serde_json::from_str(&row.take::<String>()?).unwrap()))
        })
    };
    server.fleet.db.read::<_, store::db::DbError, _>(read).await.unwrap()
}

#[tokio::test]
async fn specs_are_applied_and_told_as_in_the_seed() {
    let server = Server::start().await;
    let first = json!({"specs": [
        {"name": "query1", "description": "query", "query": "SELECT * FROM osquery_info"},
        {
            "name": "osquery_schedule",
            "description": "Report performance stats for each file in the query schedule.",
            "query": "select name, interval, executions, output_size, wall_time, (user_time/executions) as avg_user_time, (system_time/executions) as avg_system_time, average_memory, last_executed from osquery_schedule;"
        }
    ]});
    assert_eq!(server.admin.get("spec/queries").await.ok(), json!({"specs": []}));
    assert_eq!(server.admin.post("spec/queries", first.clone()).await.ok(), json!({}));
    assert_eq!(server.admin.get("spec/queries").await.ok(), first);
    let one =
        json!({"specs": {"name": "query1", "description": "query", "query": "SELECT * FROM osquery_info"}});
    assert_eq!(server.admin.get("spec/queries/query1").await.ok(), one);
    assert_eq!(
        server.admin.get("spec/queries/query9").await.refused(404),
        "Query query9 was not found in the datastore"
    );
    let second = json!({"specs": [
        {
            "name": "new_query",
            "description": "This will be a new query because a query with the name 'new_query' doesn't exist in Fleet.",
            "query": "SELECT * FROM osquery_info"
        },
        {
            "name": "osquery_schedule",
            "description": "This queries description and SQL will be modified because a query with the name 'osquery_schedule' exists in Fleet.",
            "query": "SELECT * FROM osquery_info"
        }
    ]});
    assert_eq!(server.admin.post("spec/queries", second.clone()).await.ok(), json!({}));
    let specs = server.admin.get("spec/queries").await.ok();
    assert_eq!(specs["specs"], json!([first["specs"][0], second["specs"][1], second["specs"][0]]));
    let applied = activities(&server).await;
    assert_eq!(applied[0], ("applied_spec_saved_query".into(), first));
}

#[tokio::test]
async fn queries_are_saved_changed_and_deleted_through_the_api() {
    let server = Server::start().await;
    let given = json!({"name": "Uptime", "description": "how long", "query": "select * from uptime", "observer_can_run": true});
    let mut made = server.admin.post("queries", given).await.ok()["query"].take();
    let times = ["created_at", "updated_at"].map(|key| made.as_object_mut().unwrap().remove(key).is_some());
    assert_eq!(times, [true, true]);
    let expected = json!({
        "id": 1, "name": "Uptime", "description": "how long", "query": "select * from uptime", "saved": true,
        "observer_can_run": true, "author_id": 1, "author_name": "Ada", "author_email": "ada@example.org", "packs": [],
        "stats": {
            "system_time_p50": null, "system_time_p95": null, "user_time_p50": null, "user_time_p95": null,
            "total_executions": null
        }
    });
    assert_eq!(made, expected);
    let again = server.admin.post("queries", json!({"name": "UPTIME", "query": "select 1"})).await;
    assert_eq!(again.body["message"], "Resource Already Exists");
    assert_eq!(again.refused(409), "Query \"UPTIME\" already exists");
    let changed =
        server.admin.patch("queries/1", json!({"query": "select 2", "description": null})).await.ok();
    assert_eq!(
        (&changed["query"]["query"], &changed["query"]["description"]),
        (&json!("select 2"), &json!("how long"))
    );
    assert_eq!(
        server.admin.patch("queries/9", json!({})).await.refused(404),
        "Query 9 was not found in the datastore"
    );
    for (wrong, reason) in [
        (json!({"query": "select 1"}), "query name cannot be empty"),
        (json!({"name": "  ", "query": "select 1"}), "query name cannot be empty"),
        (json!({"name": "n", "query": " "}), "query's SQL query cannot be empty"),
        (json!({"name": "n", "query": "attach '/etc/f' as x"}), "invalid query's SQL"),
    ] {
        for path in ["queries", "spec/queries"] {
            let body = if path == "queries" { wrong.clone() } else { json!({"specs": [wrong]}) };
            let answer = server.admin.post(path, body).await;
            assert_eq!(answer.body["message"], "Bad request");
            assert_eq!(
                answer.refused(400),
                format!("query payload verification: {reason}"),
                "{path} {wrong}"
            );
        }
    }
    for name in ["a", "b", "c", "d e"] {
        server.admin.post("queries", json!({"name": name, "query": "select 1"})).await.ok();
    }
    let names = |list: Json| {
        list["queries"].as_array().unwrap().iter().map(|q| q["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(server.admin.get("queries").await.ok()), ["Uptime", "a", "b", "c", "d e"]);
    assert_eq!(names(server.admin.get("queries?query=PTI").await.ok()), ["Uptime"]);
    let ordered = "queries?order_key=name&order_direction=desc&per_page=2";
    assert_eq!(names(server.admin.get(ordered).await.ok()), ["Uptime", "d e"]);
    assert_eq!(server.admin.delete("queries/d%2520e").await.ok(), json!({}));
    let ids = server.admin.get("queries").await.ok()["queries"].take();
    let id = |n: usize| ids[n]["id"].clone();
    assert_eq!(server.admin.delete(&format!("queries/id/{}", id(1))).await.ok(), json!({}));
    // One that is not there: nothing is deleted.
    assert_eq!(
        server.admin.post("queries/delete", json!({"ids": [id(2), 999]})).await.refused(404),
        "Query 999 was not found in the datastore"
    );
    assert_eq!(
        server.admin.post("queries/delete", json!({"ids": [id(2), id(3), id(2)]})).await.ok(),
        json!({"deleted": 2})
    );
    assert_eq!(names(server.admin.get("queries").await.ok()), ["Uptime"]);
    let kinds: Vec<(String, Json)> = activities(&server).await;
    assert_eq!(kinds[0], ("created_saved_query".into(), json!({"query_id": 1, "query_name": "Uptime"})));
    assert_eq!(kinds[1], ("edited_saved_query".into(), json!({"query_id": 1, "query_name": "Uptime"})));
    assert_eq!(kinds[kinds.len() - 2], ("deleted_saved_query".into(), json!({"query_name": "a"})));
    assert_eq!(
        kinds[kinds.len() - 1],
        ("deleted_multiple_saved_query".into(), json!({"query_ids": [id(2), id(3)]}))
    );
}

#[tokio::test]
async fn who_is_only_on_teams_writes_what_is_theirs() {
    let server = Server::start().await;
    let blue = server.team("Blue").await;
    let maintainer = server.team_user(blue, Role::Maintainer).await;
    let observer = server.team_user(blue, Role::Observer).await;
    server.admin.post("queries", json!({"name": "admin's", "query": "select 1"})).await.ok();
    let own = maintainer
        .post("queries", json!({"name": "own", "query": "select 1", "observer_can_run": true}))
        .await
        .ok();
    assert_eq!(own["query"]["author_id"], maintainer.id);
    maintainer.patch("queries/2", json!({"query": "select 2"})).await.ok();
    for answer in [
        maintainer.patch("queries/1", json!({"query": "select 2"})).await,
        maintainer.delete("queries/id/1").await,
        maintainer.delete("queries/admin's").await,
        maintainer.post("queries/delete", json!({"ids": [2, 1]})).await,
        maintainer
            .post(
                "spec/queries",
                json!({"specs": [{"name": "own", "query": "select 3"}, {"name": "admin's", "query": "x"}]}),
            )
            .await,
        observer.post("queries", json!({"name": "n", "query": "select 1"})).await,
        observer.delete("queries/id/2").await,
        observer.post("spec/queries", json!({"specs": []})).await,
    ] {
        assert_eq!(answer.refused(403), "forbidden");
    }
    assert_eq!(maintainer.get("queries/2").await.ok()["query"]["query"], "select 2");
    // Observers see what they can run; one query each of them can look at.
    assert_eq!(observer.get("queries").await.ok()["queries"].as_array().unwrap().len(), 1);
    assert_eq!(maintainer.get("queries").await.ok()["queries"].as_array().unwrap().len(), 2);
    observer.get("queries/1").await.ok();
    // A spec leaves `observer_can_run` alone, and makes who applies it the author.
    server.admin.post("spec/queries", json!({"specs": [{"name": "own", "query": "select 4"}]})).await.ok();
    let own = server.admin.get("queries/2").await.ok()["query"].take();
    assert_eq!((&own["observer_can_run"], &own["author_id"]), (&json!(true), &json!(1)));
    let spec = json!({"name": "own", "query": "select 4", "observer_can_run": false});
    server.admin.post("spec/queries", json!({"specs": [spec]})).await.ok();
    assert_eq!(server.admin.get("queries/2").await.ok()["query"]["observer_can_run"], false);
    assert_eq!(maintainer.patch("queries/2", json!({"query": "select 5"})).await.status, 403);
    // Texts of live queries are no saved ones, but their names are taken.
    let hidden = server
        .fleet
        .db
        .write(|tx| store::fleet::query::create_hidden(tx, (1, "ada@example.org"), "select 1"));
    let hidden = hidden.await.unwrap();
    let name = server.admin.get(&format!("queries/{hidden}")).await.ok()["query"]["name"].clone();
    assert_eq!(server.admin.get("queries").await.ok()["queries"].as_array().unwrap().len(), 2);
    assert_eq!(server.admin.post("queries", json!({"name": name, "query": "select 1"})).await.status, 409);
}

#[tokio::test]
async fn authors_who_are_gone_and_costs_are_shown() {
    let server = Server::start().await;
    let agent = server.host("one").await;
    let author = server.user(Role::Maintainer).await;
    author.post("queries", json!({"name": "q", "query": "select 1"})).await.ok();
    server.admin.post("packs", json!({"name": "p", "label_ids": [6]})).await.ok();
    let add = json!({"pack_id": 1, "query_id": 1, "interval": 60});
    server.admin.post("schedule", add).await.ok();
    let (id, user) = (agent.host_id, author.id as u32);
    let write = move |tx: &mut store::db::Tx<'_>| -> store::fleet::Outcome<()> {
        tx.execute("DELETE FROM users WHERE id = $1", store::params![user])?;
        let report = store::fleet::pack::Report {
            executions: 4,
            system_time: 20,
            user_time: 8,
            last_executed: 86_400,
            ..Default::default()
        };
        store::fleet::pack::report(tx, id, "p", "q", &report)?;
        store::fleet::pack::report(tx, id, "p", "unknown", &report)?;
        store::fleet::query::aggregate(tx)
    };
    server.fleet.db.write(write).await.unwrap();
    let one = server.admin.get("queries/1").await.ok()["query"].take();
    assert_eq!(
        (&one["author_id"], &one["author_name"], &one["author_email"]),
        (&Json::Null, &json!(""), &json!(""))
    );
    assert_eq!(server.admin.get("queries").await.ok()["queries"][0]["author_name"], "<deleted>");
    assert_eq!(
        one["stats"],
        json!({
            "system_time_p50": 5.0, "system_time_p95": 5.0, "user_time_p50": 2.0, "user_time_p95": 2.0, "total_executions": 4
        })
    );
    assert_eq!((&one["packs"][0]["name"], &one["packs"][0]["type"]), (&json!("p"), &Json::Null));
    assert_eq!(server.admin.get("schedule/1").await.ok()["scheduled"]["stats"], one["stats"]);
    let stats = server.fleet.db.read(move |tx| -> store::fleet::Outcome<_> {
        let host = store::fleet::host::by_id(tx, id)?;
        store::fleet::pack::stats_of_host(tx, &host)
    });
    let stats = serde_json::to_value(stats.await.unwrap()).unwrap();
    assert_eq!(
        stats,
        json!([{"pack_id": 1, "pack_name": "p", "type": "pack", "query_stats": [{
            "scheduled_query_name": "q", "scheduled_query_id": 1, "query_name": "q", "pack_name": "p", "pack_id": 1,
            "average_memory": 0, "denylisted": false, "executions": 4, "interval": 60,
            "last_executed": "1970-01-02T00:00:00Z", "output_size": 0, "system_time": 20, "user_time": 8, "wall_time": 0
        }]}])
    );
}

#[tokio::test]
async fn what_is_named_as_another_route_is_deleted_by_its_name_all_the_same() {
    let server = Server::start().await;
    let admin = &server.admin;
    for name in ["run", "delete", "run_by_names", "run_by_identifiers"] {
        let made = admin.post("queries", json!({"name": name, "query": "select 1"})).await.ok();
        assert_eq!(admin.delete(&format!("queries/{name}")).await.ok(), json!({}), "{name}");
        assert_eq!(admin.get(&format!("queries/{}", made["query"]["id"])).await.status, 404);
        let reason = admin.delete(&format!("queries/{name}")).await.refused(404);
        assert_eq!(reason, format!("Query {name} was not found in the datastore"));
    }
    admin.post("labels", json!({"name": "summary", "query": "select 1"})).await.ok();
    admin.delete("labels/summary").await.ok();
    admin.post("packs", json!({"name": "schedule"})).await.ok();
    admin.delete("packs/schedule").await.ok();
    // The routes themselves are as they were, and so is who may call.
    assert_eq!(admin.post("queries/delete", json!({"ids": []})).await.ok(), json!({"deleted": 0}));
    admin.get("labels/summary").await.ok();
    admin.post("queries", json!({"name": "run", "query": "select 1"})).await.ok();
    let observer = server.user(Role::Observer).await;
    assert_eq!(observer.delete("queries/run").await.status, 403);
    assert_eq!(server.anonymous().delete("queries/run").await.status, 401);
}
