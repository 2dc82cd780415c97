//! What changes of packs, policies and teams leave among the activities.

mod common;

use common::Server;
use serde_json::{Value as Json, json};
use store::rights::Role;

/// The activities so far: who, type and details.
async fn activities(server: &Server) -> Vec<(String, String, Json)> {
    let read = |tx: &mut store::db::Tx<'_>| {
        tx.all("SELECT user_name, type, details FROM activities ORDER BY id", &[], |row| {
            let (who, kind) = (row.take()?, row.take()?);
            Ok((who, kind, serde_json::from_str(&row.take::<String>()?).unwrap()))
        })
    };
    server.fleet.db.read::<_, store::db::DbError, _>(read).await.unwrap()
}

#[tokio::test]
async fn every_change_is_noted_with_who_made_it() {
    let server = Server::start().await;
    let admin = &server.admin;
    admin.post("packs", json!({"name": "p"})).await.ok();
    admin.patch("packs/1", json!({"name": "q"})).await.ok();
    admin.delete("packs/q").await.ok();
    admin.post("spec/packs", json!({"specs": [{"name": "r"}]})).await.ok();
    admin.post("global/policies", json!({"name": "one", "query": "select 1"})).await.ok();
    admin.patch("global/policies/1", json!({"name": "two"})).await.ok();
    admin.post("global/policies/delete", json!({"ids": [1]})).await.ok();
    admin.post("spec/policies", json!({"specs": [{"name": "three", "query": "select 1"}]})).await.ok();
    admin.post("teams", json!({"name": "Blue"})).await.ok();
    admin.post("spec/teams", json!({"specs": [{"name": "Blue"}, {"name": "Red"}]})).await.ok();
    let expected = [
        ("created_pack", json!({"pack_id": 1, "pack_name": "p"})),
        ("edited_pack", json!({"pack_id": 1, "pack_name": "q"})),
        ("deleted_pack", json!({"pack_name": "q"})),
        ("applied_spec_pack", json!({})),
        ("created_policy", json!({"policy_id": 1, "policy_name": "one"})),
        ("edited_policy", json!({"policy_id": 1, "policy_name": "two"})),
        ("deleted_policy", json!({"policy_id": 1, "policy_name": "two"})),
        (
            "applied_spec_policy",
            json!({"policies": [{"name": "three", "query": "select 1", "description": ""}]}),
        ),
        ("created_team", json!({"team_id": 1, "team_name": "Blue"})),
        ("created_team", json!({"team_id": 2, "team_name": "Red"})),
    ];
    let expected: Vec<_> =
        expected.into_iter().map(|(kind, details)| ("Ada".to_owned(), kind.to_owned(), details)).collect();
    assert_eq!(activities(&server).await, expected);
    // What was refused left nothing.
    let maintainer = server.team_user(1, Role::Maintainer).await;
    assert_eq!(maintainer.delete("teams/1").await.status, 403);
    assert_eq!(admin.post("global/policies/delete", json!({"ids": [2, 99]})).await.status, 404);
    assert_eq!(activities(&server).await.len(), expected.len());
    let team_admin = server.team_user(1, Role::Admin).await;
    team_admin.delete("teams/1").await.ok();
    let (who, kind, details) = activities(&server).await.pop().unwrap();
    assert_eq!((kind.as_str(), details), ("deleted_team", json!({"team_id": 1, "team_name": "Blue"})));
    assert!(who.starts_with("User "), "{who}");
}
