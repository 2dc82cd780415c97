//! Users: who sees, makes, changes and deletes whom.

mod common;

use common::{Server, User};
use http::Method;
use serde_json::{Value as Json, json};
use store::rights::Role;

/// The object without its times, which are looked at.
fn timeless(mut user: Json) -> Json {
    for name in ["created_at", "updated_at"] {
        let time = user.as_object_mut().unwrap().shift_remove(name).unwrap();
        assert!(time.as_str().unwrap().ends_with('Z'), "{name}: {time}");
    }
    user
}

fn new_user(name: &str) -> Json {
    json!({"name": name, "email": format!("{}@example.org", name.to_lowercase()), "password": "x"})
}

/// With one more member.
fn with(mut body: Json, name: &str, value: Json) -> Json {
    body[name] = value;
    body
}

async fn make(by: &User, name: &str, roles: Json) -> u64 {
    let mut body = new_user(name);
    body.as_object_mut().unwrap().extend(roles.as_object().unwrap().clone());
    by.post("users/admin", body).await.ok()["user"]["id"].as_u64().unwrap()
}

#[tokio::test]
async fn administrators_make_users_who_choose_another_password_at_first() {
    let server = Server::start().await;
    let team = server.team("Blue").await;
    let body = with(new_user("Eve"), "global_role", json!("observer"));
    let user = server.admin.post("users/admin", body).await.ok()["user"].clone();
    let expected = json!({
        "id": 2, "name": "Eve", "email": "eve@example.org", "force_password_reset": true, "gravatar_url": "",
        "sso_enabled": false, "global_role": "observer", "api_only": false, "teams": [],
    });
    assert_eq!(timeless(user), expected);
    let body = json!({
        "name": "Robot", "email": " Robot@Example.org ", "password": "y", "api_only": true, "position": "script",
        "admin_forced_password_reset": false, "teams": [{"id": team, "role": "admin"}],
    });
    let user = server.admin.post("users/admin", body).await.ok()["user"].clone();
    assert_eq!((&user["email"], &user["position"]), (&json!("Robot@Example.org"), &json!("script")));
    assert_eq!((&user["api_only"], &user["force_password_reset"]), (&json!(true), &json!(false)));
    assert_eq!(user["global_role"], Json::Null);
    let on = &user["teams"][0];
    assert_eq!((&on["id"], &on["name"], &on["role"]), (&json!(team), &json!("Blue"), &json!("admin")));
    let login = json!({"email": "robot@example.org", "password": "y"});
    let login = server.anonymous().post("login", login).await.ok();
    assert_eq!(login["user"]["name"], "Robot");
    assert_eq!(login["available_teams"], json!([{"id": team, "name": "Blue", "description": ""}]));
}

#[tokio::test]
async fn what_is_missing_or_makes_no_sense_is_told() {
    let server = Server::start().await;
    let team = server.team("Blue").await;
    let admin = &server.admin;
    let answer = admin.post("users/admin", json!({"name": "", "sso_enabled": false})).await;
    assert_eq!(answer.status, 422);
    let expected = json!({"message": "Validation Failed", "errors": [
        {"name": "name", "reason": "Full name cannot be empty"},
        {"name": "password", "reason": "Password missing required argument"},
        {"name": "email", "reason": "Email missing required argument"},
    ]});
    assert_eq!(answer.body, expected);
    let body = json!({"email": "", "password": ""});
    let reasons = admin.post("users/admin", body).await.body["errors"].clone();
    assert_eq!(reasons[0]["reason"], "Full name missing required argument");
    assert_eq!(reasons[1]["reason"], "Password cannot be empty");
    assert_eq!(reasons[2]["reason"], "Email cannot be empty");
    let good = with(new_user("Eve"), "global_role", json!("observer"));
    for (body, reason) in [
        (with(good.clone(), "sso_enabled", json!(true)), "not allowed for SSO users"),
        (
            with(good.clone(), "invite_token", json!("t")),
            "Invite token should not be specified with admin user creation",
        ),
        (with(good.clone(), "name", json!("n".repeat(256))), "must have 255 characters at most"),
        (with(good.clone(), "password", json!("p".repeat(2_000))), "Password is too long"),
    ] {
        assert_eq!(admin.post("users/admin", body).await.refused(422), reason);
    }
    let on_team = json!([{"id": team, "role": "observer"}]);
    for (body, text) in [
        (new_user("Eve"), "either global role or team role needs to be defined"),
        (with(good.clone(), "teams", on_team), "Cannot specify both Global Role and Team Roles"),
        (
            with(new_user("Eve"), "global_role", json!("root")),
            "GlobalRole role can only be admin, observer, or maintainer.",
        ),
        (
            with(new_user("Eve"), "teams", json!([{"id": team, "role": "root"}])),
            "Team roles can be observer or maintainer",
        ),
    ] {
        let answer = admin.post("users/admin", body).await;
        let expected = json!({"message": text, "code": 1, "errors": [{"name": "base", "reason": text}]});
        assert_eq!((answer.status, answer.body), (422, expected));
    }
    let nowhere = with(new_user("Eve"), "teams", json!([{"id": 99, "role": "observer"}]));
    assert_eq!(
        admin.post("users/admin", nowhere).await.refused(404),
        "Team 99 was not found in the datastore"
    );
    admin.post("users/admin", good.clone()).await.ok();
    let again = admin.post("users/admin", with(good, "email", json!("EVE@example.org"))).await;
    assert_eq!((again.status, &again.body["message"]), (409, &json!("Validation Failed")));
    for body in [json!("x"), json!({"name": 5}), json!({"teams": {"id": 1}}), json!({"teams": [{"id": -1}]})]
    {
        admin.post("users/admin", body).await.refused(400);
    }
}

