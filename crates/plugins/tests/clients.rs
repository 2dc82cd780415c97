//! Clients, their labels and metadata, and collections that wait for them.

mod common;

use common::state::TestServer;
use store::event::{Event, Position};
use vql::permission::{Permission, Permissions};

const LISTS: &str =
    "name: Custom.Lists\nparameters:\n  - name: Path\nsources:\n  - query: SELECT 1 AS X FROM scope()\n";

#[track_caller]
fn log_of(server: &TestServer, source: &str, held: &[Permission]) -> Vec<String> {
    server.run_as(source, Permissions::of(held)).log
}

fn with_clients() -> TestServer {
    let server = TestServer::new();
    server.rows(
        "SELECT client_create(client_id='C.1', hostname='web.example.com', os='linux', labels=['Prod']) FROM scope()",
    );
    server.rows(
        "SELECT client_create(client_id='C.2', hostname='db', os='windows', mac_addresses='00:11:22:33:44:55', \
         first_seen_at=1600000000, last_seen_at=1700000000) FROM scope()",
    );
    server
}

#[test]
fn a_client_is_shown_as_the_published_message() {
    let server = with_clients();
    assert_eq!(
        server.rows("SELECT * FROM clients(client_id='C.2')"),
        r#"[{"client_id":"C.2","agent_information":{"version":"","name":"","build_time":"","build_url":""},"os_info":{"system":"windows","hostname":"db","release":"","machine":"","fqdn":"db","mac_addresses":["00:11:22:33:44:55"]},"first_seen_at":1600000000,"last_seen_at":1700000000000000,"last_ip":"","last_interrogate_flow_id":"","last_interrogate_artifact_name":"","labels":[],"last_hunt_timestamp":0,"last_event_table_version":0,"last_label_timestamp":0,"in_flight_flows":{}}]"#
    );
    assert_eq!(
        server.rows("SELECT client_info(client_id='C.1').os_info.fqdn AS F FROM scope()"),
        r#"[{"F":"web.example.com"}]"#
    );
    assert_eq!(
        log_of(&server, "SELECT client_info(client_id='C.9') FROM scope()", &[Permission::ReadResults]),
        ["client_info: client C.9 is not known"]
    );
    let made = server
        .rows("SELECT client_create(hostname='x').client_id =~ '^C\\.[0-9a-f]{16}$' AS Ok FROM scope()");
    assert_eq!(made, r#"[{"Ok":true}]"#);
}

#[test]
fn clients_are_found_by_search() {
    let server = with_clients();
    for (search, wanted) in [
        ("all", r#"[{"client_id":"C.1"},{"client_id":"C.2"}]"#),
        ("recent:", r#"[{"client_id":"C.1"},{"client_id":"C.2"}]"#),
        ("label:prod", r#"[{"client_id":"C.1"}]"#),
        ("host:*.example.com", r#"[{"client_id":"C.1"}]"#),
        ("mac:00:11:22:33:44:55", r#"[{"client_id":"C.2"}]"#),
        ("we", r#"[{"client_id":"C.1"}]"#),
        ("nothing", "[]"),
    ] {
        assert_eq!(
            server.rows(&format!("SELECT client_id FROM clients(search='{search}')")),
            wanted,
            "{search}"
        );
    }
    assert_eq!(server.rows("SELECT client_id FROM clients() LIMIT 1"), r#"[{"client_id":"C.1"}]"#);
}

#[test]
fn labels_keep_their_spelling_and_compare_without_case() {
    let server = with_clients();
    let label = |op: &str, labels: &str| {
        server.rows(&format!("SELECT label(client_id='C.1', labels={labels}, op='{op}') AS X FROM scope()"))
    };
    let yes = r#"[{"X":true}]"#;
    assert_eq!(label("set", "['PROD', 'Lab']"), yes);
    assert_eq!(server.rows("SELECT labels FROM clients(client_id='C.1')"), r#"[{"labels":["Prod","Lab"]}]"#);
    assert_eq!(label("check", "['prod', 'LAB']"), yes);
    assert_eq!(label("check", "['prod', 'other']"), r#"[{"X":false}]"#);
    assert_eq!(label("remove", "'prod'"), yes);
    assert_eq!(server.rows("SELECT labels FROM clients(client_id='C.1')"), r#"[{"labels":["Lab"]}]"#);
    assert_eq!(
        log_of(
            &server,
            "SELECT label(client_id='C.1', labels='a', op='x') FROM scope()",
            &[Permission::LabelClient]
        ),
        ["label: op x is not known: set, remove or check"]
    );
    let audit = std::fs::read_to_string(server.dir.path().join("data/logs/audit.jsonl")).unwrap();
    assert!(audit.contains("SetClientLabel") && audit.contains("RemoveClientLabel"), "{audit}");
}

#[test]
fn facts_are_noted_about_clients_and_the_server() {
    let server = with_clients();
    server.rows("SELECT client_set_metadata(client_id='C.1', metadata=dict(owner='fred', n=1), place='x') FROM scope()");
    server.rows("SELECT client_set_metadata(client_id='C.1', owner=NULL) FROM scope()");
    assert_eq!(
        server.rows("SELECT client_metadata(client_id='C.1') AS M FROM scope()"),
        r#"[{"M":{"n":1,"place":"x"}}]"#
    );
    server.rows("SELECT client_set_metadata(client_id='C.1', modify='x=>dict(n=x.n + 1)') FROM scope()");
    assert_eq!(
        server.rows("SELECT client_metadata(client_id='C.1') AS M FROM scope()"),
        r#"[{"M":{"n":2}}]"#
    );
    server.rows("SELECT server_set_metadata(ApiKey='secret') FROM scope()");
    assert_eq!(server.rows("SELECT server_metadata() AS M FROM scope()"), r#"[{"M":{"ApiKey":"secret"}}]"#);
    let reader = [Permission::ReadResults, Permission::CollectClient];
    for (query, name) in [
        ("client_metadata(client_id='server')", "client_metadata"),
        ("client_set_metadata(client_id='server', a=1)", "client_set_metadata"),
        ("server_set_metadata(a=1)", "server_set_metadata"),
    ] {
        assert_eq!(
            log_of(&server, &format!("SELECT {query} FROM scope()"), &reader),
            [format!("{name}: PermissionDenied: Permission denied: [SERVER_ADMIN]")]
        );
    }
    // Values may be secrets: the audit log tells names only.
    let audit = std::fs::read_to_string(server.dir.path().join("data/logs/audit.jsonl")).unwrap();
    assert!(audit.contains("ApiKey") && !audit.contains("secret"), "{audit}");
}

#[test]
fn parameters_take_what_was_noted_about_the_server() {
    let server = TestServer::new();
    let yaml = |name: &str, kind: &str| {
        format!(
            "name: {name}\ntype: {kind}\nparameters:\n  - name: ApiKey\n    type: server_metadata\n    default: none\nsources:\n  - query: SELECT ApiKey FROM scope()\n"
        )
    };
    server.define(&yaml("Custom.Server", "SERVER"));
    server.define(&yaml("Custom.Client", "CLIENT"));
    assert_eq!(server.rows("SELECT ApiKey FROM Artifact.Custom.Server()"), r#"[{"ApiKey":"none"}]"#);
    server.rows("SELECT server_set_metadata(ApiKey='secret') FROM scope()");
    assert_eq!(server.rows("SELECT ApiKey FROM Artifact.Custom.Server()"), r#"[{"ApiKey":"secret"}]"#);
    assert_eq!(
        server.rows("SELECT ApiKey FROM Artifact.Custom.Server(ApiKey='own')"),
        r#"[{"ApiKey":"own"}]"#
    );
    let id = server.collect("artifacts='Custom.Server'");
    assert_eq!(
        server.rows(&format!("SELECT ApiKey FROM source(client_id='server', flow_id='{id}')")),
        r#"[{"ApiKey":"secret"}]"#
    );
    // Anybody who may define client artifacts could read secrets else.
    assert_eq!(server.rows("SELECT ApiKey FROM Artifact.Custom.Client()"), r#"[{"ApiKey":"none"}]"#);
}

#[test]
fn a_collection_waits_for_its_client_and_can_be_cancelled() {
    let server = with_clients();
    server.define(LISTS);
    let rows = server.rows(
        "SELECT collect_client(client_id='C.1', artifacts='Custom.Lists', env=dict(Path='/'), flow_id='F.TEST').request AS R FROM scope()",
    );
    let request: serde_json::Value = serde_json::from_str(&rows).unwrap();
    assert_eq!(request[0]["R"]["creator"], "fred");
    assert_eq!(request[0]["R"]["specs"][0]["parameters"]["env"][0]["value"], "/");
    let pending = server.server.flows.pending("C.1").unwrap();
    assert_eq!(pending.iter().map(|f| f.session_id.as_str()).collect::<Vec<_>>(), ["F.TEST"]);
    let flow = "SELECT state, status, client_id FROM flows(client_id='C.1')";
    assert_eq!(server.rows(flow), r#"[{"state":"RUNNING","status":"","client_id":"C.1"}]"#);
    assert_eq!(
        server.rows("SELECT get_flow(client_id='C.1', flow_id='F.TEST').session_id AS I FROM scope()"),
        r#"[{"I":"F.TEST"}]"#
    );
    assert_eq!(server.rows("SELECT * FROM uploads(client_id='C.1', flow_id='F.TEST')"), "[]");
    let mut watch = server.server.events.subscribe("System.Flow.Completion", &Position::Newest).unwrap();
    server.rows("SELECT cancel_flow(client_id='C.1', flow_id='F.TEST') FROM scope()");
    assert_eq!(server.rows(flow), r#"[{"state":"ERROR","status":"Cancelled by fred","client_id":"C.1"}]"#);
    assert!(server.server.flows.pending("C.1").unwrap().is_empty());
    let Event::Row(_, row) = watch.recv_timeout(std::time::Duration::from_secs(10)) else {
        panic!("no event")
    };
    assert!(String::from_utf8_lossy(&row).contains("F.TEST"));
    assert_eq!(
        log_of(
            &server,
            "SELECT cancel_flow(client_id='C.1', flow_id='F.TEST') FROM scope()",
            &[Permission::CollectClient]
        ),
        ["cancel_flow: client C.1 has no running collection F.TEST"]
    );
}

#[test]
fn only_known_clients_orgs_and_callers_are_served() {
    let server = with_clients();
    server.define(LISTS);
    let collect = |more: &str, held: Permission| {
        log_of(
            &server,
            &format!("SELECT collect_client(artifacts='Custom.Lists', {more}) FROM scope()"),
            &[held],
        )
    };
    assert_eq!(
        collect("client_id='C.9'", Permission::CollectClient),
        ["collect_client: client C.9 is not known"]
    );
    assert_eq!(
        collect("client_id='C.1', org_id='O1'", Permission::CollectClient),
        ["collect_client: org O1 is not known"]
    );
    assert_eq!(
        collect("client_id='C.1'", Permission::CollectServer),
        ["collect_client: PermissionDenied: Permission denied: [COLLECT_CLIENT]"]
    );
    server.rows("SELECT collect_client(client_id='C.1', artifacts='Custom.Lists', org_id='root', flow_id='F.1') FROM scope()");
    assert_eq!(
        collect("client_id='C.1', flow_id='F.1'", Permission::CollectClient),
        ["collect_client: there is a collection F.1 already"]
    );
    assert_eq!(
        log_of(
            &server,
            "SELECT cancel_flow(client_id='C.1', flow_id='F.1') FROM scope()",
            &[Permission::CollectServer]
        ),
        ["cancel_flow: PermissionDenied: Permission denied: [COLLECT_CLIENT]"]
    );
}

#[test]
fn a_client_is_deleted_with_all_it_brought() {
    let server = with_clients();
    server.define(LISTS);
    server
        .rows("SELECT collect_client(client_id='C.1', artifacts='Custom.Lists', flow_id='F.1') FROM scope()");
    server.rows("SELECT client_set_metadata(client_id='C.1', a=1) FROM scope()");
    let delete = "SELECT type, really_do_it FROM client_delete(client_id='C.1'";
    assert_eq!(
        server.rows(&format!("{delete})")),
        r#"[{"type":"ClientInfo","really_do_it":false},{"type":"Flow","really_do_it":false}]"#
    );
    assert_eq!(server.rows("SELECT client_id FROM clients(search='C.1')"), r#"[{"client_id":"C.1"}]"#);
    server.rows(&format!("{delete}, really_do_it=TRUE)"));
    assert_eq!(server.rows("SELECT client_id FROM clients()"), r#"[{"client_id":"C.2"}]"#);
    assert_eq!(server.rows("SELECT * FROM flows(client_id='C.1')"), "[]");
    assert!(server.server.metadata.of("C.1").unwrap().is_empty());
}
