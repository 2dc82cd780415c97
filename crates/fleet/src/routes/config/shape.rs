//! Which settings there are, and of which kind each is (the Fleet reference, section 3.1).

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use crate::describe;
use crate::error::{Error, Result};

/// What a setting can be.
enum Kind {
    Bool,
    Text,
    /// A whole number from 0 on.
    Number,
    Numbers,
    Object(Members),
    /// A list of such objects.
    List(Members),
    /// Free-form JSON, replaced whole.
    Any,
    /// Shown, but chosen elsewhere: taken and left alone, since clients send back what they got.
    Fixed,
}

type Members = &'static [(&'static str, Kind)];

use Kind::{Any, Bool, Fixed, List, Number, Numbers, Object, Text};

const SHAPE: Members = &[
    ("org_info", Object(&[("org_name", Text), ("org_logo_url", Text)])),
    (
        "server_settings",
        Object(&[
            ("server_url", Text),
            ("live_query_disabled", Bool),
            ("enable_analytics", Bool),
            ("deferred_save_host", Bool),
            ("debug_host_ids", Numbers),
        ]),
    ),
    (
        "smtp_settings",
        Object(&[
            ("enable_smtp", Bool),
            ("configured", Fixed),
            ("sender_address", Text),
            ("server", Text),
            ("port", Number),
            ("authentication_type", Text),
            ("user_name", Text),
            ("password", Text),
            ("enable_ssl_tls", Bool),
            ("authentication_method", Text),
            ("domain", Text),
            ("verify_ssl_certs", Bool),
            ("enable_start_tls", Bool),
        ]),
    ),
    ("host_expiry_settings", Object(&[("host_expiry_enabled", Bool), ("host_expiry_window", Number)])),
    (
        "host_settings",
        Object(&[
            ("enable_host_users", Bool),
            ("enable_software_inventory", Bool),
            ("additional_queries", Any),
        ]),
    ),
    ("agent_options", Any),
    (
        "sso_settings",
        Object(&[
            ("entity_id", Text),
            ("issuer_uri", Text),
            ("idp_image_url", Text),
            ("metadata", Text),
            ("metadata_url", Text),
            ("idp_name", Text),
            ("enable_sso", Bool),
            ("enable_sso_idp_login", Bool),
        ]),
    ),
    ("vulnerability_settings", Object(&[("databases_path", Text)])),
    (
        "webhook_settings",
        Object(&[
            (
                "host_status_webhook",
                Object(&[
                    ("enable_host_status_webhook", Bool),
                    ("destination_url", Text),
                    ("host_percentage", Number),
                    ("days_count", Number),
                ]),
            ),
            (
                "failing_policies_webhook",
                Object(&[
                    ("enable_failing_policies_webhook", Bool),
                    ("destination_url", Text),
                    ("policy_ids", Numbers),
                    ("host_batch_size", Number),
                ]),
            ),
            (
                "vulnerabilities_webhook",
                Object(&[
                    ("enable_vulnerabilities_webhook", Bool),
                    ("destination_url", Text),
                    ("host_batch_size", Number),
                ]),
            ),
            ("interval", Text),
        ]),
    ),
    (
        "integrations",
        Object(&[
            (
                "jira",
                List(&[
                    ("url", Text),
                    ("username", Text),
                    ("api_token", Text),
                    ("project_key", Text),
                    ("enable_failing_policies", Bool),
                    ("enable_software_vulnerabilities", Bool),
                ]),
            ),
            (
                "zendesk",
                List(&[
                    ("url", Text),
                    ("email", Text),
                    ("api_token", Text),
                    ("group_id", Number),
                    ("enable_failing_policies", Bool),
                    ("enable_software_vulnerabilities", Bool),
                ]),
            ),
        ]),
    ),
    ("update_interval", Fixed),
    ("vulnerabilities", Fixed),
    ("license", Fixed),
    ("logging", Fixed),
];

/// Settings, all or those that are to be changed.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub struct Settings(pub Json);

impl JsonSchema for Settings {
    fn schema_name() -> Cow<'static, str> {
        "Settings".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        describe::shape(described(SHAPE))
    }
}

