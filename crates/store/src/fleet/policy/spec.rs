//! Specs of policies (the Fleet reference, section 9.1).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Given, NewPolicy, by_id, find};
use crate::db::Tx;
use crate::fleet::fault::Outcome;
use crate::fleet::json::or_default;
use crate::fleet::visible::Visible;
use crate::params;

/// A policy as files describe it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct PolicySpec {
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub query: String,
    #[serde(default, deserialize_with = "or_default")]
    pub description: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<String>,
    /// The name of a team; empty for policies of all hosts.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub team: String,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub platform: String,
}

/// Makes or changes the policy that a spec names. A known one keeps its team and platform; who applies it becomes its
/// author. `team_id` is what the spec's team means.
pub fn apply(tx: &mut Tx<'_>, spec: &PolicySpec, author_id: u32, team_id: Option<u32>) -> Outcome<()> {
    let mut new = NewPolicy {
        name: spec.name.clone(),
        query: spec.query.clone(),
        description: spec.description.clone(),
        resolution: spec.resolution.clone(),
        platform: spec.platform.clone(),
    };
    let Some((id, _)) = find(tx, &spec.name)? else {
        return super::create(tx, &new, Given::Spec, author_id, team_id).map(drop);
    };
    // A platform that nobody knows is refused although it would be ignored.
    new.check(Given::Spec)?;
    new.platform = by_id(tx, id, &Visible::All)?.platform;
    super::update(tx, id, &new, Given::Spec)?;
    tx.execute("UPDATE policies SET author_id = $2 WHERE id = $1", params![id, author_id])?;
    Ok(())
}
