//! Software, carves and targets.

mod common;

use common::Server;
use serde_json::{Value as Json, json};
use store::db::DbError;
use store::rights::Role;

async fn sql(server: &Server, sql: &'static str) {
    let write = move |tx: &mut store::db::Tx<'_>| tx.execute(sql, &[]).map(drop);
    server.fleet.db.write::<_, DbError, _>(write).await.unwrap();
}

fn names<'a>(list: &'a Json, key: &str) -> Vec<&'a str> {
    list.as_array().unwrap().iter().map(|one| one[key].as_str().unwrap()).collect()
}

#[tokio::test]
async fn programs_are_counted_by_the_hour() {
    let server = Server::start().await;
    let blue = server.team("Blue").await;
    server.host("a").await;
    server.host("b").await;
    server.admin.post("hosts/transfer", json!({"team_id": blue, "hosts": [2]})).await.ok();
    for name in ["bash", "tar", "unused"] {
        let sql = "INSERT INTO software (name, version, source, release, vendor, arch) VALUES ($1, '1', 'deb_packages', '', '', '')";
        let write = move |tx: &mut store::db::Tx<'_>| tx.execute(sql, store::params![name]).map(drop);
        server.fleet.db.write::<_, DbError, _>(write).await.unwrap();
    }
    sql(&server, "INSERT INTO host_software (host_id, software_id) VALUES (1, 2), (2, 2), (2, 1)").await;
    fleet::jobs::hourly(&server.fleet).await;
    let list = server.admin.get("software").await.ok();
    assert_eq!(
        list["software"],
        json!([
            {"id": 2, "name": "tar", "version": "1", "source": "deb_packages", "generated_cpe": "",
                "vulnerabilities": null, "hosts_count": 2},
            {"id": 1, "name": "bash", "version": "1", "source": "deb_packages", "generated_cpe": "",
                "vulnerabilities": null, "hosts_count": 1},
        ])
    );
    assert!(list["counts_updated_at"].is_string());
    let by_name = server.admin.get("software?order_key=name&query=A&per_page=1").await.ok();
    assert_eq!(names(&by_name["software"], "name"), ["bash"]);
    assert_eq!(server.admin.get("software/count").await.ok(), json!({"count": 2}));
    assert_eq!(server.admin.get("software/count?vulnerable=true").await.ok(), json!({"count": 0}));
    assert!(server.admin.get("software?query=none").await.ok().get("software").is_none());
    let of_team = server.admin.get(&format!("software?team_id={blue}")).await.ok();
    assert_eq!(of_team["software"][0]["hosts_count"], 1);
    // Members of a team name it.
    let observer = server.team_user(blue, Role::Observer).await;
    assert_eq!(observer.get("software").await.status, 403);
    assert_eq!(observer.get("software/count?team_id=99").await.status, 403);
    assert_eq!(observer.get(&format!("software/count?team_id={blue}")).await.ok(), json!({"count": 2}));
    // Counted again after a host has gone.
    server.admin.delete("hosts/2").await.ok();
    fleet::jobs::hourly(&server.fleet).await;
    assert_eq!(names(&server.admin.get("software").await.ok()["software"], "name"), ["tar"]);
}

#[tokio::test]
async fn carves_are_read_block_by_block_for_a_day() {
    let server = Server::start().await;
    let agent = server.host("carver").await;
    let begin =
        json!({"block_count": 2, "block_size": 4, "carve_size": 6, "carve_id": "c", "request_id": "r"});
    let session = agent.call("carve/begin", begin).await["session_id"].clone();
    let block = json!({"block_id": 0, "session_id": session, "request_id": "r", "data": "YWJjZA=="});
    agent.call("carve/block", block).await;
    let list = server.admin.get("carves").await.ok();
    let carve = &list["carves"][0];
    assert_eq!((&carve["id"], &carve["max_block"], &carve["expired"]), (&json!(1), &json!(0), &json!(false)));
    assert_eq!(&server.admin.get("carves/1").await.ok()["carve"], carve);
    assert_eq!(server.admin.get("carves/1/block/0").await.ok(), json!({"data": "YWJjZA=="}));
    assert_eq!(server.admin.get("carves/1/block/1").await.refused(404), "block 1 not yet available");
    assert_eq!(server.admin.get("carves/9").await.refused(404), "Carve 9 was not found in the datastore");
    assert_eq!(server.admin.get("carves?expired=x").await.refused(422), "invalid expired value x");
    fleet::jobs::hourly(&server.fleet).await;
    assert!(server.dir.path().join("carves/1/archive").exists());
    sql(&server, "UPDATE carves SET created_at = created_at - 86400000000").await;
    fleet::jobs::hourly(&server.fleet).await;
    assert!(!server.dir.path().join("carves/1").exists());
    assert_eq!(server.admin.get("carves/1/block/0").await.refused(410), "cannot get block for expired carve");
    assert_eq!(server.admin.get("carves").await.ok(), json!({"carves": []}));
    assert_eq!(server.admin.get("carves?expired=1").await.ok()["carves"][0]["expired"], true);
    assert_eq!(server.user(Role::Maintainer).await.get("carves").await.status, 403);
}