#[tokio::test]
async fn lists_are_searched_ordered_and_paged() {
    let server = Server::start().await;
    let team = server.team("Blue").await;
    let admin = &server.admin;
    let role = json!({"global_role": "observer"});
    for name in ["Zoë", "Bob_1", "Bob11"] {
        let body = json!({"name": name, "email": format!("u{}@x.org", name.len()), "password": "x"});
        let body = if name == "Bob11" { with(body, "email", json!("b@x.org")) } else { body };
        let mut body = body;
        body.as_object_mut().unwrap().extend(role.as_object().unwrap().clone());
        admin.post("users/admin", body).await.ok();
    }
    make(admin, "Tim", json!({"teams": [{"id": team, "role": "observer"}]})).await;
    let names = async |query: &str| -> Vec<String> {
        let users = admin.get(&format!("users?{query}")).await.ok()["users"].clone();
        users.as_array().unwrap().iter().map(|user| user["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("").await, ["Ada", "Zoë", "Bob_1", "Bob11", "Tim"]);
    assert_eq!(names("query=ZO%C3%8B").await, ["Zoë"]);
    assert_eq!(names("query=bob_1").await, ["Bob_1"]);
    assert_eq!(names("query=example.ORG").await, ["Ada", "Tim"]);
    assert_eq!(names("query=%27%20OR%201=1%20--").await, [""; 0]);
    assert_eq!(names("order_key=email&order_direction=desc&per_page=2").await, ["Bob_1", "Zoë"]);
    assert_eq!(names("order_key=id&after=3&per_page=1").await, ["Bob11"]);
    assert_eq!(names(&format!("team_id={team}")).await, ["Tim"]);
    admin.get("users?order_key=password").await.refused(422);
    let lead = server.team_user(team, Role::Admin).await;
    lead.get("users").await.refused(403);
    lead.get("users?team_id=99").await.refused(403);
    let seen = lead.get(&format!("users?team_id={team}")).await.ok();
    assert_eq!(seen["users"].as_array().unwrap().len(), 2);
    assert_eq!(seen["users"][0]["teams"][0]["role"], "observer");
}

#[tokio::test]
async fn one_kind_of_role_replaces_the_other() {
    let server = Server::start().await;
    let (blue, red) = (server.team("Blue").await, server.team("Red").await);
    let admin = &server.admin;
    let id = make(admin, "Eve", json!({"global_role": "observer"})).await;
    let path = format!("users/{id}");
    let teams = json!({"teams": [{"id": blue, "role": "observer"}, {"id": red, "role": "maintainer"}]});
    let user = admin.patch(&path, teams.clone()).await.ok()["user"].clone();
    assert_eq!((&user["global_role"], user["teams"].as_array().unwrap().len()), (&Json::Null, 2));
    let user =
        admin.patch(&path, json!({"global_role": "maintainer", "teams": []})).await.ok()["user"].clone();
    assert_eq!((&user["global_role"], &user["teams"]), (&json!("maintainer"), &json!([])));
    let user = admin.patch(&path, json!({"global_role": null, "name": "Eva"})).await.ok()["user"].clone();
    assert_eq!((&user["global_role"], &user["name"]), (&json!("maintainer"), &json!("Eva")));
    let both = with(teams, "global_role", json!("admin"));
    let answer = admin.patch(&path, both).await;
    assert_eq!(
        answer.body["errors"],
        json!([{"name": "teams", "reason": "may not be specified with global_role"}])
    );
    assert_eq!(admin.patch(&path, json!({"name": " "})).await.refused(422), "Full name cannot be empty");
    let answer = admin.get(&path).await.ok();
    assert_eq!(
        (&answer["user"]["name"], answer["available_teams"].as_array().unwrap().len()),
        (&json!("Eva"), 2)
    );
    admin.patch("users/99", json!({})).await.refused(404);
    assert_eq!(admin.get("users/99").await.refused(404), "User 99 was not found in the datastore");
}

#[tokio::test]
async fn users_change_themselves_but_not_what_they_may() {
    let server = Server::start().await;
    let observer = server.user(Role::Observer).await;
    let path = format!("users/{}", observer.id);
    assert_eq!(
        observer.patch(&path, json!({"name": "Me", "position": "here"})).await.ok()["user"]["name"],
        "Me"
    );
    for body in [
        json!({"global_role": "admin"}),
        json!({"teams": [{"id": server.team("Blue").await, "role": "observer"}]}),
        json!({"api_only": true}),
        json!({"sso_enabled": true}),
        json!({"admin_forced_password_reset": true}),
    ] {
        assert_eq!(observer.patch(&path, body.clone()).await.refused(403), "forbidden", "{body}");
    }
    observer.patch(&path, json!({"global_role": "observer", "api_only": false})).await.ok();
    observer.patch("users/1", json!({"name": "x"})).await.refused(403);
    observer.get("users/1").await.refused(403);
    observer.delete("users/1").await.refused(403);
    observer.get("users").await.refused(403);
    observer.get("users/1/sessions").await.refused(403);
    observer.delete("users/1/sessions").await.refused(403);
    let mine = observer.get(&format!("{path}/sessions")).await.ok();
    assert_eq!(mine["sessions"][0]["user_id"], observer.id);
    assert_eq!(observer.delete(&path).await.ok(), json!({}));
    assert_eq!(observer.get("me").await.refused(401), "Authentication required");
}

#[tokio::test]
async fn administrators_of_teams_stay_within_their_teams() {
    let server = Server::start().await;
    let (blue, red) = (server.team("Blue").await, server.team("Red").await);
    let lead = server.team_user(blue, Role::Admin).await;
    let role = |team: u32, role: &str| json!({"teams": [{"id": team, "role": role}]});
    let mine = make(&lead, "Mine", role(blue, "observer")).await;
    for (name, roles) in
        [("A", json!({"global_role": "observer"})), ("B", role(red, "observer")), ("C", role(99, "observer"))]
    {
        let mut body = new_user(name);
        body.as_object_mut().unwrap().extend(roles.as_object().unwrap().clone());
        lead.post("users/admin", body).await.refused(403);
    }
    let both = json!({"teams": [{"id": blue, "role": "observer"}, {"id": red, "role": "admin"}]});
    let shared = make(&server.admin, "Shared", both).await;
    let theirs = make(&server.admin, "Theirs", role(red, "observer")).await;
    // Read, but not changed: who changes them could act on the other team.
    lead.get(&format!("users/{shared}")).await.ok();
    lead.patch(&format!("users/{shared}"), json!({"name": "x"})).await.refused(403);
    lead.delete(&format!("users/{shared}")).await.refused(403);
    lead.get(&format!("users/{theirs}")).await.refused(403);
    lead.patch("users/1", json!({"email": "me@example.org"})).await.refused(403);
    let path = format!("users/{mine}");
    assert_eq!(
        lead.patch(&path, role(blue, "maintainer")).await.ok()["user"]["teams"][0]["role"],
        "maintainer"
    );
    lead.patch(&path, role(red, "observer")).await.refused(403);
    lead.patch(&path, json!({"global_role": "admin"})).await.refused(403);
    lead.patch(&path, json!({"new_password": "stolen-99!"})).await.refused(403);
    lead.post(&format!("{path}/require_password_reset"), json!({"require": true})).await.ok();
    lead.post(&format!("users/{shared}/require_password_reset"), json!({"require": true})).await.refused(403);
    // A global role wins over one on the team.
    let global = make(&server.admin, "Global", json!({"global_role": "admin"})).await;
    let join =
        format!("INSERT INTO user_teams (user_id, team_id, role) VALUES ({global}, {blue}, 'observer')");
    server.fleet.db.write::<_, store::db::DbError, _>(move |tx| tx.script(&join)).await.unwrap();
    lead.patch(&format!("users/{global}"), json!({"email": "me@example.org"})).await.refused(403);
    lead.delete(&format!("users/{global}")).await.refused(403);
    lead.delete(&path).await.ok();
    server.admin.get(&path).await.refused(404);
}

#[tokio::test]
async fn one_global_administrator_remains() {
    let server = Server::start().await;
    let admin = &server.admin;
    let text = "at least one global admin must remain";
    let spec = json!({"spec": {"roles": {"ada@example.org": {"global_role": "observer", "teams": []}}}});
    let refused = [
        admin.delete("users/1").await,
        admin.patch("users/1", json!({"global_role": "observer"})).await,
        admin.post("users/roles/spec", spec.clone()).await,
    ];
    let expected = json!({"message": text, "code": 2, "errors": [{"name": "base", "reason": text}]});
    for answer in refused {
        assert_eq!((answer.status, answer.body), (422, expected.clone()));
    }
    assert_eq!(admin.get("me").await.ok()["user"]["global_role"], "admin");
    make(admin, "Eve", json!({"global_role": "admin"})).await;
    admin.post("users/roles/spec", spec).await.ok();
    admin.get("users").await.refused(403);
}

#[tokio::test]
async fn role_specs_replace_roles_of_those_listed_or_of_nobody() {
    let server = Server::start().await;
    let team = server.team("Linux").await;
    let admin = &server.admin;
    let eve = make(admin, "Eve", json!({"global_role": "observer"})).await;
    let bob = make(admin, "Bob", json!({"global_role": "maintainer"})).await;
    let spec = |roles: Json| json!({"spec": {"roles": roles}});
    let wanted = json!({"global_role": null, "teams": [{"name": "linux", "role": "observer"}]});
    let roles = json!({"EVE@example.org": wanted, "nobody@example.org": wanted});
    assert_eq!(
        admin.post("users/roles/spec", spec(roles)).await.refused(404),
        "User nobody@example.org was not found in the datastore"
    );
    assert_eq!(admin.get(&format!("users/{eve}")).await.ok()["user"]["global_role"], "observer");
    let answer = admin.post("users/roles/spec", spec(json!({"EVE@example.org": wanted}))).await;
    assert_eq!(answer.ok(), json!({}));
    let user = admin.get(&format!("users/{eve}")).await.ok()["user"].clone();
    assert_eq!((&user["global_role"], &user["teams"][0]["id"]), (&Json::Null, &json!(team)));
    assert_eq!(admin.get(&format!("users/{bob}")).await.ok()["user"]["global_role"], "maintainer");
    let nowhere =
        json!({"eve@example.org": {"global_role": null, "teams": [{"name": "x", "role": "observer"}]}});
    assert_eq!(
        admin.post("users/roles/spec", spec(nowhere)).await.refused(404),
        "Team x was not found in the datastore"
    );
    let nothing = json!({"eve@example.org": {"global_role": null, "teams": []}});
    assert_eq!(admin.post("users/roles/spec", spec(nothing)).await.body["code"], 1);
    let lead = server.team_user(team, Role::Admin).await;
    let up = json!({"eve@example.org": {"teams": [{"name": "Linux", "role": "maintainer"}]}});
    lead.post("users/roles/spec", spec(up)).await.ok();
    let too_far = json!({"bob@example.org": {"teams": [{"name": "Linux", "role": "observer"}]}});
    lead.post("users/roles/spec", spec(too_far)).await.refused(403);
    admin.post("users/roles/spec", json!({})).await.refused(422);
}

#[tokio::test]
async fn sessions_of_a_user_are_listed_and_ended() {
    let server = Server::start().await;
    let user = server.user(Role::Observer).await;
    let path = format!("users/{}/sessions", user.id);
    let sessions = server.admin.get(&path).await.ok()["sessions"].clone();
    let session = sessions[0].as_object().unwrap();
    let keys: Vec<&str> = session.keys().map(String::as_str).collect();
    assert_eq!(keys, ["session_id", "user_id", "created_at"]);
    assert_eq!(server.admin.delete(&path).await.ok(), json!({}));
    assert_eq!(server.admin.get(&path).await.ok(), json!({"sessions": []}));
    user.get("me").await.refused(401);
    server.admin.get("users/99/sessions").await.refused(404);
    let odd = server.admin.call(Method::GET, "users/-1/sessions", None).await;
    assert_eq!(odd.status, 404);
}

/// Rights over gRPC, as the command line gives them.
async fn grant(server: &Server, name: &'static str) {
    let users = store::user::Users::new(server.fleet.db.clone());
    let granted =
        tokio::task::spawn_blocking(move || users.grant(name, &store::rights::DEFAULT_CLIENT_GRANT));
    granted.await.unwrap().unwrap();
}

#[tokio::test]
async fn who_was_made_for_grpc_is_there_and_cannot_log_in_before_an_administrator_says_so() {
    let server = Server::start().await;
    grant(&server, "Robot").await;
    let robot = server.admin.get("users?query=robot").await.ok()["users"][0].clone();
    let id = robot["id"].clone();
    let expected = json!({
        "id": id, "name": "Robot", "email": "Robot", "force_password_reset": false, "gravatar_url": "",
        "sso_enabled": false, "global_role": null, "api_only": true, "teams": [],
    });
    assert_eq!(timeless(robot), expected);
    let login = |password: &'static str| {
        let anonymous = server.anonymous();
        async move { anonymous.post("login", json!({"email": "robot", "password": password})).await }
    };
    for password in ["", "x"] {
        assert_eq!(login(password).await.status, 401);
    }
    let given = json!({"new_password": "correct-horse1!", "global_role": "observer"});
    let changed = server.admin.patch(&format!("users/{id}"), given).await.ok();
    assert_eq!(changed["user"]["global_role"], "observer");
    assert_eq!(login("correct-horse1!").await.status, 200);
    // The record over gRPC is untouched.
    let users = store::user::Users::new(server.fleet.db.clone());
    let found = users.fetch("ROBOT").await.unwrap().unwrap();
    assert_eq!((&*found.acl.roles, found.global_role), (&["api".to_owned()][..], Some(Role::Observer)));
    server.admin.delete(&format!("users/{id}")).await.ok();
    assert!(users.fetch("robot").await.unwrap().is_none());
}

#[tokio::test]
async fn administrators_of_a_team_change_nobody_who_has_rights_over_grpc() {
    let server = Server::start().await;
    let team = server.team("Blue").await;
    let chief = server.team_user(team, Role::Admin).await;
    let on_team = json!({"teams": [{"id": team, "role": "observer"}]});
    let id = make(&server.admin, "Mia", on_team).await;
    chief.patch(&format!("users/{id}"), json!({"position": "desk"})).await.ok();
    grant(&server, "mia@example.org").await;
    for change in [json!({"position": "x"}), json!({"email": "other@example.org"})] {
        chief.patch(&format!("users/{id}"), change).await.refused(403);
    }
    chief.delete(&format!("users/{id}")).await.refused(403);
    server.admin.patch(&format!("users/{id}"), json!({"position": "x"})).await.ok();
}

#[tokio::test]
async fn what_a_user_keeps_goes_with_the_user() {
    let server = Server::start().await;
    let profiles = store::profile::Profiles::in_data_dir(server.dir.path()).unwrap();
    let keep = |name: &str| {
        profiles.update(name, |profile| Ok(profile.options.insert("theme".into(), "dark".into()))).unwrap();
    };
    let has = |name: &str| !profiles.of(name).unwrap().options.is_empty();
    let id = make(&server.admin, "ann", json!({"global_role": "observer"})).await;
    let before = server.admin.get(&format!("users/{id}")).await.ok()["user"]["email"].clone();
    let before = before.as_str().unwrap();
    keep(before);
    // A change that leaves the address alone leaves it, too.
    server.admin.patch(&format!("users/{id}"), json!({"name": "Ann B."})).await.ok();
    assert!(has(before));
    server.admin.patch(&format!("users/{id}"), json!({"email": "other@example.org"})).await.ok();
    assert!(has("other@example.org") && !has(before));
    assert_eq!(server.admin.delete(&format!("users/{id}")).await.ok(), json!({}));
    // Who gets the name next begins with nothing.
    assert!(!has("other@example.org"));
    // A deletion that is refused takes nothing.
    let own = server.admin.get("me").await.ok()["user"].clone();
    keep(own["email"].as_str().unwrap());
    assert_ne!(server.admin.delete(&format!("users/{}", own["id"])).await.status, 200);
    assert!(has(own["email"].as_str().unwrap()));
}