fn described(members: Members) -> Json {
    let one = |kind: &Kind| match kind {
        Bool => json!({"type": ["boolean", "null"]}),
        Text => json!({"type": ["string", "null"]}),
        Number => json!({"type": ["integer", "null"], "minimum": 0, "maximum": u32::MAX}),
        Numbers => json!({"type": ["array", "null"], "items": {"type": "integer", "minimum": 0}}),
        Object(members) => described(members),
        List(members) => json!({"type": ["array", "null"], "items": described(members)}),
        Any | Fixed => json!({}),
    };
    let members: Map<String, Json> =
        members.iter().map(|(name, kind)| ((*name).to_owned(), one(kind))).collect();
    json!({"type": ["object", "null"], "properties": members, "additionalProperties": false})
}

/// 400 unless each setting is known and of its kind. Takes out what is null, which leaves a setting as it is, and what is
/// chosen elsewhere.
pub fn check(patch: &mut Json) -> Result<()> {
    members(patch, SHAPE, "the body")
}

fn members(value: &mut Json, shape: Members, path: &str) -> Result<()> {
    let object = value.as_object_mut().ok_or_else(|| wrong(path, "an object"))?;
    let mut dropped = Vec::new();
    for (name, value) in object.iter_mut() {
        let Some((_, kind)) = shape.iter().find(|(known, _)| known == name) else {
            return Err(Error::bad_request(format!("json: unknown field {name:?}")));
        };
        let replaces = matches!(kind, Any | List(_) | Numbers);
        if matches!(kind, Fixed) || (value.is_null() && !replaces) {
            dropped.push(name.clone());
            continue;
        }
        let path = if path == "the body" { name.clone() } else { format!("{path}.{name}") };
        check_one(value, kind, &path)?;
    }
    for name in dropped {
        object.shift_remove(&name);
    }
    Ok(())
}

fn check_one(value: &mut Json, kind: &Kind, path: &str) -> Result<()> {
    let is_right = match (kind, &mut *value) {
        (Object(shape), value) => return members(value, shape, path),
        (List(shape), Json::Array(all)) => {
            return all.iter_mut().try_for_each(|one| members(one, shape, path));
        }
        (Numbers, Json::Array(all)) => all.iter().all(Json::is_u64),
        (List(_) | Numbers, value) => value.is_null(),
        (Bool, value) => value.is_boolean(),
        (Text, value) => value.is_string(),
        (Number, value) => value.as_u64().is_some_and(|number| number <= u64::from(u32::MAX)),
        (Any | Fixed, _) => true,
    };
    let wanted = match kind {
        Bool => "true or false",
        Text => "a text",
        Number => "a whole number from 0 on",
        Numbers => "a list of whole numbers",
        List(_) => "a list",
        Object(_) | Any | Fixed => "an object",
    };
    if is_right { Ok(()) } else { Err(wrong(path, wanted)) }
}

fn wrong(path: &str, wanted: &str) -> Error {
    Error::bad_request(format!("json: {path} must be {wanted}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(mut patch: Json) -> String {
        check(&mut patch).unwrap_err().errors.unwrap().remove(0).1
    }

    #[test]
    fn unknown_settings_and_wrong_kinds_are_refused_by_name() {
        assert_eq!(refused(json!({"x": 1})), "json: unknown field \"x\"");
        assert_eq!(refused(json!({"org_info": {"name": "x"}})), "json: unknown field \"name\"");
        assert_eq!(refused(json!({"integrations": {"jira": [{"a": 1}]}})), "json: unknown field \"a\"");
        assert_eq!(
            refused(json!({"server_settings": {"live_query_disabled": "yes"}})),
            "json: server_settings.live_query_disabled must be true or false"
        );
        assert_eq!(
            refused(json!({"smtp_settings": {"port": -1}})),
            "json: smtp_settings.port must be a whole number from 0 on"
        );
        assert_eq!(refused(json!([])), "json: the body must be an object");
        assert_eq!(refused(json!({"org_info": "x"})), "json: org_info must be an object");
    }

    #[test]
    fn nulls_leave_settings_but_clear_lists_and_free_form_ones() {
        let mut patch = json!({
            "org_info": null, "agent_options": null, "integrations": {"jira": null},
            "server_settings": {"server_url": null, "debug_host_ids": null},
            "license": {"tier": "free"}, "smtp_settings": {"configured": true},
        });
        check(&mut patch).unwrap();
        let left = json!({
            "agent_options": null, "integrations": {"jira": null},
            "server_settings": {"debug_host_ids": null}, "smtp_settings": {},
        });
        assert_eq!(patch, left);
    }
}
