//! Passwords and tokens in the settings: shown as a mask, and kept when the mask comes back.

use serde_json::Value as Json;

use crate::error::{Error, Result};

const MASK: &str = "********";

/// The lists of integrations, and what tells one from another besides the address.
const INTEGRATIONS: [(&str, &str); 2] = [("jira", "project_key"), ("zendesk", "group_id")];

/// Puts the mask over every secret.
pub fn hide(config: &mut Json) {
    mask(&mut config["smtp_settings"]["password"]);
    for (kind, _) in INTEGRATIONS {
        for one in config["integrations"][kind].as_array_mut().into_iter().flatten() {
            if let Some(token) = one.get_mut("api_token") {
                mask(token);
            }
        }
    }
}

fn mask(secret: &mut Json) {
    if secret.as_str().is_some_and(|secret| !secret.is_empty()) {
        *secret = MASK.into();
    }
}

/// Puts what is stored in place of masks. A token stays with the address that it was given for.
pub fn restore(before: &Json, patch: &mut Json) -> Result<()> {
    if let Some(smtp) = patch.get_mut("smtp_settings").and_then(Json::as_object_mut)
        && smtp.get("password").is_some_and(|password| password == MASK)
    {
        smtp.shift_remove("password");
    }
    for (kind, name) in INTEGRATIONS {
        let stored = before["integrations"][kind].as_array();
        let given =
            patch.get_mut("integrations").and_then(|all| all.get_mut(kind)).and_then(Json::as_array_mut);
        for one in given.into_iter().flatten() {
            if one["api_token"] != MASK {
                continue;
            }
            let same = |known: &&Json| known["url"] == one["url"] && known[name] == one[name];
            let known = stored.into_iter().flatten().find(same).ok_or_else(|| {
                Error::invalid("api_token", format!("{MASK} stands for a token that is stored, and none is"))
            })?;
            one["api_token"] = known["api_token"].clone();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn masks_come_back_as_what_they_hid_and_only_there() {
        let stored = json!({
            "smtp_settings": {"password": "p"},
            "integrations": {"jira": [{"url": "https://a", "project_key": "K", "api_token": "t"}], "zendesk": null},
        });
        let mut shown = stored.clone();
        hide(&mut shown);
        assert!(!shown.to_string().contains("\"t\"") && !shown.to_string().contains("\"p\""));
        let mut back = shown.clone();
        restore(&stored, &mut back).unwrap();
        assert_eq!(back["integrations"], stored["integrations"]);
        assert_eq!(back["smtp_settings"], json!({}));
        shown["integrations"]["jira"][0]["url"] = "https://evil".into();
        assert!(restore(&stored, &mut shown).is_err());
    }
}
