//! Enrolment (the osquery reference, section 3).

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use store::fleet::host::{self, Enrolment, Facts};
use store::fleet::{enroll_secret, token};

use super::details;
use super::node::{hash, parse};
use super::refusal::{Answer, Refusal};
use crate::reply::json;
use crate::request::{peer_address, read_limited};
use crate::server::Fleet;
use crate::settings::HostIdentifier;

/// Bytes of randomness in a node key.
const KEY_BYTES: usize = 24;
/// The most bytes of a request from somebody who has shown no key yet.
const MAX_BODY: usize = 1 << 20;
/// The longest name of a host, in characters.
const MAX_IDENTIFIER: usize = 255;

#[derive(Deserialize)]
struct Given {
    #[serde(default)]
    enroll_secret: String,
    #[serde(default)]
    host_identifier: String,
    #[serde(default)]
    host_details: BTreeMap<String, details::Row>,
}

#[derive(Serialize)]
struct Enrolled {
    node_key: String,
}

pub async fn enroll(State(fleet): State<Arc<Fleet>>, request: Request) -> Answer<Response> {
    let address = peer_address(request.extensions(), request.headers(), &fleet.settings);
    let bytes = read_limited(&fleet.bodies, request, MAX_BODY).await?;
    let given: Given = parse(&bytes)?;
    let identifier = identifier(&given, fleet.settings.host_identifier)?;
    let mut facts = details::of_enrolment(&given.host_details);
    if let Some(address) = address {
        facts.text("public_ip", &address.to_string());
    }
    let node_key = token::random(KEY_BYTES);
    let key_hash = hash(&node_key);
    let host = save(&fleet, given.enroll_secret, identifier, key_hash, facts).await?;
    tracing::info!(target: "agents", host = host.id, name = %host.osquery_host_id, "enrolled");
    fleet.agents.keep(key_hash, host);
    Ok(json(StatusCode::OK, serde_json::to_vec(&Enrolled { node_key }).unwrap_or_default()))
}

async fn save(
    fleet: &Fleet,
    secret: String,
    identifier: String,
    key_hash: [u8; 32],
    facts: Facts,
) -> Answer<host::Host> {
    let cooldown = fleet.settings.enroll_cooldown;
    let name = identifier.clone();
    let saved = fleet.db.write(move |tx| -> Answer<_> {
        let team = enroll_secret::team_of(tx, &secret)?;
        let team_id = team.ok_or_else(|| Refusal::invalid("enroll failed: no matching secret found"))?;
        let enrolment =
            Enrolment { identifier: identifier.clone(), node_key_hash: key_hash.to_vec(), team_id, cooldown };
        let Some((host, _)) = host::enrol(tx, &enrolment)? else { return Ok(None) };
        host::save_facts(tx, host.id, &facts, false)?;
        Ok(Some(host::by_id(tx, host.id)?))
    });
    saved.await?.ok_or_else(|| {
        Refusal::invalid(format!("save enroll failed: host identified by {name} enrolling too often"))
    })
}

/// What names the host: what the agent sends, or what the settings force, where the agent's details have it.
fn identifier(given: &Given, which: HostIdentifier) -> Answer<String> {
    let detail =
        |table: &str, column: &str| given.host_details.get(table).and_then(|row| row.get(column)).cloned();
    let forced = match which {
        HostIdentifier::Provided => None,
        HostIdentifier::Instance => detail("osquery_info", "instance_id"),
        HostIdentifier::Uuid => detail("osquery_info", "uuid"),
        HostIdentifier::Hostname => detail("system_info", "hostname"),
    };
    let identifier = forced.filter(|text| !text.is_empty()).unwrap_or_else(|| given.host_identifier.clone());
    let identifier: String = identifier.chars().filter(|c| *c != '\0').take(MAX_IDENTIFIER).collect();
    if identifier.is_empty() {
        return Err(Refusal::again("missing osquery host identifier"));
    }
    Ok(identifier)
}
