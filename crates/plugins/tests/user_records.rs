//! Users, what they keep for themselves, and orgs.

mod common;

use common::state::TestServer;
use vql::permission::{Permission, Permissions};

fn log_of(server: &TestServer, query: &str, held: &[Permission]) -> Vec<String> {
    server.run_as(&format!("SELECT {query} AS X FROM scope()"), Permissions::of(held)).log
}

fn with_users() -> TestServer {
    let server = TestServer::new();
    server.rows("SELECT user_create(user='Fred', roles='reader') FROM scope()");
    server.rows("SELECT user_create(user='mike', roles=['api', 'analyst']) FROM scope()");
    server
}

#[test]
fn users_are_made_shown_and_removed() {
    let server = with_users();
    assert_eq!(
        server.rows("SELECT * FROM gui_users() WHERE name = 'Fred'"),
        r#"[{"name":"Fred","org_id":"root","org_name":"\u003croot\u003e","picture":"","email":"","roles":["reader"],"_policy":{"roles":["reader"]},"effective_policy":{"read_results":true}}]"#
    );
    server.rows("SELECT user_grant(user='fred', roles=[], policy=dict(any_query=TRUE, publish_queues=['Q'])) FROM scope()");
    assert_eq!(
        server.rows("SELECT user(user='FRED')._policy AS P FROM scope()"),
        r#"[{"P":{"any_query":true,"publish_queues":["Q"]}}]"#
    );
    assert_eq!(server.rows("SELECT user_delete(user='mike') AS N FROM scope()"), r#"[{"N":"mike"}]"#);
    assert_eq!(server.rows("SELECT name FROM gui_users()"), r#"[{"name":"Fred"},{"name":"mike"}]"#);
    server.rows("SELECT user_delete(user='mike', really_do_it=TRUE) FROM scope()");
    assert_eq!(server.rows("SELECT name FROM gui_users()"), r#"[{"name":"Fred"}]"#);
    let audit = std::fs::read_to_string(server.dir.path().join("data/logs/audit.jsonl")).unwrap();
    for operation in ["CreateUser", "SetUserRoles", "DeleteUser"] {
        assert!(audit.contains(operation), "{operation}: {audit}");
    }
}

#[test]
fn others_are_for_administrators() {
    let server = with_users();
    let denied =
        |name: &str| [format!("{name}: PermissionDenied: Permission denied: [SERVER_ADMIN ORG_ADMIN]")];
    for (query, name) in [
        ("user(user='mike')", "user"),
        ("user_create(user='x', roles='reader')", "user_create"),
        ("user_create(user='fred', roles='administrator')", "user_create"),
        ("user_grant(user='fred', roles='administrator')", "user_grant"),
        ("user_delete(user='fred', really_do_it=TRUE)", "user_delete"),
        ("user_options(user='mike', theme='x')", "user_options"),
        ("user_message(user='mike', message=dict(a=1))", "user_message"),
    ] {
        assert_eq!(log_of(&server, query, &[Permission::AnyQuery]), denied(name), "{query}");
    }
    // Everybody sees who there is and what they may do themselves.
    let seen =
        server.run_as("SELECT name, _policy FROM gui_users()", Permissions::of(&[Permission::AnyQuery]));
    assert_eq!(
        seen.rows,
        r#"[{"name":"Fred","_policy":{"roles":["reader"]}},{"name":"mike","_policy":null}]"#
    );
    assert!(log_of(&server, "user(user='fred')", &[]).is_empty());
    assert!(log_of(&server, "user_create(user='x', roles='reader')", &[Permission::OrgAdmin]).is_empty());
}

#[test]
fn what_makes_no_sense_is_refused() {
    let server = with_users();
    for (query, why) in [
        ("user(user='nobody')", "user: User not found: nobody"),
        ("user_grant(user='nobody', roles='reader')", "user_grant: User not found: nobody"),
        ("user_grant(user='fred')", "user_grant: name roles or a policy"),
        (
            "user_grant(user='fred', policy=dict(any_querry=TRUE))",
            "user_grant: policy: unknown field `any_querry`",
        ),
        (
            "user_grant(user='fred', policy=dict(super_user=TRUE))",
            "user_grant: only VelociraptorServer is a super user",
        ),
        ("user_create(user='x', roles='emperor')", "user_create: no role is named \"emperor\""),
        (
            "user_create(user='VelociraptorServer', roles='reader')",
            "user_create: Username is reserved: VelociraptorServer",
        ),
        ("user_create(user='x', roles='reader', orgs='O1')", "user_create: org O1 is not known"),
    ] {
        let log = log_of(&server, query, &[Permission::ServerAdmin]);
        assert!(log.len() == 1 && log[0].starts_with(why), "{query}: {log:?}");
    }
}

#[test]
fn favourites_options_and_messages_are_kept_for_each_user() {
    let server = with_users();
    server.rows("SELECT favorites_save(name='A', description='d', specs=[dict(artifact='X.Y')], type='SERVER') FROM scope()");
    assert_eq!(
        server.rows("SELECT * FROM favorites_list()"),
        r#"[{"name":"A","description":"d","spec":[{"artifact":"X.Y"}],"type":"SERVER"}]"#
    );
    let delete = "SELECT favorites_delete(name='A', type='SERVER') AS X FROM scope()";
    assert_eq!(server.rows(delete), r#"[{"X":true}]"#);
    assert_eq!(server.rows(delete), r#"[{"X":false}]"#);
    server.rows("SELECT user_options(user='fred', theme='dark') FROM scope()");
    assert_eq!(
        server.rows(
            "SELECT user_options(user='fred', links={ SELECT 'x' AS text FROM scope() }) AS O FROM scope()"
        ),
        r#"[{"O":{"theme":"dark","links":[{"text":"x"}]}}]"#
    );
    server.rows("SELECT user_message(user='mike', message=dict(text='hello')) FROM scope()");
    assert_eq!(server.rows("SELECT * FROM user_messages()"), "[]");
    assert_eq!(server.rows("SELECT * FROM user_messages(user='mike', clear=TRUE)"), r#"[{"text":"hello"}]"#);
    assert_eq!(server.rows("SELECT * FROM user_messages(user='mike')"), "[]");
}

#[test]
fn there_is_one_org_and_it_tells_no_secrets() {
    let server = TestServer::new();
    let wanted = r#"[{"Name":"\u003croot\u003e","OrgId":"root","_client_config":{"server_urls":[]}}]"#;
    assert_eq!(server.rows("SELECT * FROM orgs()"), wanted);
    assert_eq!(server.rows("SELECT * FROM foreach(row=org())"), wanted);
}
