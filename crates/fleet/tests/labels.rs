//! Labels: the API and the specs.

mod common;

use common::Server;
use serde_json::{Value as Json, json};
use store::rights::Role;

/// What the seed applies.
fn seed_specs() -> Json {
    json!({"specs": [
        {
            "name": "Ubuntu",
            "description": "Filters ubuntu hosts",
            "query": "select 1 from os_version where platform = 'ubuntu';",
            "label_membership_type": "dynamic"
        },
        {
            "name": "local_machine",
            "description": "Includes only my local machine",
            "label_membership_type": "manual",
            "hosts": ["snacbook-pro.local"]
        }
    ]})
}

#[tokio::test]
async fn specs_are_applied_and_told_as_in_the_seed() {
    let server = Server::start().await;
    assert_eq!(server.admin.post("spec/labels", seed_specs()).await.ok(), json!({}));
    let specs = server.admin.get("spec/labels").await.ok()["specs"].take();
    // The first five are the seed's, without the platforms that real servers no longer store.
    assert_eq!(
        specs[0],
        json!({
            "id": 6, "name": "All Hosts", "description": "All hosts which have enrolled in Fleet",
            "query": "select 1;", "label_type": "builtin", "label_membership_type": "dynamic"
        })
    );
    assert_eq!(
        specs[3],
        json!({
            "id": 9, "name": "CentOS Linux", "description": "All CentOS hosts",
            "query": "select 1 from os_version where platform = 'centos' or name like '%centos%'",
            "label_type": "builtin", "label_membership_type": "dynamic"
        })
    );
    assert_eq!(
        specs[7],
        json!({
            "id": 13, "name": "Ubuntu", "description": "Filters ubuntu hosts",
            "query": "select 1 from os_version where platform = 'ubuntu';", "label_membership_type": "dynamic"
        })
    );
    let local = json!({"specs": {
        "id": 14, "name": "local_machine", "description": "Includes only my local machine", "query": "",
        "label_membership_type": "manual"
    }});
    assert_eq!(server.admin.get("spec/labels/local_machine").await.ok(), local);
    assert_eq!(
        server.admin.get("spec/labels/nothing").await.refused(404),
        "Label nothing was not found in the datastore"
    );
    // Names are encoded twice by some clients.
    for path in ["spec/labels/All%20Hosts", "spec/labels/All%2520Hosts", "spec/labels/all%20hosts"] {
        assert_eq!(server.admin.get(path).await.ok()["specs"]["id"], 6, "{path}");
    }
    // What was told can be applied: nothing changes, ids in the input mean nothing.
    let told = server.admin.get("spec/labels").await.ok();
    server.admin.post("spec/labels", json!({"specs": specs.as_array().unwrap()[..8]})).await.ok();
    assert_eq!(server.admin.get("spec/labels").await.ok(), told);
}

#[tokio::test]
async fn manual_labels_hold_the_hosts_that_are_named() {
    let server = Server::start().await;
    let (one, two) = (server.host("one").await, server.host("two").await);
    let apply = async |hosts: Json| {
        let spec = json!({"name": "By hand", "label_membership_type": "manual", "hosts": hosts});
        server.admin.post("spec/labels", json!({"specs": [spec]})).await
    };
    let hosts = async || server.admin.get("spec/labels/By%20hand").await.ok()["specs"]["hosts"].clone();
    apply(json!(["one", "two", "nobody", "", "one"])).await.ok();
    assert_eq!(hosts().await, json!(["one", "two"]));
    apply(json!(["two"])).await.ok();
    assert_eq!(hosts().await, json!(["two"]));
    // Without the key nothing is applied; an empty list empties the label.
    let refused = apply(Json::Null).await.refused(422);
    assert_eq!(refused, "label By hand is declared as manual but contains no `hosts key`");
    assert_eq!(hosts().await, json!(["two"]));
    apply(json!([])).await.ok();
    assert_eq!(hosts().await, Json::Null);
    assert!(one.host_id != two.host_id);
}

