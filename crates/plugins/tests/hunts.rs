//! Hunts: who takes part, what they bring, how they end.

mod common;

use common::state::TestServer;
use store::flow::FlowState;
use vql::permission::{Permission, Permissions};

const ROWS: &str = "name: Custom.Rows\nsources:\n  - query: SELECT 1 AS X FROM scope()\n";

/// Three clients: C.1 (linux, Lab), C.2 (windows), C.3 (linux).
fn with_clients() -> TestServer {
    let server = TestServer::new();
    server.define(ROWS);
    for (id, os, labels) in [("C.1", "linux", "['Lab']"), ("C.2", "windows", "[]"), ("C.3", "linux", "[]")] {
        server.rows(&format!(
            "SELECT client_create(client_id='{id}', hostname='{id}.example.com', os='{os}', labels={labels}) FROM scope()"
        ));
    }
    server
}

#[track_caller]
fn hunt(server: &TestServer, more: &str) -> String {
    let rows =
        server.rows(&format!("SELECT hunt(artifacts='Custom.Rows', {more}).HuntId AS Id FROM scope()"));
    rows.split('"').nth(3).unwrap_or_else(|| panic!("{rows}")).to_owned()
}

#[track_caller]
fn clients_of(server: &TestServer, id: &str) -> String {
    let rows = server.rows(&format!("SELECT ClientId FROM hunt_flows(hunt_id='{id}', basic_info=TRUE)"));
    let rows: Vec<serde_json::Value> = serde_json::from_str(&rows).unwrap();
    rows.iter().filter_map(|r| r["ClientId"].as_str()).collect::<Vec<_>>().join(" ")
}

/// What an agent does: takes the collection, brings a row, and says that it is done.
fn bring(server: &TestServer, client: &str, flow: &str, row: &str) {
    let kept = &server.server;
    kept.flows.dequeue(client, flow).unwrap();
    let mut rows = kept.flows.results_writer(client, flow, "Custom.Rows").unwrap();
    rows.push(row.as_bytes()).unwrap();
    rows.finish().unwrap();
    let done = kept.flows.update(client, flow, |f| {
        f.state = FlowState::Finished;
        f.total_collected_rows = 1;
        f.artifacts_with_results = vec!["Custom.Rows".into()];
    });
    plugins::collection::ended(kept, &done.unwrap().unwrap()).unwrap();
}

#[test]
fn every_client_that_fits_takes_part_now_or_later() {
    let server = with_clients();
    let all = hunt(&server, "description='all'");
    let linux = hunt(&server, "os='linux', exclude_labels='lab'");
    let lab = hunt(&server, "include_labels='LAB'");
    assert_eq!(clients_of(&server, &all), "C.1 C.2 C.3");
    assert_eq!(clients_of(&server, &linux), "C.3");
    assert_eq!(clients_of(&server, &lab), "C.1");
    server.rows("SELECT client_create(client_id='C.4', hostname='new', os='linux') FROM scope()");
    assert_eq!(clients_of(&server, &all), "C.1 C.2 C.3 C.4");
    assert_eq!(clients_of(&server, &linux), "C.3 C.4");
    server.rows("SELECT label(client_id='C.2', labels='lab') FROM scope()");
    assert_eq!(clients_of(&server, &lab), "C.1 C.2");
    assert_eq!(server.server.flows.pending("C.1").unwrap().len(), 2);
    assert_eq!(server.server.flows.pending("server").unwrap().len(), 0);
    let shown = server.rows(&format!(
        "SELECT hunt_id =~ '^H[.][0-9A-V]{{13}}$' AS Id, state, creator, hunt_description AS D, \
         stats.total_clients_scheduled AS N, artifacts, artifact_sources AS S, org_ids FROM hunts(hunt_id='{all}')"
    ));
    assert_eq!(
        shown,
        r#"[{"Id":true,"state":"RUNNING","creator":"fred","D":"all","N":4,"artifacts":["Custom.Rows"],"S":["Custom.Rows"],"org_ids":["root"]}]"#
    );
    let condition = server.rows(&format!("SELECT hunt_info(hunt_id='{linux}').condition AS C FROM scope()"));
    assert_eq!(
        condition,
        r#"[{"C":{"excluded_labels":{"label":["lab"]},"labels":null,"os":{"os":"LINUX"}}}]"#
    );
}

