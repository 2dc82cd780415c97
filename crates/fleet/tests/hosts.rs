//! Hosts: lists, details, counts, and who may change what.

mod common;

use common::Server;
use serde_json::{Value as Json, json};
use store::db::DbError;
use store::rights::Role;

async fn sql(server: &Server, sql: &'static str) {
    let write = move |tx: &mut store::db::Tx<'_>| tx.execute(sql, &[]).map(drop);
    server.fleet.db.write::<_, DbError, _>(write).await.unwrap();
}

async fn number(server: &Server, sql: &'static str) -> i64 {
    let read = move |tx: &mut store::db::Tx<'_>| tx.value::<i64>(sql, &[]);
    server.fleet.db.read::<_, DbError, _>(read).await.unwrap().unwrap()
}

fn names(answer: &Json) -> Vec<&str> {
    answer["hosts"].as_array().unwrap().iter().map(|host| host["hostname"].as_str().unwrap()).collect()
}

fn now() -> i64 {
    store::fleet::Time::now().0
}

/// Four hosts: `db01` and `db02` in team 1 (Blue), `web01` in none, `old` not seen for 40 days.
async fn four() -> Server {
    let server = Server::start().await;
    let blue = server.team("Blue").await;
    for name in ["db01", "db02", "web01"] {
        server.host(name).await;
    }
    let db01 = json!({"team_id": blue, "hosts": [1, 2]});
    server.admin.post("hosts/transfer", db01).await.ok();
    let insert = "INSERT INTO hosts (created_at, updated_at, osquery_host_id, seen_time, detail_updated_at, \
        label_updated_at, policy_updated_at, last_enrolled_at, hostname, platform, os_version, primary_ip) \
        SELECT 0, 0, 'old', seen_time - 3456000000000, 0, 0, 0, 0, 'old', 'darwin', 'macOS 12', '10.0.0.7' \
        FROM hosts WHERE id = 3";
    sql(&server, insert).await;
    server
}

#[tokio::test]
async fn lists_are_filtered_ordered_and_cut_into_pages() {
    let server = four().await;
    let get = |query: &'static str| {
        let admin = server.admin.clone();
        async move { admin.get(&format!("hosts{query}")).await.ok() }
    };
    assert_eq!(names(&get("").await), ["db01", "db02", "web01", "old"]);
    assert_eq!(
        names(&get("?order_key=hostname&order_direction=desc").await),
        ["web01", "old", "db02", "db01"]
    );
    assert_eq!(names(&get("?page=1&per_page=2").await), ["web01", "old"]);
    assert_eq!(names(&get("?order_key=id&after=2").await), ["web01", "old"]);
    assert_eq!(names(&get("?query=DB0").await), ["db01", "db02"]);
    assert_eq!(names(&get("?query=uuid-web01").await), ["web01"]);
    assert_eq!(names(&get("?query=10.0.0.7").await), ["old"]);
    assert_eq!(names(&get("?query=%25").await), Vec::<&str>::new());
    let long = json!({"query": "x".repeat(100_000)});
    assert_eq!(server.admin.post("hosts/search", long).await.ok()["hosts"], json!([]));
    assert_eq!(names(&get("?team_id=1").await), ["db01", "db02"]);
    assert_eq!(names(&get("?status=online").await), ["db01", "db02", "web01"]);
    assert_eq!(names(&get("?status=online&page=1&per_page=2").await), ["web01"]);
    assert_eq!(names(&get("?status=mia").await), ["old"]);
    assert_eq!(names(&get("?status=new").await), ["db01", "db02", "web01"]);
    assert_eq!(names(&get("?status=offline").await), Vec::<&str>::new());
    for (query, reason) in [
        ("?status=lost", "invalid status lost"),
        ("?order_key=node_key", ""),
        ("?policy_id=1&policy_response=x", "invalid policy_response x"),
        ("?team_id=x", "x is not a number"),
        ("?order_key=created_at&after=x", "x is not a time"),
    ] {
        let refused = server.admin.get(&format!("hosts{query}")).await.refused(422);
        assert!(refused.contains(reason), "{query}: {refused}");
        assert!(!refused.is_empty());
    }
}

