//! What of the settings is shown to whom.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::secrets;
use crate::settings::Settings;

/// Sections that only administrators see; others see that they are there.
const FOR_ADMINS: [&str; 3] = ["smtp_settings", "sso_settings", "host_expiry_settings"];

/// The settings as a user sees them, without secrets.
pub fn shown(mut config: Json, to_admin: bool) -> Json {
    secrets::hide(&mut config);
    if to_admin {
        return config;
    }
    for section in FOR_ADMINS {
        zero(&mut config[section]);
    }
    if let Some(config) = config.as_object_mut() {
        config.shift_remove("agent_options");
    }
    config
}

fn zero(value: &mut Json) {
    match value {
        Json::Object(members) => members.values_mut().for_each(zero),
        Json::Bool(truth) => *truth = false,
        Json::Number(_) => *value = 0.into(),
        Json::String(text) => text.clear(),
        Json::Array(_) | Json::Null => *value = Json::Null,
    }
}

/// What was chosen before the start. Nothing is held back for want of a licence, so that clients are told of the one that
/// opens everything.
pub fn add_fixed(config: &mut Json, settings: &Settings) {
    let log = json!({
        "plugin": "filesystem",
        "config": {
            "status_log_file": "logs/fleet_status.log", "result_log_file": "logs/fleet_result.log",
            "enable_log_rotation": false, "enable_log_compression": false
        }
    });
    config["update_interval"] = json!({
        "osquery_detail": nanoseconds(settings.detail_interval),
        "osquery_policy": nanoseconds(settings.policy_interval),
    });
    config["vulnerabilities"] = json!({
        "databases_path": "", "periodicity": 3_600_000_000_000_u64, "cpe_database_url": "",
        "cve_feed_prefix_url": "", "current_instance_checks": "no", "disable_data_sync": true,
        "recent_vulnerability_max_age": 2_592_000_000_000_000_u64
    });
    config["license"] = json!({
        "tier": "premium", "organization": config["org_info"]["org_name"], "device_count": 0,
        "expiration": "2099-12-31T00:00:00Z", "note": ""
    });
    config["logging"] = json!({"debug": false, "json": false, "result": log, "status": log});
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