#[tokio::test]
async fn a_spec_that_is_wrong_leaves_nothing_applied() {
    let server = Server::start().await;
    let good = json!({"name": "good", "query": "select 1"});
    let refused = [
        (json!({"name": " ", "query": "select 1"}), "label name must not be empty"),
        (
            json!({"name": "a", "query": "select 1", "hosts": ["b"]}),
            "label a is declared as dynamic but contains `hosts` key",
        ),
        (json!({"name": "a"}), "label a is declared as dynamic but contains no `query`"),
        (json!({"name": "a", "label_membership_type": "other"}), "invalid LabelMembershipType: \"other\""),
        (
            json!({"name": "a", "query": "select 1", "label_type": "builtin"}),
            "label a is declared as builtin, but there is no such built-in label",
        ),
        (
            json!({"name": "macOS", "query": "select 2"}),
            "built-in label \"macOS\" cannot be changed or deleted",
        ),
        (json!({"name": "x".repeat(256), "query": "select 1"}), "must have 255 characters at most"),
    ];
    for (wrong, reason) in refused {
        let answer = server.admin.post("spec/labels", json!({"specs": [good, wrong]})).await;
        assert_eq!(answer.refused(422), reason, "{wrong}");
        assert_eq!(server.admin.get("spec/labels/good").await.status, 404, "{wrong}");
    }
    let kind = json!({"specs": [{"name": "a", "query": "select 1", "label_type": "strange"}]});
    assert!(
        server.admin.post("spec/labels", kind).await.refused(400).contains("invalid LabelType: \"strange\"")
    );
    for body in [json!({}), json!({"specs": null}), json!({"specs": []})] {
        assert_eq!(server.admin.post("spec/labels", body).await.ok(), json!({}));
    }
    // Absent keys are defaults: a label loses its description. Others stay.
    let full = json!({"name": "good", "query": "select 1", "description": "d", "platform": "linux", "label_type": 0});
    server.admin.post("spec/labels", json!({"specs": [full]})).await.ok();
    server.admin.post("spec/labels", json!({"specs": [{"name": "GOOD", "query": "select 3"}]})).await.ok();
    let mut good = server.admin.get("spec/labels/good").await.ok()["specs"].take();
    assert!(good.as_object_mut().unwrap().remove("id").unwrap().as_u64() > Some(12));
    assert_eq!(
        good,
        json!({"name": "GOOD", "description": "", "query": "select 3", "label_membership_type": "dynamic"})
    );
}

