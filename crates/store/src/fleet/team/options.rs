//! Agent options of teams (the Fleet reference, sections 3.4 and 8.1).

use serde_json::Value as Json;

use crate::fleet::fault::{Fault, Outcome};

/// Agent options as they are stored: an object, `None` for `null`. Some clients wrap them into the single key `spec`.
pub fn check_agent_options(given: Json) -> Outcome<Option<Json>> {
    match given {
        Json::Null => Ok(None),
        Json::Object(mut object) if object.len() == 1 && object.contains_key("spec") => {
            check_plain(object.remove("spec").unwrap_or_default())
        }
        other => check_plain(other),
    }
}

fn check_plain(given: Json) -> Outcome<Option<Json>> {
    let refuse = |reason: &str| Err(Fault::invalid("agent_options", reason));
    let Json::Object(object) = &given else {
        return if given.is_null() { Ok(None) } else { refuse("must be an object or null") };
    };
    for name in ["config", "overrides"] {
        if object.get(name).is_some_and(|part| !part.is_object() && !part.is_null()) {
            return refuse(&format!("{name} must be an object"));
        }
    }
    Ok(Some(given))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_single_spec_is_unwrapped_and_what_is_no_object_is_refused() {
        let options = json!({"config": {"options": {"a": 1}}, "overrides": {}});
        assert_eq!(check_agent_options(options.clone()).unwrap(), Some(options.clone()));
        assert_eq!(check_agent_options(json!({"spec": options})).unwrap(), Some(options));
        assert_eq!(check_agent_options(Json::Null).unwrap(), None);
        assert_eq!(check_agent_options(json!({"spec": null})).unwrap(), None);
        for wrong in [json!("text"), json!([]), json!({"config": 3}), json!({"spec": [1]})] {
            assert!(check_agent_options(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