#[test]
fn the_rows_of_a_hunt_say_where_they_are_from() {
    let server = with_clients();
    let id = hunt(&server, "os='linux'");
    let flow = format!("F.{}.H", id.trim_start_matches("H."));
    bring(&server, "C.1", &flow, r#"{"X":1}"#);
    bring(&server, "C.3", &flow, r#"{"X":3}"#);
    let wanted = format!(
        r#"[{{"X":1,"FlowId":"{flow}","ClientId":"C.1","_OrgId":"root","Fqdn":"C.1.example.com"}},{{"X":3,"FlowId":"{flow}","ClientId":"C.3","_OrgId":"root","Fqdn":"C.3.example.com"}}]"#
    );
    assert_eq!(
        server.rows(&format!("SELECT * FROM hunt_results(hunt_id='{id}', artifact='Custom.Rows')")),
        wanted
    );
    assert_eq!(server.rows(&format!("SELECT * FROM source(hunt_id='{id}')")), wanted);
    assert_eq!(
        server.rows(&format!("LET HuntId = '{id}' SELECT X FROM source(start_row=1, count=1)")),
        r#"[{"X":3}]"#
    );
    assert_eq!(
        server.rows(&format!("SELECT * FROM hunt_results(hunt_id='{id}', brief=TRUE)")),
        r#"[{"X":1},{"X":3}]"#
    );
    assert_eq!(
        server.rows(&format!(
            "SELECT stats.total_finished_clients AS F, stats.total_clients_with_results AS R, \
             stats.total_collected_rows AS N FROM hunts(hunt_id='{id}')"
        )),
        r#"[{"F":2,"R":2,"N":2}]"#
    );
    assert_eq!(
        server.rows(&format!("SELECT Flow.state AS S FROM hunt_flows(hunt_id='{id}', start_row=1)")),
        r#"[{"S":"FINISHED"}]"#
    );
}

#[test]
fn a_paused_hunt_waits_and_a_stopped_one_takes_back_what_waits() {
    let server = with_clients();
    let id = hunt(&server, "pause=TRUE, tags='a'");
    assert_eq!(clients_of(&server, &id), "");
    server.rows(&format!(
        "SELECT hunt_update(hunt_id='{id}', start=TRUE, description='new', add_labels='b', del_labels='a') FROM scope()"
    ));
    assert_eq!(clients_of(&server, &id), "C.1 C.2 C.3");
    let flow = format!("F.{}.H", id.trim_start_matches("H."));
    bring(&server, "C.1", &flow, "{}");
    server.rows(&format!("SELECT hunt_update(hunt_id='{id}', stop=TRUE) FROM scope()"));
    assert!(server.server.flows.pending("C.2").unwrap().is_empty());
    server.rows("SELECT client_create(client_id='C.4', hostname='new') FROM scope()");
    assert_eq!(clients_of(&server, &id), "C.1 C.2 C.3");
    assert_eq!(
        server.rows(
            "SELECT state, hunt_description AS D, tags, stats.stopped AS Stopped, \
                     stats.total_clients_with_errors AS E FROM hunts()"
        ),
        r#"[{"state":"STOPPED","D":"new","tags":["b"],"Stopped":true,"E":2}]"#
    );
    assert_eq!(
        server.rows("SELECT state, status FROM flows(client_id='C.2')"),
        r#"[{"state":"ERROR","status":"The hunt was stopped"}]"#
    );
}

#[test]
fn an_expired_hunt_takes_no_more_clients() {
    let server = with_clients();
    let id = hunt(&server, "expires=now() + 2");
    assert_eq!(clients_of(&server, &id), "C.1 C.2 C.3");
    server.server.hunts.update(&id, |h| h.expires = 1).unwrap();
    server.rows("SELECT client_create(client_id='C.4', hostname='new') FROM scope()");
    assert_eq!(clients_of(&server, &id), "C.1 C.2 C.3");
    assert_eq!(server.rows("SELECT state FROM hunts()"), r#"[{"state":"STOPPED"}]"#);
    let log =
        server.run_as("SELECT hunt(artifacts='Custom.Rows', expires=5) FROM scope()", Permissions::all()).log;
    assert_eq!(log, ["hunt: expires is in the past"]);
    let log = server
        .run_as(&format!("SELECT hunt_update(hunt_id='{id}', start=TRUE) FROM scope()"), Permissions::all())
        .log;
    assert_eq!(log, [format!("hunt_update: hunt {id} has expired: set expires as well")]);
}

#[test]
fn a_server_that_died_half_way_goes_on() {
    let server = with_clients();
    let id = hunt(&server, "pause=TRUE");
    // The first client got its collection, and nothing else was written.
    let kept = &server.server;
    kept.hunts.update(&id, |h| h.state = store::hunt::HuntState::Running).unwrap();
    let flow_id = kept.hunts.get(&id).unwrap().flow_id();
    let mine = store::flow::Flow {
        client_id: "C.1".into(),
        session_id: flow_id.clone(),
        state: FlowState::Running,
        inflight_time: 7,
        ..Default::default()
    };
    kept.flows.save(&mine).unwrap();
    plugins::hunt::resume(kept).unwrap();
    plugins::hunt::resume(kept).unwrap();
    assert_eq!(clients_of(&server, &id), "C.1 C.2 C.3");
    assert_eq!(kept.flows.find("C.1", &flow_id).unwrap(), Some(mine));
    assert_eq!(kept.flows.pending("C.2").unwrap().len(), 1);
}

#[test]
fn many_clients_are_reached_and_no_more_than_the_limit() {
    let server = with_clients();
    let kept = &server.server;
    for i in 0..250 {
        let client = store::client::Client { client_id: format!("C.many{i}"), ..Default::default() };
        kept.clients.add(client).unwrap();
    }
    let reached = |id: &str| kept.hunts.get(id).unwrap().stats.total_clients_scheduled;
    let id = hunt(&server, "description='many'");
    assert!(reached(&id) >= 100);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while reached(&id) < 253 {
        assert!(std::time::Instant::now() < until, "{} of 253", reached(&id));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let few = hunt(&server, "pause=TRUE");
    kept.hunts.update(&few, |h| h.client_limit = 2).unwrap();
    server.rows(&format!("SELECT hunt_update(hunt_id='{few}', start=TRUE) FROM scope()"));
    assert_eq!(reached(&few), 2);
}

#[test]
fn clients_are_added_by_hand() {
    let server = with_clients();
    let id = hunt(&server, "os='windows'");
    server.rows(&format!("SELECT hunt_add(hunt_id='{id}', client_id='C.1') FROM scope()"));
    assert_eq!(clients_of(&server, &id), "C.2 C.1");
    server.rows(
        "SELECT collect_client(client_id='C.3', artifacts='Custom.Rows', flow_id='F.OWN') FROM scope()",
    );
    server.rows(&format!("SELECT hunt_add(hunt_id='{id}', client_id='C.3', flow_id='F.OWN') FROM scope()"));
    bring(&server, "C.3", "F.OWN", r#"{"X":9}"#);
    assert_eq!(server.rows(&format!("SELECT X FROM hunt_results(hunt_id='{id}')")), r#"[{"X":9}]"#);
    server.rows(&format!("SELECT hunt_add(hunt_id='{id}', client_id='C.1', relaunch=TRUE) FROM scope()"));
    assert_eq!(clients_of(&server, &id), "C.2 C.1 C.3 C.1");
    assert_eq!(
        server.rows(
            "SELECT stats.total_clients_scheduled AS N, stats.total_finished_clients AS F FROM hunts()"
        ),
        r#"[{"N":3,"F":1}]"#
    );
    for (more, why) in [
        ("client_id='C.1'", format!("client C.1 takes part in hunt {id} already: use relaunch")),
        ("client_id='C.9'", "client C.9 is not known".to_owned()),
        ("client_id='server'", "the server takes no part in hunts".to_owned()),
        ("client_id='C.2', flow_id='F.9'", "client C.2 has no collection F.9".to_owned()),
    ] {
        let query = format!("SELECT hunt_add(hunt_id='{id}', {more}) FROM scope()");
        assert_eq!(server.run_as(&query, Permissions::all()).log, [format!("hunt_add: {why}")]);
    }
}

#[test]
fn a_hunt_is_archived_or_deleted_with_its_collections() {
    let server = with_clients();
    let id = hunt(&server, "os='windows'");
    let delete = |more: &str| server.rows(&format!("SELECT type FROM hunt_delete(hunt_id='{id}'{more})"));
    assert_eq!(delete(""), r#"[{"type":"Flow"},{"type":"Hunt"}]"#);
    delete(", archive=TRUE, really_do_it=TRUE");
    assert_eq!(server.rows("SELECT state FROM hunts()"), r#"[{"state":"ARCHIVED"}]"#);
    delete(", really_do_it=TRUE");
    assert_eq!(server.rows("SELECT * FROM hunts()"), "[]");
    assert_eq!(server.rows("SELECT * FROM flows(client_id='C.2')"), "[]");
}

#[test]
fn rights_are_checked() {
    let server = with_clients();
    let held = Permissions::of(&[Permission::ReadResults, Permission::CollectClient]);
    for (query, name) in [
        ("hunt(artifacts='Custom.Rows')", "hunt"),
        ("hunt_update(hunt_id='H.1', stop=TRUE)", "hunt_update"),
        ("hunt_add(hunt_id='H.1', client_id='C.1')", "hunt_add"),
    ] {
        let log = server.run_as(&format!("SELECT {query} FROM scope()"), held).log;
        assert_eq!(log, [format!("{name}: PermissionDenied: Permission denied: [START_HUNT]")]);
    }
    let unknown = server.run_as("SELECT hunt_info(hunt_id='H.1') FROM scope()", held);
    assert_eq!(unknown.log, ["hunt_info: hunt H.1 is not known"]);
}