#[tokio::test]
async fn labels_are_made_changed_and_deleted_through_the_api() {
    let server = Server::start().await;
    let given = json!({"name": "Golden", "query": "select 1", "platform": "linux", "description": "d"});
    let mut made = server.admin.post("labels", given.clone()).await.ok()["label"].take();
    let times = ["created_at", "updated_at"].map(|key| made.as_object_mut().unwrap().remove(key).is_some());
    assert_eq!(times, [true, true]);
    assert_eq!(
        made,
        json!({
            "id": 13, "name": "Golden", "description": "d", "query": "select 1", "platform": "linux",
            "label_type": "regular", "label_membership_type": "dynamic", "display_text": "Golden", "count": 0,
            "host_ids": null
        })
    );
    let again = server.admin.post("labels", json!({"name": "golden ", "query": "select 2"})).await;
    assert_eq!(again.refused(409), "Label \"golden \" already exists");
    let missing = server.admin.post("labels", json!({"query": "select 2"})).await;
    assert_eq!(
        (missing.body["errors"][0]["name"].clone(), missing.refused(422)),
        (json!("name"), "missing required argument".into())
    );
    let missing = server.admin.post("labels", json!({"name": "n"})).await;
    assert_eq!(missing.body["errors"][0]["name"], "query");
    // Only name and description can change.
    let change = json!({"name": "Silver", "query": "select 9", "platform": "windows"});
    let changed = server.admin.patch("labels/13", change).await.ok()["label"].take();
    assert_eq!(
        (&changed["name"], &changed["query"], &changed["platform"]),
        (&json!("Silver"), &json!("select 1"), &json!("linux"))
    );
    assert_eq!(server.admin.patch("labels/13", json!({"name": "macOS"})).await.status, 409);
    // Built-in labels stay.
    server.admin.patch("labels/6", json!({"name": "All Hosts"})).await.ok();
    for answer in [
        server.admin.patch("labels/6", json!({"name": "Other"})).await,
        server.admin.delete("labels/id/6").await,
        server.admin.delete("labels/All%20Hosts").await,
    ] {
        assert_eq!(answer.refused(422), "built-in label \"All Hosts\" cannot be changed or deleted");
    }
    assert_eq!(server.admin.delete("labels/Silver").await.ok(), json!({}));
    assert_eq!(server.admin.get("labels/13").await.refused(404), "Label 13 was not found in the datastore");
    let id = server.admin.post("labels", given).await.ok()["label"]["id"].take();
    assert_eq!(server.admin.delete(&format!("labels/id/{id}")).await.ok(), json!({}));
    assert_eq!(server.admin.delete(&format!("labels/id/{id}")).await.status, 404);
}

#[tokio::test]
async fn counts_are_of_the_hosts_one_sees() {
    let server = Server::start().await;
    let blue = server.team("Blue").await;
    let (one, _two) = (server.host("one").await, server.host("two").await);
    let id = one.host_id;
    let sql = "UPDATE hosts SET team_id = $1 WHERE id = $2";
    let moved = move |tx: &mut store::db::Tx<'_>| tx.execute(sql, store::params![blue, id]);
    server.fleet.db.write::<_, store::db::DbError, _>(moved).await.unwrap();
    let observer = server.team_user(blue, Role::Observer).await;
    let count = |labels: Json| labels["labels"][0]["count"].clone();
    assert_eq!(count(server.admin.get("labels").await.ok()), 2);
    assert_eq!(count(observer.get("labels").await.ok()), 1);
    assert_eq!(observer.get("labels/6").await.ok()["label"]["host_count"], 1);
    let spec = json!({"name": "both", "label_membership_type": "manual", "hosts": ["one", "two"]});
    server.admin.post("spec/labels", json!({"specs": [spec]})).await.ok();
    assert_eq!(observer.get("spec/labels/both").await.ok()["specs"]["hosts"], json!(["one"]));
    // Lists are paged, ordered, and told in short.
    let names = |labels: Json| {
        labels["labels"].as_array().unwrap().iter().map(|l| l["name"].clone()).collect::<Vec<_>>()
    };
    let page = server.admin.get("labels?per_page=2&order_key=name&order_direction=desc").await.ok();
    assert_eq!(names(page), ["Ubuntu Linux", "Red Hat Linux"]);
    let after = server.admin.get("labels?order_key=name&after=MS%20Windows").await.ok();
    assert_eq!(names(after), ["Red Hat Linux", "Ubuntu Linux"]);
    assert_eq!(server.admin.get("labels?order_key=password").await.status, 422);
    let summary = server.admin.get("labels/summary").await.ok();
    assert_eq!(
        summary["labels"][0],
        json!({
            "id": 6, "name": "All Hosts", "description": "All hosts which have enrolled in Fleet", "label_type": "builtin"
        })
    );
    // Only global writers write.
    for role in [Role::Observer, Role::Maintainer, Role::Admin] {
        let user = server.team_user(blue, role).await;
        assert_eq!(user.post("labels", json!({"name": "n", "query": "q"})).await.status, 403);
        assert_eq!(user.post("spec/labels", json!({"specs": []})).await.status, 403);
    }
}