#[tokio::test]
async fn counts_and_the_summary_agree_with_lists() {
    let server = four().await;
    let count = |query: &'static str| {
        let admin = server.admin.clone();
        async move { admin.get(&format!("hosts/count{query}")).await.ok()["count"].as_u64().unwrap() }
    };
    assert_eq!(count("").await, 4);
    assert_eq!(count("?per_page=1").await, 4);
    assert_eq!(count("?status=online").await, 3);
    assert_eq!(count("?label_id=6").await, 3);
    assert_eq!(count("?team_id=1&query=01").await, 1);
    let summary = server.admin.get("host_summary").await.ok();
    assert_eq!(
        summary,
        json!({
            "totals_hosts_count": 4,
            "platforms": [{"platform": "darwin", "hosts_count": 1}, {"platform": "ubuntu", "hosts_count": 3}],
            "online_count": 3, "offline_count": 0, "mia_count": 1, "new_count": 3
        })
    );
    let linux = server.admin.get("host_summary?team_id=1&platform=linux").await.ok();
    assert_eq!((&linux["team_id"], &linux["totals_hosts_count"]), (&json!(1), &json!(2)));
    let versions = server.admin.get("os_versions?platform=darwin").await.ok();
    assert_eq!(
        versions["os_versions"],
        json!([{"hosts_count": 1, "name": "macOS 12", "platform": "darwin"}])
    );
}

#[tokio::test]
async fn a_status_filter_knows_of_a_contact_that_is_not_written_down_yet() {
    let server = Server::start().await;
    let agent = server.host("quiet").await;
    agent.work(&[]).await;
    // As if nothing had been written for an hour: memory knows better.
    sql(&server, "UPDATE hosts SET seen_time = seen_time - 3600000000").await;
    let online = server.admin.get("hosts?status=online").await.ok();
    assert_eq!((names(&online), &online["hosts"][0]["status"]), (vec!["quiet"], &json!("online")));
    assert_eq!(server.admin.get("hosts/count?status=offline").await.ok()["count"], 0);
    assert_eq!(server.admin.get("host_summary").await.ok()["online_count"], 1);
}

#[tokio::test]
async fn members_of_a_team_see_its_hosts_only() {
    let server = four().await;
    let observer = server.team_user(1, Role::Observer).await;
    assert_eq!(names(&observer.get("hosts").await.ok()), ["db01", "db02"]);
    assert_eq!(names(&observer.get("hosts?team_id=2").await.ok()), Vec::<&str>::new());
    assert_eq!(names(&observer.get("labels/6/hosts").await.ok()), ["db01", "db02"]);
    assert_eq!(observer.get("hosts/count").await.ok()["count"], 2);
    assert_eq!(observer.get("host_summary").await.ok()["totals_hosts_count"], 2);
    observer.get("hosts/1").await.ok();
    assert_eq!(observer.get("hosts/3").await.status, 403);
    assert_eq!(observer.get("hosts/identifier/web01").await.status, 403);
    assert_eq!(observer.get("hosts/3/macadmins").await.status, 403);
    assert_eq!(observer.get("hosts/3/device_mapping").await.status, 403);
    assert_eq!(observer.post("hosts/3/refetch", json!({})).await.status, 403);
    assert_eq!(
        server.admin.get("labels/99/hosts").await.refused(404),
        "Label 99 was not found in the datastore"
    );
}

