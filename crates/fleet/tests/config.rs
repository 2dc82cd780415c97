//! Settings: what is shown to whom, and what a change may say.

mod common;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use common::Server;
use common::smtp::MailServer;
use serde_json::{Value as Json, json};
use store::rights::Role;

fn without(mut config: Json, names: &[&str]) -> Json {
    for name in names {
        config.as_object_mut().unwrap().shift_remove(*name).unwrap();
    }
    config
}

#[tokio::test]
async fn the_settings_of_a_new_server_are_as_published() {
    let server = Server::start().await;
    let config = server.admin.get("config").await.ok();
    let fixed = ["agent_options", "vulnerabilities", "license", "logging"];
    for name in fixed {
        assert!(config[name].is_object(), "{name}");
    }
    assert_eq!(config["license"]["tier"], "premium");
    assert_eq!(config["logging"]["result"]["plugin"], "filesystem");
    assert_eq!(config["agent_options"]["config"]["options"]["pack_delimiter"], "/");
    let expected = json!({
        "org_info": {"org_name": "Example", "org_logo_url": ""},
        "server_settings": {
            "server_url": "https://fleet.example.org", "live_query_disabled": false, "enable_analytics": false,
            "deferred_save_host": false
        },
        "smtp_settings": {
            "enable_smtp": false, "configured": false, "sender_address": "", "server": "", "port": 587,
            "authentication_type": "authtype_username_password", "user_name": "", "password": "",
            "enable_ssl_tls": true, "authentication_method": "authmethod_plain", "domain": "",
            "verify_ssl_certs": true, "enable_start_tls": true
        },
        "host_expiry_settings": {"host_expiry_enabled": false, "host_expiry_window": 0},
        "host_settings": {"enable_host_users": true, "enable_software_inventory": true},
        "sso_settings": {
            "entity_id": "", "issuer_uri": "", "idp_image_url": "", "metadata": "", "metadata_url": "",
            "idp_name": "", "enable_sso": false, "enable_sso_idp_login": false
        },
        "vulnerability_settings": {"databases_path": ""},
        "webhook_settings": {
            "host_status_webhook": {
                "enable_host_status_webhook": false, "destination_url": "", "host_percentage": 0, "days_count": 0
            },
            "failing_policies_webhook": {
                "enable_failing_policies_webhook": false, "destination_url": "", "policy_ids": null,
                "host_batch_size": 0
            },
            "vulnerabilities_webhook": {
                "enable_vulnerabilities_webhook": false, "destination_url": "", "host_batch_size": 0
            },
            "interval": "24h0m0s"
        },
        "integrations": {"jira": null, "zendesk": null},
        "update_interval": {"osquery_detail": 3_600_000_000_000_u64, "osquery_policy": 3_600_000_000_000_u64},
    });
    assert_eq!(without(config, &fixed), expected);
}

#[tokio::test]
async fn those_who_do_not_administer_see_less_and_change_nothing() {
    let server = Server::start().await;
    let change = json!({
        "host_expiry_settings": {"host_expiry_enabled": true, "host_expiry_window": 9},
        "sso_settings": {"idp_name": "hidden"}, "smtp_settings": {"user_name": "hidden"},
    });
    server.admin.patch("config", change).await.ok();
    let team = server.team("Blue").await;
    for user in [
        server.user(Role::Maintainer).await,
        server.user(Role::Observer).await,
        server.team_user(team, Role::Admin).await,
    ] {
        let config = user.get("config").await.ok();
        assert_eq!(config.get("agent_options"), None);
        assert_eq!(
            config["host_expiry_settings"],
            json!({"host_expiry_enabled": false, "host_expiry_window": 0})
        );
        let smtp = &config["smtp_settings"];
        assert_eq!(
            (&smtp["port"], &smtp["enable_ssl_tls"], &smtp["user_name"]),
            (&json!(0), &json!(false), &json!(""))
        );
        assert_eq!(config["sso_settings"]["idp_name"], "");
        assert_eq!(config["org_info"]["org_name"], "Example");
        user.patch("config", json!({"org_info": {"org_name": "x"}})).await.refused(403);
    }
}