#[tokio::test]
async fn targets_are_searched_and_counted() {
    let server = Server::start().await;
    let blue = server.team("Blue").await;
    for number in 1..=12 {
        server.host(&format!("web{number:02}")).await;
    }
    server.admin.post("hosts/transfer", json!({"team_id": blue, "hosts": [1, 2]})).await.ok();
    sql(&server, "UPDATE hosts SET created_at = 0 WHERE id = 3").await;
    let selected = json!({"hosts": [12], "labels": [], "teams": [blue]});
    let found = server.admin.post("targets", json!({"query": "web", "selected": selected})).await.ok();
    let hosts = names(&found["targets"]["hosts"], "hostname");
    assert_eq!((hosts.len(), hosts[0], hosts[9]), (10, "web11", "web02"));
    assert_eq!(names(&found["targets"]["labels"], "display_text"), ["All Hosts"]);
    assert_eq!(found["targets"]["labels"][0]["count"], 12);
    assert_eq!(found["targets"]["teams"], json!([]));
    let counts = |answer: &Json| {
        ["targets_count", "targets_online", "targets_offline", "targets_missing_in_action"]
            .map(|key| answer[key].as_u64().unwrap())
    };
    assert_eq!(counts(&found), [3, 3, 0, 0]);
    let all =
        server.admin.post("targets/count", json!({"selected": {"labels": [6], "hosts": [1]}})).await.ok();
    assert_eq!(counts(&all), [12, 12, 0, 0]);
    let none = server.admin.post("targets", json!({})).await.ok();
    assert_eq!((counts(&none), &none["targets"]["teams"][0]["name"]), ([0; 4], &json!("Blue")));
    assert_eq!(none["targets"]["teams"][0]["count"], 2);
    assert!(none["targets"]["teams"][0].get("agent_options").is_none());
    let search = json!({"query": "web0", "excluded_host_ids": [9]});
    let hosts = server.admin.post("hosts/search", search).await.ok();
    assert_eq!(names(&hosts["targets"]["hosts"], "hostname")[0], "web08");
    assert_eq!(hosts["hosts"], hosts["targets"]["hosts"]);
    server.admin.post("targets/count", json!({"query_id": 99})).await.refused(404);
    // Observers reach hosts with queries that are marked for them.
    sql(
        &server,
        "INSERT INTO queries (created_at, updated_at, name, name_key, description, query, saved, observer_can_run) \
            VALUES (0, 0, 'q', 'q', '', 'select 1', 1, 1)",
    )
    .await;
    let observer = server.team_user(blue, Role::Observer).await;
    let ask = |query_id: Json| {
        let selected = json!({"labels": [6]});
        observer.post("targets", json!({"query": "web", "query_id": query_id, "selected": selected}))
    };
    let without = ask(Json::Null).await.ok();
    assert_eq!((counts(&without), &without["targets"]["hosts"]), ([0; 4], &json!([])));
    let with = ask(json!(1)).await.ok();
    assert_eq!((counts(&with)[0], names(&with["targets"]["hosts"], "hostname")), (2, vec!["web02", "web01"]));
    assert_eq!(names(&with["targets"]["teams"], "name"), Vec::<&str>::new());
}
