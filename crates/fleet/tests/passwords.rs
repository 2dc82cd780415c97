//! Passwords: changed, demanded, forgotten, tried too often; and the mails about them.

mod common;

use common::smtp::{self, MailServer};
use common::{PASSWORD, Server};
use http::Method;
use serde_json::json;
use store::rights::Role;

const NEW: &str = "battery-staple2!";

#[tokio::test]
async fn changing_ones_password_takes_the_old_one_and_ends_other_sessions() {
    let server = Server::start().await;
    let user = server.user(Role::Observer).await;
    let email = server.admin.get(&format!("users/{}", user.id)).await.ok()["user"]["email"].clone();
    let login = json!({"email": email, "password": PASSWORD});
    let other = server.anonymous().post("login", login.clone()).await.ok()["token"].clone();
    let other = user.with_token(&other);
    other.get("me").await.ok();
    let body = |old: &str, new: &str| json!({"old_password": old, "new_password": new});
    let wrong = user.post("change_password", body("wrong", NEW)).await;
    assert_eq!((wrong.status, wrong.body), (403, json!({"message": "Permission Denied"})));
    for (old, new, reason) in [
        ("", NEW, "Old password cannot be empty"),
        (PASSWORD, "", "New password cannot be empty"),
        (PASSWORD, PASSWORD, "cannot reuse old password"),
        (PASSWORD, "short1!", "Password does not meet validation requirements"),
        (PASSWORD, "no-number!", "Password does not meet validation requirements"),
    ] {
        let answer = user.post("change_password", body(old, new)).await;
        if new == "short1!" {
            // Seven characters, a number and a symbol are enough.
            assert_eq!(answer.ok(), json!({}));
            user.post("change_password", body(new, PASSWORD)).await.ok();
        } else {
            assert_eq!(answer.refused(422), reason);
        }
    }
    assert_eq!(user.post("change_password", body(PASSWORD, NEW)).await.ok(), json!({}));
    user.get("me").await.ok();
    other.get("me").await.refused(401);
    server.anonymous().post("login", login).await.refused(401);
    server.anonymous().post("login", json!({"email": email, "password": NEW})).await.ok();
}

#[tokio::test]
async fn patching_ones_own_password_or_address_takes_the_old_password() {
    let server = Server::start().await;
    let user = server.user(Role::Maintainer).await;
    let path = format!("users/{}", user.id);
    let new = json!({"new_password": NEW});
    assert_eq!(user.patch(&path, new).await.refused(422), "Old password cannot be empty");
    let address = json!({"email": "new@example.org"});
    assert_eq!(user.patch(&path, address).await.refused(422), "Password cannot be empty if email is changed");
    let body = |password: &str, new: &str| json!({"password": password, "new_password": new});
    assert_eq!(user.patch(&path, body("wrong", NEW)).await.body, json!({"message": "Permission Denied"}));
    assert_eq!(user.patch(&path, body(PASSWORD, PASSWORD)).await.refused(422), "cannot reuse old password");
    user.patch(&path, body(PASSWORD, NEW)).await.ok();
    user.get("me").await.ok();
    // No mail server: only an administrator can.
    let address = json!({"email": "new@example.org", "password": NEW});
    let reason = user.patch(&path, address).await.refused(422);
    assert!(reason.contains("no mail server"), "{reason}");
    let by_admin = server.admin.patch(&path, json!({"email": "new@example.org"})).await.ok();
    assert_eq!(by_admin["user"]["email"], "new@example.org");
    let taken = server.admin.patch(&path, json!({"email": "ADA@example.org"})).await;
    assert_eq!(taken.refused(409), "User \"ADA@example.org\" already exists");
    // A password that an administrator sets ends all sessions.
    server.admin.patch(&path, json!({"new_password": "x"})).await.ok();
    user.get("me").await.refused(401);
    server.anonymous().post("login", json!({"email": "new@example.org", "password": "x"})).await.ok();
}

