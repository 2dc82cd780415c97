//! The configuration of an agent (the osquery reference, section 4).
//!
//! It is built when something changed, and kept per host as text. Recent agents say which one they have; they are answered
//! with 13 bytes while it is still the right one.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use store::db::Tx;
use store::fleet::host::Host;
use store::fleet::{Outcome, app_config, pack, team, token};

use super::node::Node;
use super::refusal::Answer;
use crate::reply::json;
use crate::server::Fleet;

/// What tells an agent that nothing changed.
const UNCHANGED: &[u8] = br#"{"etag":"ok"}"#;

/// A configuration as it was built.
#[derive(Clone, Debug)]
pub struct Built {
    /// Of everything, see [`super::Agents::version`].
    version: u64,
    etag: String,
    /// Without the etag, for agents that do not know about it.
    plain: Bytes,
}

#[derive(Deserialize)]
pub struct Given {
    /// Of the configuration that the agent has; empty when it has none, absent when it is older.
    #[serde(default)]
    etag: Option<String>,
}

pub async fn config(State(fleet): State<Arc<Fleet>>, node: Node<Given>) -> Answer<Response> {
    let built = current(&fleet, &node).await?;
    let body = match node.body.etag {
        Some(etag) if etag == built.etag => Bytes::from_static(UNCHANGED),
        Some(_) => with_etag(&built),
        None => built.plain,
    };
    Ok(json(StatusCode::OK, body))
}

async fn current(fleet: &Fleet, node: &Node<Given>) -> Answer<Built> {
    let version = fleet.agents.version();
    let (host, kept) = {
        let state = node.agent.state.lock();
        (state.host.clone(), state.config.clone())
    };
    if let Some(kept) = kept.filter(|kept| kept.version == version) {
        return Ok(kept);
    }
    let config = fleet.db.read(move |tx| build(tx, &host)).await?;
    let text = config.to_string();
    // Two bytes too many would make it one of the answers that say "unchanged".
    let etag = token::hash(&text).iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    let built = Built { version, etag, plain: text.into() };
    node.agent.state.lock().config = Some(built.clone());
    Ok(built)
}

/// The text with one more member at its end.
fn with_etag(built: &Built) -> Bytes {
    let etag = format!("\"etag\":\"{}\"}}", built.etag);
    let body = &built.plain[..built.plain.len() - 1];
    let comma = if body.len() > 1 { "," } else { "" };
    [body, comma.as_bytes(), etag.as_bytes()].concat().into()
}

/// Base options of the host's team, else of all, with the packs that apply.
fn build(tx: &mut Tx<'_>, host: &Host) -> Outcome<Json> {
    let of_team = match host.team_id {
        Some(id) => team::by_id(tx, id)?.agent_options,
        None => None,
    };
    let options = match of_team {
        Some(options) => options,
        None => app_config::get(tx)?["agent_options"].take(),
    };
    let mut config = base(&options, &host.platform);
    let packs = pack::for_host(tx, host)?;
    if !packs.is_empty() {
        config.insert("packs".into(), Json::Object(packs));
    }
    Ok(Json::Object(config))
}

/// The part of agent options that is for this platform.
fn base(options: &Json, platform: &str) -> Map<String, Json> {
    let special = options.get("overrides").and_then(|o| o.get("platforms")).and_then(|p| p.get(platform));
    let config = special.filter(|config| !config.is_null()).or_else(|| options.get("config"));
    config.and_then(Json::as_object).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn options_of_a_platform_replace_the_general_ones() {
        let options = json!({"config": {"a": 1}, "overrides": {"platforms": {"darwin": {"b": 2}}}});
        assert_eq!(Json::Object(base(&options, "darwin")), json!({"b": 2}));
        assert_eq!(Json::Object(base(&options, "ubuntu")), json!({"a": 1}));
        assert_eq!(Json::Object(base(&Json::Null, "ubuntu")), json!({}));
    }

    #[test]
    fn the_etag_is_one_more_member() {
        let with = |plain: &'static str| {
            let built = Built { version: 1, etag: "e".into(), plain: Bytes::from_static(plain.as_bytes()) };
            serde_json::from_slice::<Json>(&with_etag(&built)).unwrap()
        };
        assert_eq!(with("{}"), json!({"etag": "e"}));
        assert_eq!(with(r#"{"options":{"a":1}}"#), json!({"options": {"a": 1}, "etag": "e"}));
        assert_eq!(UNCHANGED.len(), 13);
    }
}