#[tokio::test]
async fn only_what_is_given_changes_and_free_form_parts_are_replaced() {
    let server = Server::start().await;
    let admin = &server.admin;
    let before = admin.get("config").await.ok();
    let change = json!({
        "org_info": {"org_name": "New"},
        "host_settings": {"additional_queries": {"a": "select 1"}},
        "agent_options": {"config": {"x": 1}},
        "webhook_settings": {"failing_policies_webhook": {"policy_ids": [1, 2]}, "interval": "1h30m"},
    });
    let after = admin.patch("config", change).await.ok();
    assert_eq!((&after["update_interval"], &after["vulnerabilities"]), (&Json::Null, &Json::Null));
    let mut expected = before.clone();
    expected["org_info"]["org_name"] = "New".into();
    expected["host_settings"]["additional_queries"] = json!({"a": "select 1"});
    expected["agent_options"] = json!({"config": {"x": 1}});
    expected["webhook_settings"]["failing_policies_webhook"]["policy_ids"] = json!([1, 2]);
    expected["webhook_settings"]["interval"] = "1h30m".into();
    expected["license"]["organization"] = "New".into();
    assert_eq!(admin.get("config").await.ok(), expected);
    let change = json!({"host_settings": {"additional_queries": {"b": "select 2"}}});
    admin.patch("config", change).await.ok();
    let queries = admin.get("config").await.ok()["host_settings"]["additional_queries"].clone();
    assert_eq!(queries, json!({"b": "select 2"}));
    let change = json!({"host_settings": {"additional_queries": null}, "org_info": null});
    let after = admin.patch("config", change).await.ok();
    assert_eq!(after["host_settings"].get("additional_queries"), None);
    // What GET gave can be sent back as a whole.
    let whole = admin.get("config").await.ok();
    admin.patch("config", whole.clone()).await.ok();
    assert_eq!(admin.get("config").await.ok(), whole);
    let dry = admin.patch("config?dry_run=true", json!({"org_info": {"org_name": "Dry"}})).await.ok();
    assert_eq!(dry["org_info"]["org_name"], "Dry");
    assert_eq!(admin.get("config").await.ok(), whole);
}

#[tokio::test]
async fn settings_that_make_no_sense_are_refused_and_nothing_changes() {
    let server = Server::start().await;
    let admin = &server.admin;
    let before = admin.get("config").await.ok();
    let unknown = admin.patch("config", json!({"org_info": {"org_name": "x"}, "server_setings": {}})).await;
    let expected = json!({
        "message": "Bad request", "errors": [{"name": "base", "reason": "json: unknown field \"server_setings\""}]
    });
    assert_eq!((unknown.status, unknown.body), (400, expected));
    for body in [json!([]), json!("x"), json!({"org_info": []}), json!({"integrations": {"jira": {}}})] {
        admin.patch("config", body).await.refused(400);
    }
    for (body, reason) in [
        (json!({"server_settings": {"server_url": "http://x.org"}}), "url scheme must be https"),
        (json!({"server_settings": {"server_url": ""}}), "missing required argument"),
        (
            json!({"host_expiry_settings": {"host_expiry_enabled": true}}),
            "must be 1 or more days when hosts expire",
        ),
        (json!({"sso_settings": {"enable_sso": true}}), "required"),
        (json!({"webhook_settings": {"interval": "soon"}}), "must be a time such as 24h or 1h30m"),
        (
            json!({"webhook_settings": {"host_status_webhook": {
                "enable_host_status_webhook": true, "destination_url": "file:///etc", "host_percentage": 1, "days_count": 1
            }}}),
            "host_status_webhook needs an address with http or https",
        ),
        (json!({"smtp_settings": {"port": 70_000}}), "must be between 1 and 65535"),
        (json!({"smtp_settings": {"enable_smtp": true}}), "missing required argument"),
        (
            json!({"host_settings": {"additional_queries": {"a": 1}}}),
            "must be an object of names and queries",
        ),
        (json!({"agent_options": "x"}), "must be an object with config and overrides"),
    ] {
        assert_eq!(admin.patch("config", body.clone()).await.refused(422), reason, "{body}");
    }
    assert_eq!(admin.get("config").await.ok(), before);
    admin.patch("config", json!({"server_settings": {"server_url": "http://localhost:8080"}})).await.ok();
}