#[tokio::test]
async fn a_demanded_reset_lets_nothing_else_through() {
    let server = Server::start().await;
    let user = server.user(Role::Admin).await;
    let path = format!("users/{}/require_password_reset", user.id);
    let answer = server.admin.post(&path, json!({"require": true})).await.ok();
    assert_eq!(answer["user"]["force_password_reset"], true);
    user.get("me").await.refused(401);
    let email = answer["user"]["email"].clone();
    let login = server.anonymous().post("login", json!({"email": email, "password": PASSWORD})).await.ok();
    let user = user.with_token(&login["token"]);
    for path in ["me", "hosts/1", "version", "users", "email/change/logout"] {
        assert_eq!(user.get(path).await.refused(401), "password reset required", "{path}");
    }
    user.post("change_password", json!({})).await.refused(401);
    let perform = |id: u64, new: &str| json!({"id": id, "new_password": new});
    let call = "perform_required_password_reset";
    user.post(call, perform(1, NEW)).await.refused(403);
    assert_eq!(
        user.post(call, perform(user.id, "weak")).await.refused(422),
        "Password does not meet validation requirements"
    );
    assert_eq!(user.post(call, perform(user.id, PASSWORD)).await.refused(422), "cannot reuse old password");
    let done = user.post(call, perform(user.id, NEW)).await.ok();
    assert_eq!(
        (&done["user"]["id"], &done["user"]["force_password_reset"]),
        (&json!(user.id), &json!(false))
    );
    user.get("me").await.ok();
    user.post(call, perform(user.id, PASSWORD)).await.refused(400);
    server.admin.post(&path, json!({"require": true})).await.ok();
    let lifted = server.admin.post(&path, json!({"require": false})).await.ok();
    assert_eq!(lifted["user"]["force_password_reset"], false);
}

async fn reset_tokens(server: &Server) -> u64 {
    let count = |tx: &mut store::db::Tx<'_>| tx.value("SELECT COUNT(*) FROM password_resets", &[]);
    server.fleet.db.read::<_, store::db::DbError, _>(count).await.unwrap().unwrap()
}

#[tokio::test]
async fn nobody_learns_who_is_known() {
    let server = Server::start().await;
    let anonymous = server.anonymous();
    // Made for gRPC: without a password there is none to forget.
    let users = store::user::Users::new(server.fleet.db.clone());
    let made = tokio::task::spawn_blocking(move || users.set_acl("robot@example.org", Default::default()));
    made.await.unwrap().unwrap();
    for email in ["robot@example.org", "nobody@example.org", "Ada@example.org", ""] {
        let answer = anonymous.post("forgot_password", json!({"email": email})).await;
        assert_eq!((answer.status, answer.body), (202, json!({})), "{email}");
    }
    while reset_tokens(&server).await == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(reset_tokens(&server).await, 1);
    let unknown = anonymous.post("login", json!({"email": "nobody@example.org", "password": "x"})).await;
    let wrong = anonymous.post("login", json!({"email": "ada@example.org", "password": "x"})).await;
    assert_eq!(unknown, wrong);
    assert_eq!(wrong.refused(401), "Authentication failed");
}

#[tokio::test]
async fn a_token_gives_one_new_password() {
    let server = Server::start().await;
    let anonymous = server.anonymous();
    let create = |tx: &mut store::db::Tx<'_>| store::fleet::password_reset::create(tx, 1);
    let token = server.fleet.db.write(create).await.unwrap();
    let second = server.fleet.db.write(create).await.unwrap();
    let body = |token: &str, new: &str| json!({"password_reset_token": token, "new_password": new});
    anonymous.post("reset_password", body("", NEW)).await.refused(422);
    anonymous.post("reset_password", body("guess", NEW)).await.refused(422);
    assert_eq!(
        anonymous.post("reset_password", body(&token, "weak")).await.refused(422),
        "Password does not meet validation requirements"
    );
    assert_eq!(anonymous.post("reset_password", body(&token, NEW)).await.ok(), json!({}));
    server.admin.get("me").await.refused(401);
    for token in [&token, &second] {
        anonymous.post("reset_password", body(token, "other-one3!")).await.refused(422);
    }
    anonymous.post("login", json!({"email": "ada@example.org", "password": NEW})).await.ok();
    // Too old.
    let late = server.fleet.db.write(create).await.unwrap();
    let age = |tx: &mut store::db::Tx<'_>| tx.script("UPDATE password_resets SET expires_at = 1");
    server.fleet.db.write::<_, store::db::DbError, _>(age).await.unwrap();
    anonymous.post("reset_password", body(&late, PASSWORD)).await.refused(422);
}

