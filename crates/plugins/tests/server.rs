//! Callables that need a server, run on a real one in a directory of its own.

mod common;

use std::time::Duration;

use common::state::{TestServer, next_row};
use store::event::{Event, Position};
use vql::permission::{Permission, Permissions};

const NUMBERS: &str = "name: Custom.Numbers\ntype: SERVER\nparameters:\n  - name: Count\n    type: int\n    default: 3\nsources:\n  - query: SELECT _value AS N FROM range(end=Count)\n";

#[test]
fn a_collection_runs_and_its_rows_are_read_back() {
    let server = TestServer::new();
    server.define(NUMBERS);
    let id = server.collect("artifacts='Custom.Numbers', env=dict(Count=2)");
    let by_flow = format!("FROM flow_results(client_id='server', flow_id='{id}')");
    assert_eq!(server.rows(&format!("SELECT * {by_flow}")), r#"[{"N":0},{"N":1}]"#);
    assert_eq!(
        server.rows(&format!(
            "SELECT N FROM source(client_id='server', flow_id='{id}', artifact='Custom.Numbers', start_row=1)"
        )),
        r#"[{"N":1}]"#
    );
    assert_eq!(
        server.rows(&format!(
            "LET ClientId = 'server' LET FlowId = '{id}' LET ArtifactName = 'Custom.Numbers' SELECT * FROM source(count=1)"
        )),
        r#"[{"N":0}]"#
    );
    assert_eq!(
        server.rows(
            "SELECT state, total_collected_rows, artifacts_with_results, request.artifacts AS A FROM flows(client_id='server')"
        ),
        r#"[{"state":"FINISHED","total_collected_rows":2,"artifacts_with_results":["Custom.Numbers"],"A":["Custom.Numbers"]}]"#
    );
}

#[test]
fn files_are_uploaded_once_and_can_be_read_from_the_file_store() {
    let server = TestServer::new();
    std::fs::write(server.dir.path().join("sample.txt"), "hello").unwrap();
    server.define(
        "name: Custom.Fetch\ntype: SERVER\nparameters:\n  - name: Path\nsources:\n  - query: |\n      SELECT upload(file=Path) AS First, upload(file=Path) AS Again FROM scope()\n",
    );
    let path = server.dir.path().join("sample.txt").display().to_string();
    let id = server.collect(&format!("artifacts='Custom.Fetch', env=dict(Path='{path}')"));
    assert_eq!(
        server.rows(&format!(
            "SELECT First.Size AS Size, First.sha256 AS Hash, First.Components = Again.Components AS Same \
             FROM source(client_id='server', flow_id='{id}', artifact='Custom.Fetch')"
        )),
        r#"[{"Size":5,"Hash":"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824","Same":true}]"#
    );
    let listed = server.rows(&format!(
        "SELECT client_path, file_size, Upload.Components AS C FROM uploads(client_id='server', flow_id='{id}')"
    ));
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(listed[0]["client_path"], path.as_str());
    let components: Vec<String> = serde_json::from_value(listed[0]["C"].clone()).unwrap();
    assert_eq!(components[..4], ["clients", "server", "collections", &id]);
    assert_eq!(server.server.files.read_at(&components, 0, 100).unwrap(), b"hello");
}

#[test]
fn a_runaway_collection_is_stopped_with_a_message() {
    let server = TestServer::new();
    server.define("name: Custom.Endless\ntype: SERVER\nsources:\n  - query: SELECT _value AS N FROM range(end=100000000)\n");
    server
        .define("name: Custom.Waits\ntype: SERVER\nsources:\n  - query: SELECT * FROM clock(period=1000)\n");
    let many = server.collect("artifacts='Custom.Endless', max_rows=10");
    let big = server.collect("artifacts='Custom.Endless', max_bytes=1000");
    let long = server.collect("artifacts='Custom.Waits', timeout=1");
    for (id, state, status, rows) in [
        (many, "ERROR", "Row count exceeded limit 10", 10),
        (big, "ERROR", "Rows take more than the limit of 1000 bytes", 0),
        (long, "ERROR", "Timeout Error: Collection timed out after 1 seconds", 0),
    ] {
        let flow = server.rows(&format!(
            "SELECT state, status, total_collected_rows AS Rows FROM flows(client_id='server', flow_id='{id}')"
        ));
        let flow: serde_json::Value = serde_json::from_str(&flow).unwrap();
        assert_eq!((flow[0]["state"].as_str(), flow[0]["status"].as_str()), (Some(state), Some(status)));
        if rows > 0 {
            assert_eq!(flow[0]["Rows"], rows);
        }
        let log = server.rows(&format!(
            "SELECT level, message FROM flow_logs(client_id='server', flow_id='{id}') WHERE level = 'ERROR'"
        ));
        assert!(log.contains(status), "{log}");
    }
}

#[test]
fn a_failing_query_marks_the_collection_and_says_why() {
    let server = TestServer::new();
    server.define("name: Custom.Bad\ntype: SERVER\nsources:\n  - query: SELECT Nosuch AS X FROM scope()\n");
    let id = server.collect("artifacts='Custom.Bad'");
    let rows = server.rows(&format!("SELECT state, status FROM flows(client_id='server', flow_id='{id}')"));
    assert!(rows.contains("ERROR") && rows.contains("Symbol Nosuch not found"), "{rows}");
}

#[test]
fn a_running_collection_can_be_cancelled_and_then_deleted() {
    let server = TestServer::new();
    server
        .define("name: Custom.Waits\ntype: SERVER\nsources:\n  - query: SELECT * FROM clock(period=1000)\n");
    let rows = server.rows(
        "SELECT collect_client(client_id='server', artifacts='Custom.Waits').flow_id AS Id FROM scope()",
    );
    let id = rows.split('"').nth(3).unwrap().to_owned();
    server.rows(&format!("SELECT cancel_flow(client_id='server', flow_id='{id}') FROM scope()"));
    server.wait(&id);
    let rows = server.rows(&format!("SELECT status FROM flows(client_id='server', flow_id='{id}')"));
    assert!(rows.contains("Cancelled by"), "{rows}");
    server.rows(&format!("SELECT * FROM delete_flow(client_id='server', flow_id='{id}')"));
    assert_eq!(server.rows("SELECT count() AS N FROM flows(client_id='server') GROUP BY 1"), r#"[{"N":1}]"#);
    server.rows(&format!("SELECT * FROM delete_flow(client_id='server', flow_id='{id}', really_do_it=TRUE)"));
    assert_eq!(server.rows("SELECT * FROM flows(client_id='server')"), "[]");
}

#[test]
fn what_was_running_when_the_server_died_is_marked() {
    let server = TestServer::new();
    let flow = store::flow::Flow {
        client_id: "server".into(),
        session_id: "F.1".into(),
        state: store::flow::FlowState::Running,
        ..Default::default()
    };
    server.server.flows.save(&flow).unwrap();
    plugins::collection::mark_interrupted(&server.server).unwrap();
    assert_eq!(
        server.rows("SELECT state, status FROM flows(client_id='server')"),
        r#"[{"state":"ERROR","status":"The server stopped while collecting."}]"#
    );
}

#[test]
fn rights_are_checked() {
    let server = TestServer::new();
    server.define(NUMBERS);
    let collect = "SELECT collect_client(client_id='server', artifacts='Custom.Numbers') AS X FROM scope()";
    let reader = Permissions::of(&[Permission::ReadResults]);
    let outcome = server.run_as(collect, reader);
    assert_eq!(outcome.rows, r#"[{"X":null}]"#);
    assert_eq!(outcome.log, ["collect_client: PermissionDenied: Permission denied: [COLLECT_SERVER]"]);
    server.rows("SELECT artifact_set_metadata(name='Custom.Numbers', basic=TRUE) FROM scope()");
    let basic = Permissions::of(&[Permission::CollectBasic]);
    assert!(server.run_as(collect, basic).rows.contains("flow_id"));
    let writer = Permissions::of(&[Permission::ArtifactWriter]);
    let set = format!("SELECT artifact_set(definition='''{NUMBERS}''') AS X FROM scope()");
    assert_eq!(
        server.run_as(&set, writer).log,
        ["artifact_set: PermissionDenied: Permission denied: [SERVER_ARTIFACT_WRITER]"]
    );
}

#[test]
fn artifacts_are_set_called_and_deleted() {
    let server = TestServer::new();
    let set =
        format!("SELECT artifact_set(definition='''{NUMBERS}''', prefix='Team.').name AS Name FROM scope()");
    assert_eq!(server.rows(&set), r#"[{"Name":"Team.Custom.Numbers"}]"#);
    assert_eq!(
        server.rows("SELECT * FROM Artifact.Team.Custom.Numbers(Count=1)"),
        r#"[{"N":0,"_Source":"Team.Custom.Numbers"}]"#
    );
    let bad = server.run_as(
        "SELECT artifact_set(definition='name: A\nsources:\n  - query: SELECT') FROM scope()",
        Permissions::all(),
    );
    assert!(bad.log[0].starts_with("artifact_set: 3:"), "{:?}", bad.log);
    server.rows("SELECT artifact_delete(name='Team.Custom.Numbers') FROM scope()");
    let gone = server.run_as("SELECT * FROM Artifact.Team.Custom.Numbers()", Permissions::all());
    assert_eq!(gone.log, ["Artifact: artifact Team.Custom.Numbers is not known"]);
}

#[test]
fn sources_share_a_scope_imports_are_seen_and_preconditions_obeyed() {
    let server = TestServer::new();
    server.define("name: Custom.Lib\ntype: SERVER\nexport: |\n  LET Double(x) = x * 2\nsources:\n  - query: SELECT 1 AS X FROM scope()\n");
    server.define("name: Custom.Uses\ntype: SERVER\nimports: [Custom.Lib]\nsources:\n  - name: A\n    query: |\n      LET Base = 4\n      SELECT Double(x=Base) AS X FROM scope()\n  - name: B\n    query: SELECT Double(x=Base) + 1 AS X FROM scope()\n");
    server.define("name: Custom.Never\ntype: SERVER\nprecondition: SELECT * FROM scope() WHERE FALSE\nsources:\n  - query: SELECT 1 AS X FROM scope()\n");
    assert_eq!(
        server.rows("SELECT * FROM Artifact.Custom.Uses()"),
        r#"[{"X":8,"_Source":"Custom.Uses/A"},{"X":9,"_Source":"Custom.Uses/B"}]"#
    );
    assert_eq!(server.rows("SELECT X FROM Artifact.Custom.Uses(source='A')"), r#"[{"X":8}]"#);
    assert_eq!(server.rows("SELECT * FROM Artifact.Custom.Never(preconditions=TRUE)"), "[]");
    assert_eq!(server.rows("SELECT X FROM Artifact.Custom.Never()"), r#"[{"X":1}]"#);
    let warned = server.run_as("SELECT X FROM Artifact.Custom.Never(Other=1)", Permissions::all());
    assert_eq!(warned.log, ["WARN:Custom.Never has no parameter Other"]);
}

#[test]
fn an_artifact_that_calls_itself_ends() {
    let server = TestServer::new();
    server.define(
        "name: Custom.Loop\ntype: SERVER\nsources:\n  - query: SELECT * FROM Artifact.Custom.Loop()\n",
    );
    let outcome = server.run_as("SELECT * FROM Artifact.Custom.Loop()", Permissions::all());
    assert_eq!(outcome.rows, "[]");
    assert!(outcome.log.iter().any(|l| l.contains("Stack Overflow")), "{:?}", outcome.log.first());
}

#[test]
fn the_end_of_a_collection_is_an_event() {
    let server = TestServer::new();
    server.define(NUMBERS);
    let mut watch = server.server.events.subscribe("System.Flow.Completion", &Position::Newest).unwrap();
    let id = server.collect("artifacts='Custom.Numbers'");
    let Event::Row(_, row) = watch.recv_timeout(Duration::from_secs(10)) else { panic!("no event") };
    let row: serde_json::Value = serde_json::from_slice(&row).unwrap();
    assert_eq!((row["FlowId"].as_str(), row["ClientId"].as_str()), (Some(id.as_str()), Some("server")));
}

const TICKS: &str = "name: Custom.Ticks\ntype: SERVER_EVENT\nparameters:\n  - name: Word\n    default: a\nsources:\n  - query: SELECT Word, count() AS N FROM clock(ms=20)\n";

#[test]
fn event_artifacts_run_change_and_stop() {
    let server = TestServer::new();
    server.define(TICKS);
    let mut watch = server.server.events.subscribe("Custom.Ticks", &Position::Newest).unwrap();
    server.rows("SELECT add_server_monitoring(artifact='Custom.Ticks') FROM scope()");
    let first = next_row(&mut watch);
    assert_eq!(first["Word"], "a");
    assert!(first["_ts"].is_i64());
    server.rows(
        "SELECT add_server_monitoring(artifact='Custom.Ticks', parameters=dict(Word='b')) FROM scope()",
    );
    while next_row(&mut watch)["Word"] != "b" {}
    assert_eq!(
        server.rows("SELECT get_server_monitoring().specs[0].parameters.env[0].value AS V FROM scope()"),
        r#"[{"V":"b"}]"#
    );
    server.rows("SELECT rm_server_monitoring(artifact='Custom.Ticks') FROM scope()");
    assert!(server.server.monitor.get().unwrap().running().is_empty());
}

#[test]
fn an_event_artifact_that_ends_is_started_again_and_says_so() {
    let server = TestServer::new();
    server
        .define("name: Custom.Short\ntype: SERVER_EVENT\nsources:\n  - query: SELECT 1 AS X FROM scope()\n");
    let mut rows = server.server.events.subscribe("Custom.Short", &Position::Newest).unwrap();
    let mut logs = server.server.events.subscribe(plugins::monitoring::LOGS, &Position::Newest).unwrap();
    server.rows("SELECT add_server_monitoring(artifact='Custom.Short') FROM scope()");
    assert_eq!((next_row(&mut rows)["X"].clone(), next_row(&mut rows)["X"].clone()), (1.into(), 1.into()));
    let line = next_row(&mut logs);
    assert_eq!(line["message"], "the query ended; it starts again in 1 s");
    assert_eq!(line["artifact"], "Custom.Short");
    let logged =
        server.rows("SELECT level FROM monitoring_logs(client_id='server', artifact='Custom.Short') LIMIT 1");
    assert_eq!(logged, r#"[{"level":"ERROR"}]"#);
}

#[test]
fn only_event_artifacts_can_be_monitored() {
    let server = TestServer::new();
    server.define(NUMBERS);
    let outcome = server
        .run_as("SELECT add_server_monitoring(artifact='Custom.Numbers') FROM scope()", Permissions::all());
    assert_eq!(outcome.log, ["add_server_monitoring: Custom.Numbers is of type SERVER, not SERVER_EVENT"]);
}

#[test]
fn stored_events_are_read_back_by_time_and_row() {
    let server = TestServer::new();
    for n in 0..3 {
        server.rows(&format!("SELECT send_event(artifact='Custom.Q', row=dict(N={n})) FROM scope()"));
    }
    assert_eq!(
        server.rows("SELECT N, _Sender FROM source(artifact='Custom.Q', start_row=1, count=1)"),
        r#"[{"N":1,"_Sender":"fred"}]"#
    );
    assert_eq!(server.rows("SELECT N FROM source(artifact='Custom.Q', end_time=now() - 100)"), "[]");
    assert_eq!(
        server.rows("LET ArtifactName = 'Custom.Q' LET StartTime = timestamp(epoch=now() - 100) SELECT N FROM source()"),
        r#"[{"N":0},{"N":1},{"N":2}]"#
    );
}

#[test]
fn a_collection_is_packed_and_the_archive_is_read_back() {
    let server = TestServer::new();
    server.define(NUMBERS);
    let id = server.collect("artifacts='Custom.Numbers', env=dict(Count=2)");
    let made = server.rows(&format!(
        "SELECT create_flow_download(client_id='server', flow_id='{id}', wait=TRUE, format='csv').Components AS C FROM scope()"
    ));
    assert_eq!(made, format!(r#"[{{"C":["downloads","server","{id}","server-{id}.zip"]}}]"#));
    let inside = format!(
        "LET Zip <= create_flow_download(client_id='server', flow_id='{id}', wait=TRUE, name='again') \
         SELECT OSPath.Path AS P FROM glob(globs='**', accessor='zip', \
         root=pathspec(DelegateAccessor='fs', DelegatePath=Zip)) WHERE NOT IsDir ORDER BY P"
    );
    assert_eq!(
        server.rows(&inside),
        r#"[{"P":"/collection_context.json"},{"P":"/logs.json"},{"P":"/results/Custom.Numbers.json"},{"P":"/uploads.json"}]"#
    );
    let csv = format!(
        "SELECT * FROM parse_csv(accessor='zip', filename=pathspec(DelegateAccessor='fs', \
         DelegatePath='/downloads/server/{id}/server-{id}.zip', Path='/results/Custom.Numbers.csv'))"
    );
    assert_eq!(server.rows(&csv), r#"[{"N":0},{"N":1}]"#);
}

#[test]
fn collect_needs_no_server_and_writes_an_encrypted_container() {
    let server = TestServer::new();
    let zip = server.dir.path().join("out.zip").display().to_string();
    let yaml = NUMBERS.replace("Custom", "Local");
    let collect = format!(
        "SELECT Error FROM collect(artifacts='Local.Numbers', args=dict(`Local.Numbers`=dict(Count=1)), password='x', \
         output='{zip}', artifact_definitions='''{yaml}''')"
    );
    assert_eq!(server.rows(&collect), r#"[{"Error":""}]"#);
    let mut archive = zip::ZipArchive::new(std::fs::File::open(&zip).unwrap()).unwrap();
    assert!(archive.by_name("results/Local.Numbers.json").is_err());
    let mut text = String::new();
    let mut member = archive.by_name_decrypt("results/Local.Numbers.json", b"x").unwrap();
    std::io::Read::read_to_string(&mut member, &mut text).unwrap();
    assert_eq!(text, "{\"N\":0}\n");
    assert!(server.world.artifacts.find("Local.Numbers").is_none());
}

#[test]
fn parts_of_a_collection_are_read_by_several_workers() {
    let server = TestServer::new();
    server.define(NUMBERS);
    let id = server.collect("artifacts='Custom.Numbers', env=dict(Count=25)");
    let over = |arguments: &str, query: &str| {
        format!(
            "FROM parallelize(client_id='server', flow_id='{id}', artifact='Custom.Numbers', query={{ {query} }}, {arguments})"
        )
    };
    let sums =
        over("workers=3, batch=10", "SELECT count() AS Rows, FlowId = '0' AS No FROM source() GROUP BY 1");
    assert_eq!(
        server.rows(&format!("SELECT Rows, No {sums} ORDER BY Rows")),
        r#"[{"Rows":5,"No":false},{"Rows":10,"No":false},{"Rows":10,"No":false}]"#
    );
    let all = over("batch=7", "SELECT N FROM source()");
    let wanted: Vec<String> = (0..25).map(|n| format!(r#"{{"N":{n}}}"#)).collect();
    assert_eq!(server.rows(&format!("SELECT * {all} ORDER BY N")), format!("[{}]", wanted.join(",")));
    let window = over("batch=10", "SELECT N FROM source(start_row=1, count=1)");
    assert_eq!(server.rows(&format!("SELECT * {window} ORDER BY N")), r#"[{"N":1},{"N":11},{"N":21}]"#);
    let named = format!(
        "SELECT N FROM source(client_id='server', flow_id='{id}', artifact='Custom.Numbers', count=1)"
    );
    let named = over("batch=20", &named);
    assert_eq!(server.rows(&format!("SELECT * {named}")), r#"[{"N":0},{"N":0}]"#);
    let first = over("batch=1", "SELECT N FROM source()");
    assert_eq!(server.rows(&format!("SELECT 1 AS One {first} LIMIT 1")), r#"[{"One":1}]"#);
}

#[test]
fn only_collections_are_read_in_parts() {
    let server = TestServer::new();
    for (arguments, why) in [
        ("hunt_id='H.1'", "there are no hunts yet"),
        ("notebook_id='N.1'", "there are no notebooks yet"),
        ("client_id='server'", "name a collection: client_id and flow_id"),
        (
            "client_id='server', flow_id='F.1', start_time=1",
            "only collections can be read in parts, and they have no times",
        ),
        ("client_id='server', flow_id='F.1'", "client server has no collection F.1"),
    ] {
        let query = format!("SELECT * FROM parallelize({arguments}, query={{ SELECT * FROM source() }})");
        let outcome = server.run_as(&query, Permissions::all());
        assert_eq!((outcome.rows.as_str(), outcome.log), ("[]", vec![format!("parallelize: {why}")]));
    }
}

#[test]
fn what_users_change_is_an_event_of_the_audit_queue() {
    let server = TestServer::new();
    let mut watch = server.server.events.subscribe(store::event::AUDIT_QUEUE, &Position::Newest).unwrap();
    server.rows(&format!("SELECT artifact_set(definition='''{NUMBERS}''') FROM scope()"));
    let row = next_row(&mut watch);
    assert_eq!(
        (row["operation"].as_str(), row["principal"].as_str()),
        (Some("SetArtifactFile"), Some("fred"))
    );
}
