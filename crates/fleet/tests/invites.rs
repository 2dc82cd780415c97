//! Invitations, and how they become users.

mod common;

use common::smtp::{self, MailServer};
use common::{PASSWORD, Server};
use serde_json::{Value as Json, json};

fn invite(email: &str) -> Json {
    json!({"email": email, "name": "Eve", "position": "analyst", "sso_enabled": false, "global_role": "observer"})
}

fn user(token: &Json, email: &str) -> Json {
    json!({"invite_token": token, "name": "Eve", "email": email, "password": PASSWORD, "global_role": "admin"})
}

#[tokio::test]
async fn an_invitation_becomes_one_user_with_the_roles_that_it_names() {
    let server = Server::start().await;
    let team = server.team("Blue").await;
    let admin = &server.admin;
    let answer = admin.post("invites", invite("eve@example.org")).await.ok();
    let mut shown = answer["invite"].clone();
    for name in ["created_at", "updated_at"] {
        assert!(shown.as_object_mut().unwrap().shift_remove(name).unwrap().is_string());
    }
    let expected = json!({
        "id": 1, "invited_by": 1, "email": "eve@example.org", "name": "Eve", "position": "analyst",
        "sso_enabled": false, "global_role": "observer", "teams": [],
    });
    assert_eq!(shown, expected);
    // Without a mail server the one who invites hands the token on.
    let token = answer["token"].clone();
    let anonymous = server.anonymous();
    let path = format!("invites/{}", token.as_str().unwrap());
    let by_token = anonymous.get(&path).await.ok();
    assert_eq!((&by_token["invite"]["email"], by_token.get("token")), (&json!("eve@example.org"), None));
    anonymous.get("invites/1").await.refused(404);
    let on_team = json!({"global_role": null, "teams": [{"id": team, "role": "maintainer"}]});
    let changed = admin.patch("invites/1", on_team).await.ok();
    assert_eq!((&changed["invite"]["global_role"], changed.get("token")), (&Json::Null, None));
    assert_eq!(changed["invite"]["teams"][0]["role"], "maintainer");
    assert_eq!(
        anonymous.post("users", user(&token, "other@example.org")).await.refused(422),
        "is not the address that was invited"
    );
    let mut weak = user(&token, "eve@example.org");
    weak["password"] = "weak".into();
    assert_eq!(
        anonymous.post("users", weak).await.refused(422),
        "Password does not meet validation requirements"
    );
    let made = anonymous.post("users", user(&token, "EVE@example.org")).await.ok()["user"].clone();
    assert_eq!((&made["global_role"], &made["force_password_reset"]), (&Json::Null, &json!(false)));
    assert_eq!((&made["teams"][0]["id"], &made["teams"][0]["role"]), (&json!(team), &json!("maintainer")));
    anonymous.post("login", json!({"email": "eve@example.org", "password": PASSWORD})).await.ok();
    anonymous.post("users", user(&token, "eve@example.org")).await.refused(404);
    assert_eq!(admin.get("invites").await.ok(), json!({"invites": []}));
}

#[tokio::test]
async fn invitations_are_listed_changed_withdrawn_and_end() {
    let server = Server::start().await;
    let admin = &server.admin;
    let first = admin.post("invites", invite("one@example.org")).await.ok()["token"].clone();
    let second = admin.post("invites", invite("two@example.org")).await.ok()["token"].clone();
    let emails = async |query: &str| -> Vec<Json> {
        let found = admin.get(&format!("invites?{query}")).await.ok()["invites"].clone();
        found.as_array().unwrap().iter().map(|one| one["email"].clone()).collect()
    };
    assert_eq!(emails("query=TWO").await, [json!("two@example.org")]);
    assert_eq!(emails("order_key=email&order_direction=desc&per_page=1").await, [json!("two@example.org")]);
    assert_eq!(admin.post("invites", invite("ONE@example.org")).await.status, 409);
    assert_eq!(admin.post("invites", invite("ada@example.org")).await.status, 409);
    admin.post("invites", json!({"email": "x@example.org"})).await.refused(422);
    admin.post("invites", json!({})).await.refused(422);
    // Another address gets another token.
    let moved = admin.patch("invites/1", json!({"email": "uno@example.org"})).await.ok();
    assert_ne!(moved["token"], first);
    server.anonymous().post("users", user(&first, "uno@example.org")).await.refused(404);
    assert_eq!(admin.delete("invites/1").await.ok(), json!({}));
    admin.delete("invites/1").await.refused(404);
    server.anonymous().post("users", user(&moved["token"], "uno@example.org")).await.refused(404);
    let age = |tx: &mut store::db::Tx<'_>| tx.script("UPDATE invites SET created_at = 1");
    server.fleet.db.write::<_, store::db::DbError, _>(age).await.unwrap();
    server.anonymous().post("users", user(&second, "two@example.org")).await.refused(404);
    // What is too old is in nobody's way.
    admin.post("invites", invite("two@example.org")).await.ok();
    server.anonymous().post("users", json!({"name": "x"})).await.refused(422);
}

#[tokio::test]
async fn with_a_mail_server_only_the_one_who_is_invited_gets_the_token() {
    let server = Server::start().await;
    let mails = MailServer::start().await;
    server.admin.patch("config", mails.settings()).await.ok();
    mails.next().await;
    let answer = server.admin.post("invites", invite("eve@example.org")).await.ok();
    assert_eq!(answer.get("token"), None);
    let mail = mails.next().await;
    assert!(mail.contains("To: eve@example.org") && mail.contains("Example invites you"), "{mail}");
    let token = json!(smtp::token(&mail));
    server.anonymous().post("users", user(&token, "eve@example.org")).await.ok();
}