#[tokio::test]
async fn logging_in_too_often_has_to_wait() {
    let server = Server::start().await;
    let anonymous = server.anonymous();
    for path in ["login", "forgot_password"] {
        // All at once, so that no time passes in which one more would be allowed.
        let calls: Vec<_> = (0..12)
            .map(|_| {
                let (client, full) = (anonymous.clone(), format!("/api/latest/fleet/{path}"));
                let body = json!({"email": "x@example.org", "password": "x"});
                tokio::spawn(async move { client.raw(Method::POST, &full, Some(body)).await })
            })
            .collect();
        let mut responses = Vec::new();
        for call in calls {
            responses.push(call.await.unwrap());
        }
        let (refused, let_in): (Vec<_>, Vec<_>) = responses.into_iter().partition(|one| one.status() == 429);
        assert_eq!(let_in.len(), 10, "{path}");
        let response = refused.into_iter().next().unwrap();
        let seconds = response.headers()["retry-after"].to_str().unwrap().to_owned();
        assert!(seconds.parse::<u64>().unwrap() > 0);
        let text = format!("limit exceeded, retry after: {seconds}s");
        let body: serde_json::Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!(body, json!({"message": text}));
    }
    // Those who are logged in notice nothing.
    server.admin.get("me").await.ok();
}

#[tokio::test]
async fn who_is_not_logged_in_may_send_little_and_not_often() {
    let server = Server::start().await;
    let anonymous = server.anonymous();
    let large = json!({"email": "x".repeat(70_000), "password": "x"});
    assert_eq!(anonymous.post("login", large.clone()).await.status, 413);
    assert_ne!(server.admin.post("labels", large).await.status, 413);
    let mut last = 0;
    for _ in 0..2_000 {
        last = anonymous.post("reset_password", json!({})).await.status;
        if last == 429 {
            break;
        }
    }
    assert_eq!(last, 429);
    server.admin.get("me").await.ok();
}

#[tokio::test]
async fn mails_carry_tokens_once_a_mail_server_is_configured() {
    let server = Server::start().await;
    let mails = MailServer::start().await;
    let config = server.admin.patch("config", mails.settings()).await.ok();
    assert_eq!(config["smtp_settings"]["configured"], true);
    assert!(mails.next().await.contains("To: ada@example.org"));
    // Nothing about mail is changed: no mail.
    server.admin.patch("config", mails.settings()).await.ok();
    server.anonymous().post("forgot_password", json!({"email": "ada@example.org"})).await;
    let mail = mails.next().await;
    assert!(mail.contains("Subject: A new password"), "{mail}");
    let body = json!({"password_reset_token": smtp::token(&mail), "new_password": NEW});
    server.anonymous().post("reset_password", body).await.ok();
    let user = server.user(Role::Observer).await;
    let path = format!("users/{}", user.id);
    let change = json!({"email": "moved@example.org", "password": PASSWORD});
    let answer = user.patch(&path, change).await.ok();
    assert_ne!(answer["user"]["email"], "moved@example.org");
    let mail = mails.next().await;
    assert!(mail.contains("To: moved@example.org"), "{mail}");
    let confirm = format!("email/change/{}", smtp::token(&mail));
    let other = server.user(Role::Observer).await;
    other.get(&confirm).await.refused(404);
    assert_eq!(user.get(&confirm).await.ok(), json!({"new_email": "moved@example.org"}));
    assert_eq!(user.get("me").await.ok()["user"]["email"], "moved@example.org");
    user.get(&confirm).await.refused(404);
}