#[tokio::test]
async fn secrets_are_shown_as_masks_that_keep_what_is_stored() {
    let server = Server::start().await;
    let admin = &server.admin;
    let jira = |token: &str| json!({"url": "https://jira.example.org", "username": "u", "project_key": "K", "api_token": token});
    let change = json!({"smtp_settings": {"password": "hush"}, "integrations": {"jira": [jira("token")]}});
    let after = admin.patch("config", change).await.ok();
    assert_eq!(after["smtp_settings"]["password"], "********");
    assert_eq!(after["integrations"]["jira"][0]["api_token"], "********");
    let back = json!({
        "smtp_settings": {"password": "********", "domain": "d"},
        "integrations": {"jira": [jira("********")]},
    });
    admin.patch("config", back).await.ok();
    let stored = server.fleet.db.read(store::fleet::app_config::get).await.unwrap();
    assert_eq!(stored["smtp_settings"]["password"], "hush");
    assert_eq!(stored["smtp_settings"]["domain"], "d");
    assert_eq!(stored["integrations"]["jira"][0]["api_token"], "token");
    let mut elsewhere = jira("********");
    elsewhere["url"] = "https://evil.example.org".into();
    admin.patch("config", json!({"integrations": {"jira": [elsewhere]}})).await.refused(422);
    let seen = server.user(Role::Observer).await.get("config").await.ok().to_string();
    assert!(!seen.contains("hush") && !seen.contains("\"token\""), "{seen}");
}

#[tokio::test]
async fn mail_counts_only_after_a_first_one_went_out() {
    let server = Server::start().await;
    let admin = &server.admin;
    let mails = MailServer::start().await;
    let mut settings = mails.settings();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    settings["smtp_settings"]["port"] = free.into();
    let answer = admin.patch("config", settings).await;
    assert_eq!((answer.status, &answer.body["message"]), (500, &json!("Mail Error")));
    assert_eq!(admin.get("config").await.ok()["smtp_settings"]["enable_smtp"], false);
    let mut odd = mails.settings();
    odd["smtp_settings"]["sender_address"] = "a\r\nBcc: all@example.org".into();
    let reason = admin.patch("config", odd).await.refused(422);
    assert!(reason.contains("is not a mail address"), "{reason}");
    let shown = admin.patch("config", mails.settings()).await.ok();
    assert_eq!(shown["smtp_settings"]["configured"], true);
    let mail = mails.next().await;
    assert!(mail.contains("From: fleet@example.org") && mail.contains("Subject: Mail works"), "{mail}");
    let off = admin.patch("config", json!({"smtp_settings": {"enable_smtp": false}})).await.ok();
    assert_eq!(off["smtp_settings"]["configured"], false);
}

#[tokio::test]
async fn the_certificate_is_shown_and_the_key_beside_it_is_not() {
    let server = Server::start().await;
    let user = server.user(Role::Observer).await;
    let reason = user.get("config/certificate").await.refused(500);
    assert!(reason.contains("cannot be read"), "{reason}");
    let certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    let key = "-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----\n";
    std::fs::write(server.dir.path().join("fleet-cert.pem"), format!("{key}{certificate}")).unwrap();
    let answer = user.get("config/certificate").await.ok();
    assert_eq!(answer, json!({"certificate_chain": BASE64_STANDARD.encode(certificate)}));
    let without = Server::start_with(|settings| settings.certificate = None).await;
    without.admin.get("config/certificate").await.refused(500);
}
