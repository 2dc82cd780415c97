//! Health, version, numbers and the description of the API.

mod common;

use std::collections::BTreeSet;

use common::Server;
use http::Method;
use serde_json::{Value as Json, json};

#[tokio::test]
async fn anybody_may_ask_how_the_server_is() {
    let server = Server::start().await;
    let anonymous = server.anonymous();
    for path in ["/healthz", "/livez"] {
        let answer = anonymous.send(Method::GET, path, None).await;
        assert_eq!((answer.status, answer.body), (200, json!("")), "{path}");
    }
    let version = anonymous.send(Method::GET, "/version", None).await.ok();
    assert_eq!(version, server.admin.get("version").await.ok());
    let keys: Vec<&String> = version.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["version", "branch", "revision", "go_version", "build_date", "build_user"]);
    assert_eq!(anonymous.send(Method::POST, "/healthz", None).await.status, 405);
}

#[tokio::test]
async fn a_server_whose_database_is_gone_is_not_well_and_counts_it() {
    let server =
        Server::start_with(|settings| settings.metrics_login = Some(("prom".into(), "pw".into()))).await;
    let drop = |tx: &mut store::db::Tx<'_>| tx.script("ALTER TABLE users RENAME TO gone");
    server.fleet.db.write::<_, store::db::DbError, _>(drop).await.unwrap();
    let anonymous = server.anonymous();
    assert_eq!(anonymous.send(Method::GET, "/healthz", None).await.status, 500);
    assert_eq!(anonymous.send(Method::GET, "/livez", None).await.status, 200);
    server.admin.get("me").await.refused(500);
    let text = metrics(&server, "prom:pw").await.1;
    assert!(!text.contains("harrier_database_errors_total 0"), "{text}");
}

async fn metrics(server: &Server, login: &str) -> (u16, String) {
    let url = format!("http://{}/metrics", server.address);
    let (name, password) = login.split_once(':').unwrap();
    let request = reqwest::Client::builder().no_proxy().build().unwrap().get(url);
    let response = request.basic_auth(name, Some(password)).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn numbers_are_for_those_with_the_login_and_only_when_there_is_one() {
    let server = Server::start().await;
    assert_eq!(metrics(&server, "a:b").await, (404, "404 page not found\n".into()));
    let server =
        Server::start_with(|settings| settings.metrics_login = Some(("prom".into(), "pw".into()))).await;
    assert_eq!(metrics(&server, "prom:wrong").await.0, 401);
    let asked = server.anonymous().raw(Method::GET, "/metrics", None).await;
    assert_eq!(
        (asked.status().as_u16(), asked.headers()["www-authenticate"].to_str().unwrap()),
        (401, "Basic realm=\"metrics\"")
    );
    let agent = server.host("one").await;
    agent.work(&[]).await;
    for version in ["v1", "latest"] {
        server.admin.send(Method::GET, &format!("/api/{version}/fleet/hosts/1"), None).await.ok();
    }
    server.admin.get("hosts/999").await.refused(404);
    server.anonymous().send(Method::GET, "/no/such/path", None).await;
    server.anonymous().send(Method::from_bytes(b"ODD").unwrap(), "/healthz", None).await;
    let (status, text) = metrics(&server, "prom:pw").await;
    assert_eq!(status, 200);
    for line in [
        "harrier_http_requests_total{method=\"GET\",route=\"hosts/{id}\",status=\"200\"} 2",
        "harrier_http_requests_total{method=\"GET\",route=\"hosts/{id}\",status=\"404\"} 1",
        "harrier_http_requests_total{method=\"POST\",route=\"/api/osquery/enroll\",status=\"200\"} 1",
        "harrier_http_requests_total{method=\"GET\",route=\"unknown\",status=\"404\"} 1",
        "harrier_http_requests_total{method=\"other\",route=\"/healthz\",status=\"405\"} 1",
        "harrier_http_request_duration_seconds_count{method=\"GET\",route=\"hosts/{id}\"} 3",
        "harrier_agents_known 1",
        "harrier_agents_online 1",
        "harrier_live_campaigns 0",
        "# TYPE harrier_agent_answers_refused_total counter",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[tokio::test]
async fn the_description_lists_every_route_and_each_can_be_called() {
    let server = Server::start().await;
    let document = server.anonymous().send(Method::GET, "/api/openapi.json", None).await.ok();
    assert_eq!(document["openapi"], "3.1.0");
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        described
            .extend(methods.as_object().unwrap().keys().map(|method| (path.clone(), method.to_uppercase())));
    }
    let routes: BTreeSet<_> = fleet::all_routes()
        .iter()
        .flat_map(|route| fleet::paths(route).into_iter().map(|path| (path, route.method.to_string())))
        .collect();
    assert_eq!(described, routes);
    for (path, method) in described.iter().filter(|(path, _)| path.starts_with("/api/v1/fleet/")) {
        let filled: Vec<&str> =
            path.split('/').map(|part| if part.starts_with('{') { "999999" } else { part }).collect();
        let method: Method = method.parse().unwrap();
        let answer = server.anonymous().send(method.clone(), &filled.join("/"), Some(json!({}))).await;
        assert_ne!(answer.status, 405, "{method} {path}");
        assert_ne!(answer.body, Json::String("404 page not found\n".into()), "{method} {path}");
    }
}

#[tokio::test]
async fn logging_in_elsewhere_says_that_it_is_not_built() {
    let server = Server::start().await;
    let anonymous = server.anonymous();
    let answer = anonymous.send(Method::GET, "/api/v1/fleet/sso", None).await.ok();
    assert_eq!(answer["settings"]["sso_enabled"], false);
    let body = Some(json!({"relay_url": "/"}));
    let refused = anonymous.send(Method::POST, "/api/v1/fleet/sso", body).await;
    assert!(refused.refused(400).contains("not built"));
    // Under the other versions the path is not known.
    assert_eq!(anonymous.send(Method::GET, "/api/latest/fleet/sso", None).await.status, 404);
}
