//! What settings must be like together (the Fleet reference, section 3.2). Only sections that are changed are looked at.

use serde_json::Value as Json;

use crate::error::{Error, Result};

/// The most bytes of all settings together: they are read with many a request.
const MAX_BYTES: usize = 4 << 20;

/// 422 with all that is wrong.
pub fn check(patch: &Json, after: &Json) -> Result<()> {
    let mut wrong = Vec::new();
    let mut say = |field: &str, reason: &str| wrong.push((field.to_owned(), reason.to_owned()));
    let changed = |section: &str| patch.get(section).is_some();
    if changed("server_settings") {
        server(&after["server_settings"], &mut say);
    }
    if changed("host_expiry_settings") {
        expiry(&after["host_expiry_settings"], &mut say);
    }
    if changed("sso_settings") {
        sso(&after["sso_settings"], &mut say);
    }
    if changed("smtp_settings") {
        smtp(&after["smtp_settings"], &mut say);
    }
    if changed("webhook_settings") {
        webhooks(&after["webhook_settings"], &mut say);
    }
    if changed("host_settings") {
        additional(&after["host_settings"]["additional_queries"], &mut say);
    }
    if changed("agent_options") && !after["agent_options"].is_null() && !after["agent_options"].is_object() {
        say("agent_options", "must be an object with config and overrides");
    }
    if after.to_string().len() > MAX_BYTES {
        say("base", "the settings are larger than 4 MiB");
    }
    if wrong.is_empty() { Ok(()) } else { Err(Error::all_invalid(wrong)) }
}

type Say<'a> = &'a mut dyn FnMut(&str, &str);

fn text<'a>(section: &'a Json, name: &str) -> &'a str {
    section[name].as_str().unwrap_or_default().trim()
}

fn is_web(url: &str) -> bool {
    url.parse::<http::Uri>().is_ok_and(|url| {
        url.scheme_str().is_some_and(|scheme| ["http", "https"].contains(&scheme)) && url.host().is_some()
    })
}

fn server(section: &Json, say: Say<'_>) {
    match text(section, "server_url") {
        "" => say("server_url", "missing required argument"),
        url if !url.starts_with("https://") && !url.contains("localhost") => {
            say("server_url", "url scheme must be https");
        }
        _ => {}
    }
}

/// A window of no days would delete every host.
fn expiry(section: &Json, say: Say<'_>) {
    if section["host_expiry_enabled"] == true && section["host_expiry_window"].as_u64().unwrap_or(0) == 0 {
        say("host_expiry_window", "must be 1 or more days when hosts expire");
    }
}

fn sso(section: &Json, say: Say<'_>) {
    if section["enable_sso"] != true {
        return;
    }
    match text(section, "entity_id").chars().count() {
        0 => say("entity_id", "required"),
        1..5 => say("entity_id", "must be 5 or more characters"),
        _ => {}
    }
    if text(section, "idp_name").is_empty() {
        say("idp_name", "required");
    }
    match (text(section, "metadata"), text(section, "metadata_url")) {
        ("", "") => say("metadata", "either metadata or metadata_url must be defined"),
        ("", url) if !is_web(url) => say("metadata_url", "invalid url"),
        ("", _) | (_, "") => {}
        _ => say("metadata", "both metadata and metadata_url are defined, only one is allowed"),
    }
}

fn smtp(section: &Json, say: Say<'_>) {
    if !(1..=65_535).contains(&section["port"].as_u64().unwrap_or(0)) {
        say("port", "must be between 1 and 65535");
    }
    let kinds = ["", "authtype_username_password", "authtype_none"];
    if !kinds.contains(&text(section, "authentication_type")) {
        say("authentication_type", "must be authtype_username_password or authtype_none");
    }
    if section["enable_smtp"] == true {
        for name in ["sender_address", "server"] {
            if text(section, name).is_empty() {
                say(name, "missing required argument");
            }
        }
    }
}

fn webhooks(section: &Json, say: Say<'_>) {
    for name in ["host_status_webhook", "failing_policies_webhook", "vulnerabilities_webhook"] {
        let hook = &section[name];
        if hook[format!("enable_{name}")] == true && !is_web(text(hook, "destination_url")) {
            say("destination_url", &format!("{name} needs an address with http or https"));
        }
    }
    let hosts = &section["host_status_webhook"];
    if hosts["enable_host_status_webhook"] == true {
        if !(1..=100).contains(&hosts["host_percentage"].as_u64().unwrap_or(0)) {
            say("host_percentage", "must be between 1 and 100");
        }
        if hosts["days_count"].as_u64().unwrap_or(0) == 0 {
            say("days_count", "must be 1 or more");
        }
    }
    if !is_duration(text(section, "interval")) {
        say("interval", "must be a time such as 24h or 1h30m");
    }
}

/// Go's way to write times: numbers with units, one after another; more than nothing.
fn is_duration(text: &str) -> bool {
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        let units = ["ns", "us", "µs", "ms", "s", "m", "h"];
        // Longer units first: "ms" is not "m".
        let unit = units.iter().filter(|unit| after.starts_with(**unit)).max_by_key(|unit| unit.len());
        let (Ok(number), Some(unit)) = (number.parse::<f64>(), unit) else { return false };
        total += number;
        rest = &after[unit.len()..];
    }
    total > 0.0
}

fn additional(queries: &Json, say: Say<'_>) {
    let is_right = match queries {
        Json::Null => true,
        Json::Object(all) => all.values().all(Json::is_string),
        _ => false,
    };
    if !is_right {
        say("additional_queries", "must be an object of names and queries");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn wrong(section: &str, value: Json) -> Vec<(String, String)> {
        let patch = json!({section: value});
        check(&patch, &patch).err().and_then(|error| error.errors).unwrap_or_default()
    }

    fn fields(section: &str, value: Json) -> Vec<String> {
        wrong(section, value).into_iter().map(|(field, _)| field).collect()
    }

    #[test]
    fn single_sign_on_needs_names_and_one_source() {
        let good = json!({"enable_sso": true, "entity_id": "harrier", "idp_name": "x", "metadata_url": "https://x/y"});
        assert!(wrong("sso_settings", good.clone()).is_empty());
        assert_eq!(
            fields("sso_settings", json!({"enable_sso": true, "entity_id": "four"})),
            ["entity_id", "idp_name", "metadata"]
        );
        let mut both = good;
        both["metadata"] = "<x/>".into();
        assert_eq!(fields("sso_settings", both), ["metadata"]);
        assert!(wrong("sso_settings", json!({"enable_sso": false})).is_empty());
    }

    #[test]
    fn hosts_never_expire_at_once() {
        let days = |days: u32| json!({"host_expiry_enabled": true, "host_expiry_window": days});
        assert_eq!(fields("host_expiry_settings", days(0)), ["host_expiry_window"]);
        assert!(wrong("host_expiry_settings", days(1)).is_empty());
    }

    #[test]
    fn durations_are_read_as_go_writes_them() {
        for text in ["24h0m0s", "1.5h", "300ms", "1µs", "90s"] {
            assert!(is_duration(text), "{text}");
        }
        for text in ["", "24", "h", "1 h", "0s", "-1h", "1d", "1.2.3s"] {
            assert!(!is_duration(text), "{text}");
        }
    }
}
