//! Every route, called as every kind of user: who may not is refused before anything happens.

mod common;

use common::{Server, User};
use fleet::{Access, Route};
use http::Method;
use serde_json::json;
use store::rights::{Of, Role, Subject};

/// A full path with numbers for its parameters. They name nothing, so that nothing is changed.
fn filled(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { "999999" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

async fn call(user: &User, route: &Route, path: &str) -> u16 {
    let body = (route.method != Method::GET).then(|| json!({}));
    user.send(route.method.clone(), &filled(path), body).await.status
}

#[tokio::test]
async fn every_route_refuses_those_who_may_not() {
    let server = Server::start().await;
    let team = server.team("Blue").await;
    let mut users = Vec::new();
    for role in Role::ALL {
        users.push((Subject { user_id: 0, global: Some(role), teams: vec![] }, server.user(role).await));
        users.push((
            Subject { user_id: 0, global: None, teams: vec![(team, role)] },
            server.team_user(team, role).await,
        ));
    }
    let nobody = Subject { user_id: 0, global: None, teams: vec![] };
    users.push((nobody, server.make_user(None, vec![]).await));
    let anonymous = server.anonymous();
    for route in fleet::all_routes() {
        for path in fleet::paths(&route) {
            let what = format!("{} {path}", route.method);
            let Access::May(action, object) = route.access else {
                if route.access == Access::Session {
                    assert_eq!(call(&anonymous, &route, &path).await, 401, "{what} without a session");
                }
                continue;
            };
            assert_eq!(call(&anonymous, &route, &path).await, 401, "{what} without a session");
            for (subject, user) in &users {
                let allowed = subject.may(action, object, Of::Some);
                let status = call(user, &route, &path).await;
                let who = format!("{what} as {:?}", (subject.global, &subject.teams));
                if !allowed {
                    assert_eq!(status, 403, "{who}");
                } else if subject.global.is_some() && !subject.may(action, object, Of::Owner(u32::MAX)) {
                    // Allowed as an owner only: of nothing that is there.
                    assert_ne!(status, 401, "{who}");
                } else if subject.global.is_some() {
                    assert!(![401, 403].contains(&status), "{who} got {status}");
                }
            }
        }
    }
}

#[tokio::test]
async fn public_routes_say_what_protects_them() {
    for route in fleet::all_routes() {
        if let Access::Public(why) = route.access {
            assert!(!why.is_empty(), "{} {}", route.method, route.path);
        }
    }
}
