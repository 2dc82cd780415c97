//! Who calls: the node key in the body, or in the header of recent agents.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::{HeaderMap, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use store::fleet::{Time, host, token};

use super::refusal::{Answer, Refusal};
use super::registry::Agent;
use crate::request::read_limited;
use crate::server::Fleet;

/// A request of an agent whose node key is known: who it is, and the body.
pub struct Node<T> {
    pub agent: Arc<Agent>,
    pub body: T,
}

#[derive(Deserialize)]
struct Key {
    #[serde(default)]
    node_key: Option<String>,
}

impl<T: DeserializeOwned> FromRequest<Arc<Fleet>> for Node<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, fleet: &Arc<Fleet>) -> Answer<Self> {
        let read = |request| read_limited(&fleet.bodies, request, fleet.settings.max_agent_body);
        // A key in the header is looked at before anything of the body is kept.
        if let Some(key) = header_key(request.headers()) {
            let agent = authenticate(fleet, Some(key)).await?;
            return Ok(Self { agent, body: parse(&read(request).await?)? });
        }
        let bytes = read(request).await?;
        let agent = authenticate(fleet, parse::<Key>(&bytes)?.node_key).await?;
        Ok(Self { agent, body: parse(&bytes)? })
    }
}

/// A body, or a refusal that says where it is broken.
pub fn parse<T: DeserializeOwned>(bytes: &Bytes) -> Answer<T> {
    serde_json::from_slice(bytes)
        .map_err(|error| Refusal::again(format!("the body is not as expected: {error}")))
}

/// `Authorization: NodeKey <key>`.
fn header_key(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("NodeKey ").map(|key| key.trim().to_owned())
}

async fn authenticate(fleet: &Fleet, key: Option<String>) -> Answer<Arc<Agent>> {
    let Some(key) = key.filter(|key| !key.is_empty()) else {
        return Err(Refusal::invalid("authentication error: missing node key"));
    };
    let hash = hash(&key);
    let agent = match fleet.agents.find(&hash) {
        Some(agent) => agent,
        None => {
            let found = fleet.db.read(move |tx| host::by_node_key(tx, &hash)).await?;
            let host = found.ok_or_else(|| Refusal::invalid("authentication error: invalid node key"))?;
            fleet.agents.keep(hash, host)
        }
    };
    agent.touch(Time::now());
    Ok(agent)
}

/// What is kept of a node key.
pub fn hash(key: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(&token::hash(key)[..32]);
    hash
}