#[tokio::test]
async fn the_detail_shows_what_hangs_off_a_host() {
    let server = four().await;
    for statement in [
        "INSERT INTO host_users (host_id, uid, username, type, groupname, shell) VALUES (1, 0, 'root', '', 'root', '/bin/sh')",
        "INSERT INTO host_emails (host_id, email, source) VALUES (1, 'ada@example.org', 'google_chrome_profiles')",
        "INSERT INTO software (name, version, source, release, vendor, arch) VALUES ('bash', '5.2', 'deb_packages', '', '', 'amd64')",
        "INSERT INTO host_software (host_id, software_id) VALUES (1, 1)",
        "INSERT INTO host_munki (host_id, version) VALUES (1, '5.6')",
        "INSERT INTO host_mdm (host_id, enrolled, server_url, installed_from_dep) VALUES (1, 1, 'https://mdm', 1)",
        "INSERT INTO queries (created_at, updated_at, name, name_key, description, query, saved) VALUES (0, 0, 'usb', 'usb', '', 'select 1', 1)",
        "INSERT INTO packs (created_at, updated_at, name, name_key) VALUES (0, 0, 'inventory', 'inventory')",
        "INSERT INTO pack_targets (pack_id, kind, target_id) VALUES (1, 2, 1)",
        "INSERT INTO scheduled_queries (created_at, updated_at, pack_id, query_id, name, interval) VALUES (0, 0, 1, 1, 'usb', 60)",
        "INSERT INTO policies (created_at, updated_at, name, name_key, query, description, platform) VALUES (0, 0, 'disk', 'disk', 'select 1', '', 'linux,darwin')",
        "INSERT INTO policies (created_at, updated_at, name, name_key, query, description, platform, team_id) VALUES (0, 0, 'own', 'own', 'select 1', '', '', 1)",
        "INSERT INTO policies (created_at, updated_at, name, name_key, query, description, platform) VALUES (0, 0, 'win', 'win', 'select 1', '', 'windows')",
        "INSERT INTO policy_membership (policy_id, host_id, passes, updated_at) VALUES (1, 1, 1, 0), (2, 1, 0, 0)",
        "UPDATE hosts SET additional = '{\"a\":[{\"x\":\"1\"}],\"b\":[]}' WHERE id = 1",
    ] {
        sql(&server, statement).await;
    }
    let whole = server.admin.get("hosts/1").await.ok();
    let host = &whole["host"];
    assert_eq!(
        host["users"],
        json!([{"uid": 0, "username": "root", "type": "", "groupname": "root", "shell": "/bin/sh"}])
    );
    assert_eq!(
        host["software"],
        json!([{"id": 1, "name": "bash", "version": "5.2", "source": "deb_packages", "arch": "amd64",
            "generated_cpe": "", "vulnerabilities": null}])
    );
    let mapping = json!([{"email": "ada@example.org", "source": "google_chrome_profiles"}]);
    assert_eq!(host["device_mapping"], mapping);
    assert_eq!(
        (&host["labels"][0]["name"], &host["labels"][0]["label_type"]),
        (&json!("All Hosts"), &json!("builtin"))
    );
    assert_eq!((&host["packs"][0]["name"], &host["packs"][0]["type"]), (&json!("inventory"), &Json::Null));
    let answers: Vec<(&Json, &Json)> = host["policies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|policy| (&policy["name"], &policy["response"]))
        .collect();
    assert_eq!(answers, [(&json!("own"), &json!("fail")), (&json!("disk"), &json!("pass"))]);
    assert_eq!(host["policies"][0]["author_name"], "<deleted>");
    assert_eq!(
        host["pack_stats"],
        json!([{"pack_id": 1, "pack_name": "inventory", "type": "pack", "query_stats": [{
            "scheduled_query_name": "usb", "scheduled_query_id": 1, "query_name": "usb", "pack_name": "inventory",
            "pack_id": 1, "average_memory": 0, "denylisted": false, "executions": 0, "interval": 60,
            "last_executed": "1970-01-01T00:00:00Z", "output_size": 0, "system_time": 0, "user_time": 0,
            "wall_time": 0
        }]}])
    );
    assert_eq!(host["issues"], json!({"total_issues_count": 1, "failing_policies_count": 1}));
    assert_eq!(host["additional"], json!({"a": [{"x": "1"}], "b": []}));
    assert_eq!((&host["status"], &host["team_name"]), (&json!("online"), &json!("Blue")));
    assert!(host.get("node_key").is_none() && host.get("osquery_host_id").is_none());
    for identifier in ["db01", "uuid-db01", "serial-db01", "db%2501"] {
        let answer = server.admin.get(&format!("hosts/identifier/{identifier}")).await;
        if identifier.contains('%') {
            answer.refused(404);
        } else {
            assert_eq!(answer.ok()["host"]["id"], 1, "{identifier}");
        }
    }
    assert_eq!(
        server.admin.get("hosts/1/device_mapping").await.ok(),
        json!({"host_id": 1, "device_mapping": mapping})
    );
    assert_eq!(
        server.admin.get("hosts/2/device_mapping").await.ok(),
        json!({"host_id": 2, "device_mapping": null})
    );
    let managed = json!({"munki": {"version": "5.6"},
        "mobile_device_management": {"enrollment_status": "Enrolled (automated)", "server_url": "https://mdm"}});
    assert_eq!(server.admin.get("hosts/1/macadmins").await.ok(), json!({"macadmins": managed}));
    assert_eq!(server.admin.get("hosts/2/macadmins").await.ok(), json!({"macadmins": null}));
    let all = server.admin.get("macadmins").await.ok()["macadmins"].clone();
    assert_eq!(all["munki_versions"], json!([{"version": "5.6", "hosts_count": 1}]));
    assert_eq!(
        all["mobile_device_management_enrollment_status"],
        json!({"enrolled_manual_hosts_count": 0, "enrolled_automated_hosts_count": 1,
            "unenrolled_hosts_count": 0, "hosts_count": 1})
    );
    // The same, as lists show it.
    let list = server
        .admin
        .get("hosts?policy_id=2&policy_response=failing&device_mapping=1&additional_info_filters=a")
        .await
        .ok();
    assert_eq!((names(&list), &list["hosts"][0]["device_mapping"]), (vec!["db01"], &mapping));
    assert_eq!(list["hosts"][0]["additional"], json!({"a": [{"x": "1"}]}));
    assert_eq!(list["hosts"][0]["issues"]["failing_policies_count"], 1);
    assert_eq!(list["hosts"][0]["pack_stats"], Json::Null);
    let cheap = server.admin.get("hosts?disable_failing_policies=true").await.ok();
    assert_eq!(cheap["hosts"][0]["issues"]["failing_policies_count"], 0);
    assert!(
        cheap["hosts"][0].get("device_mapping").is_none() && cheap["hosts"][0].get("additional").is_none()
    );
    let list = server.admin.get("hosts?software_id=1").await.ok();
    assert_eq!((names(&list), &list["software"]["name"]), (vec!["db01"], &json!("bash")));
    assert_eq!(names(&server.admin.get("hosts?policy_id=1").await.ok()), ["db02", "web01", "old"]);
    assert_eq!(names(&server.admin.get("hosts?query=ada@EXAMPLE").await.ok()), ["db01"]);
}

#[tokio::test]
async fn a_report_is_a_table_of_what_lists_show() {
    let server = four().await;
    sql(&server, "UPDATE hosts SET computer_name = 'a \"b\",c' WHERE id = 1").await;
    for query in ["", "?format=json"] {
        let refused = server.admin.get(&format!("hosts/report{query}")).await;
        assert_eq!(refused.refused(415), "unsupported or unspecified report format");
    }
    let path = "/api/v1/fleet/hosts/report?format=csv&team_id=1&order_key=hostname&per_page=1";
    let response = server.admin.raw(http::Method::GET, path, None).await;
    assert_eq!(response.headers()["content-type"], "text/csv");
    let named = response.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert!(named.starts_with("attachment; filename=\"Hosts 2") && named.ends_with(".csv\""), "{named}");
    let text = response.text().await.unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("created_at,updated_at,id,detail_updated_at"), "{text}");
    assert_eq!(lines.len(), 3);
    assert!(lines[1].contains("\"a \"\"b\"\",c\"") && lines[1].contains(",db01,uuid-db01,ubuntu,"), "{text}");
    assert!(lines[1].contains(",1,Blue,") && lines[1].ends_with(",online,db01,\"a \"\"b\"\",c\""), "{text}");
}

