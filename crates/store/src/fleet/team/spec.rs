//! Specs of teams (the Fleet reference, section 8.1).

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;

use super::{NewTeam, check_agent_options, check_name, create, find, global_agent_options};
use crate::db::Tx;
use crate::fleet::fault::Outcome;
use crate::fleet::json::or_default;

/// A team as files describe it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct TeamSpec {
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    /// `None` when the key is absent; `null` is a value.
    #[serde(default, deserialize_with = "present")]
    pub agent_options: Option<Json>,
    /// `None` when the key is absent; `null` is an empty list.
    #[serde(default, deserialize_with = "secrets")]
    pub secrets: Option<Vec<String>>,
}

fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(from).map(Some)
}

/// A secret as files have it.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum Secret {
    Text(String),
    Object { secret: String },
}

fn secrets<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    let given: Vec<Secret> = or_default(from)?;
    let text = |secret| match secret {
        Secret::Text(secret) | Secret::Object { secret } => secret,
    };
    Ok(Some(given.into_iter().map(text).collect()))
}

/// Makes or changes the team that a spec names; gives its id, and whether it is new. What is absent stays as it is.
pub fn apply(tx: &mut Tx<'_>, spec: &TeamSpec) -> Outcome<(u32, bool)> {
    check_name(&spec.name)?;
    let options = spec.agent_options.clone().map(check_agent_options).transpose()?;
    if let Some(id) = find(tx, &spec.name)? {
        if let Some(options) = options {
            super::set_agent_options(tx, id, options.as_ref())?;
        }
        if let Some(secrets) = &spec.secrets {
            super::set_secrets(tx, id, secrets)?;
        }
        return Ok((id, false));
    }
    let new = NewTeam {
        name: spec.name.clone(),
        description: String::new(),
        agent_options: match options {
            Some(options) => options,
            None => global_agent_options(tx)?,
        },
        secrets: spec.secrets.clone().unwrap_or_default(),
    };
    Ok((create(tx, &new)?, true))
}
