//! The settings that administrators change at run time (the Fleet reference, section 3.1), one JSON document.

use serde_json::{Value as Json, json};

use super::fault::Outcome;
use crate::db::{DbResult, Tx};
use crate::params;

/// The document as it was last stored, laid over the defaults.
pub fn get(tx: &mut Tx<'_>) -> Outcome<Json> {
    let stored: Option<String> = tx.value("SELECT value FROM settings WHERE name = 'app_config'", &[])?;
    let mut config = defaults();
    if let Some(stored) = stored.and_then(|text| serde_json::from_str(&text).ok()) {
        merge(&mut config, stored);
    }
    Ok(config)
}

/// Stores the document.
pub fn set(tx: &mut Tx<'_>, config: &Json) -> DbResult<()> {
    let sql = "INSERT INTO settings (name, value) VALUES ('app_config', $1) ON CONFLICT (name) DO UPDATE SET value = $1";
    tx.execute(sql, params![config.to_string()]).map(drop)
}

/// Lays `over` over `base`: objects member by member, everything else is replaced. What holds free-form JSON is replaced
/// whole.
pub fn merge(base: &mut Json, over: Json) {
    const WHOLE: [&str; 2] = ["agent_options", "additional_queries"];
    match (base, over) {
        (Json::Object(base), Json::Object(over)) => {
            for (name, value) in over {
                match base.get_mut(&name) {
                    Some(known) if known.is_object() && !WHOLE.contains(&name.as_str()) => {
                        merge(known, value)
                    }
                    _ => drop(base.insert(name, value)),
                }
            }
        }
        (base, over) => *base = over,
    }
}

/// The agent options of a new installation (the Fleet reference, section 3.4).
pub fn default_agent_options() -> Json {
    json!({
        "config": {
            "options": {
                "logger_plugin": "tls",
                "pack_delimiter": "/",
                "logger_tls_period": 10,
                "distributed_plugin": "tls",
                "disable_distributed": false,
                "logger_tls_endpoint": "/api/osquery/log",
                "distributed_interval": 10,
                "distributed_tls_max_attempts": 3
            },
            "decorators": {"load": [
                "SELECT uuid AS host_uuid FROM system_info;",
                "SELECT hostname AS hostname FROM system_info;"
            ]}
        },
        "overrides": {}
    })
}

fn defaults() -> Json {
    json!({
        "org_info": {"org_name": "", "org_logo_url": ""},
        "server_settings": {
            "server_url": "", "live_query_disabled": false, "enable_analytics": false, "deferred_save_host": false
        },
        "smtp_settings": {
            "enable_smtp": false, "configured": false, "sender_address": "", "server": "", "port": 587,
            "authentication_type": "authtype_username_password", "user_name": "", "password": "",
            "enable_ssl_tls": true, "authentication_method": "authmethod_plain", "domain": "",
            "verify_ssl_certs": true, "enable_start_tls": true
        },
        "host_expiry_settings": {"host_expiry_enabled": false, "host_expiry_window": 0},
        "host_settings": {"enable_host_users": true, "enable_software_inventory": true},
        "agent_options": default_agent_options(),
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
        "integrations": {"jira": null, "zendesk": null}
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_changes_only_what_is_given_and_replaces_free_form_json() {
        let mut config = defaults();
        merge(&mut config, json!({"org_info": {"org_name": "Example"}, "agent_options": {"config": {}}}));
        assert_eq!(config["org_info"], json!({"org_name": "Example", "org_logo_url": ""}));
        assert_eq!(config["agent_options"], json!({"config": {}}));
    }
}