#[tokio::test]
async fn deleted_hosts_are_gone_and_their_agents_enrol_again() {
    let server = four().await;
    let agent = server.host("short").await;
    sql(&server, "INSERT INTO packs (created_at, updated_at, name, name_key) VALUES (0, 0, 'p', 'p')").await;
    sql(&server, "INSERT INTO pack_targets (pack_id, kind, target_id) SELECT 1, 1, id FROM hosts").await;
    let path = format!("hosts/{}", agent.host_id);
    assert_eq!(server.admin.delete(&path).await.ok(), json!({}));
    assert_eq!(agent.call("config", json!({})).await["node_invalid"], true);
    assert_eq!(number(&server, "SELECT COUNT(*) FROM pack_targets").await, 4);
    let missing = format!("Host {} was not found in the datastore", agent.host_id);
    assert_eq!(server.admin.delete(&path).await.refused(404), missing);
    let delete = |body: Json| server.admin.post("hosts/delete", body);
    let both = delete(json!({"ids": [1], "filters": {"query": "x"}})).await.refused(400);
    assert_eq!(both, "Cannot specify a list of ids and filters at the same time");
    delete(json!({})).await.refused(400);
    delete(json!({"ids": [], "filters": null})).await.refused(400);
    let status = delete(json!({"filters": {"status": "online", "label_id": 6}})).await;
    assert_eq!(
        status.body["errors"][0],
        json!({"name": "status", "reason": "may not be provided with label_id"})
    );
    // One that is not there: nothing is deleted.
    delete(json!({"ids": [1, 77]})).await.refused(404);
    assert_eq!(number(&server, "SELECT COUNT(*) FROM hosts").await, 4);
    delete(json!({"ids": [1, 1]})).await.ok();
    delete(json!({"filters": {"status": "mia"}})).await.ok();
    assert_eq!(names(&server.admin.get("hosts").await.ok()), ["db02", "web01"]);
    // A maintainer of a team reaches no other host.
    let maintainer = server.team_user(1, Role::Maintainer).await;
    assert_eq!(maintainer.delete("hosts/3").await.status, 403);
    assert_eq!(maintainer.post("hosts/delete", json!({"ids": [2, 3]})).await.status, 403);
    assert_eq!(maintainer.post("hosts/delete", json!({"filters": {"team_id": 9}})).await.status, 403);
    maintainer.post("hosts/delete", json!({"filters": {}})).await.ok();
    assert_eq!(names(&server.admin.get("hosts").await.ok()), ["web01"]);
    let observer = server.user(Role::Observer).await;
    assert_eq!(observer.post("hosts/delete", json!({"ids": [3]})).await.status, 403);
}

#[tokio::test]
async fn hosts_change_teams_when_both_sides_may_be_written() {
    let server = four().await;
    let green = server.team("Green").await;
    let transfer = "hosts/transfer";
    for statement in [
        "INSERT INTO policies (created_at, updated_at, name, name_key, query, description, platform) VALUES (0, 0, 'all', 'all', 'select 1', '', '')",
        "INSERT INTO policies (created_at, updated_at, name, name_key, query, description, platform, team_id) VALUES (0, 0, 'blue', 'blue', 'select 1', '', '', 1)",
        "INSERT INTO policy_membership (policy_id, host_id, passes, updated_at) VALUES (1, 1, 1, 0), (2, 1, 0, 0)",
    ] {
        sql(&server, statement).await;
    }
    let blue = server.team_user(1, Role::Maintainer).await;
    let both = server.make_user(None, vec![(1, Role::Maintainer), (green, Role::Admin)]).await;
    assert_eq!(blue.post(transfer, json!({"team_id": green, "hosts": [1]})).await.status, 403);
    assert_eq!(blue.post(transfer, json!({"team_id": null, "hosts": [1]})).await.status, 403);
    assert_eq!(blue.post(transfer, json!({"team_id": 1, "hosts": [3]})).await.status, 403);
    let refused = server.admin.post(transfer, json!({"team_id": 99, "hosts": [1]})).await.refused(404);
    assert_eq!(refused, "Team 99 was not found in the datastore");
    assert_eq!(both.post(transfer, json!({"team_id": green, "hosts": [1]})).await.ok(), json!({}));
    assert_eq!(server.admin.get("hosts/1").await.ok()["host"]["team_name"], "Green");
    assert_eq!(number(&server, "SELECT MAX(policy_id) FROM policy_membership").await, 1);
    // 0 is no team, as null is.
    server.admin.post(transfer, json!({"team_id": 0, "hosts": [1]})).await.ok();
    assert_eq!(server.admin.get("hosts/1").await.ok()["host"]["team_id"], Json::Null);
    let matching = "hosts/transfer/filter";
    server.admin.post(matching, json!({"team_id": 1, "filters": {"query": "web"}})).await.ok();
    assert_eq!(names(&server.admin.get("hosts?team_id=1").await.ok()), ["db02", "web01"]);
    both.post(matching, json!({"team_id": green, "filters": {"label_id": 6}})).await.ok();
    assert_eq!(names(&server.admin.get(&format!("hosts?team_id={green}")).await.ok()), ["db02", "web01"]);
    server.admin.post(matching, json!({"team_id": 1})).await.refused(422);
}

#[tokio::test]
async fn hosts_that_never_answered_or_are_gone_are_removed() {
    let server = four().await;
    let past = now() - 301_000_000;
    let insert = move |tx: &mut store::db::Tx<'_>| {
        for (name, version, created) in [("", "", past), ("", "5.1", past), ("", "", now())] {
            let sql = "INSERT INTO hosts (created_at, updated_at, osquery_host_id, seen_time, detail_updated_at, \
                label_updated_at, policy_updated_at, last_enrolled_at, hostname, osquery_version) \
                VALUES ($1, 0, $2, $4, 0, 0, 0, 0, $3, $5)";
            let id = format!("{version}{created}");
            tx.execute(sql, store::params![created, id, name, now(), version])?;
        }
        Ok::<_, DbError>(())
    };
    server.fleet.db.write(insert).await.unwrap();
    fleet::jobs::hourly(&server.fleet).await;
    assert_eq!(number(&server, "SELECT COUNT(*) FROM hosts WHERE hostname = ''").await, 2);
    fleet::jobs::daily(&server.fleet).await;
    assert_eq!(number(&server, "SELECT COUNT(*) FROM hosts WHERE hostname = 'old'").await, 1);
    let settings = json!({"host_expiry_settings": {"host_expiry_enabled": true, "host_expiry_window": 30}});
    let set = move |tx: &mut store::db::Tx<'_>| store::fleet::app_config::set(tx, &settings);
    server.fleet.db.write(set).await.unwrap();
    fleet::jobs::daily(&server.fleet).await;
    assert_eq!(number(&server, "SELECT COUNT(*) FROM hosts WHERE hostname = 'old'").await, 0);
    assert_eq!(number(&server, "SELECT COUNT(*) FROM hosts").await, 5);
}
