//! Hunts at work: giving each client that takes part its collection.
//!
//! A client is given its collection when the hunt starts, when the client is new, or when its labels change. All
//! of this may be done again without harm: the id of the collection follows from the hunt's, so that a server that
//! died half way goes on where it was.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;
use store::client::{Client, Search};
use store::flow::{Flow, SERVER};
use store::hunt::{Assignment, Hunt, HuntState};
use store::rows::RowReader;
use vql::call::Error;

use crate::artifact::repository::Repository;
use crate::collection;
use crate::server::{ROOT_ORG, Server, failed, microseconds};

/// Clients that are noted together.
const BATCH: usize = 100;

/// How long a hunt runs when nobody says: a week, in microseconds.
pub const DEFAULT_LIFE: u64 = 7 * 24 * 3600 * 1_000_000;

/// What rows of the artifacts are filed under.
pub fn sources(repository: &Repository, artifacts: &[String]) -> Vec<String> {
    let mut all = BTreeSet::new();
    for name in artifacts {
        let (artifact, only) = name.split_once('/').unwrap_or((name, ""));
        let Some(definition) = repository.find(artifact) else { continue };
        let chosen = definition.sources.iter().filter(|s| only.is_empty() || s.name == only);
        all.extend(chosen.map(|source| definition.full_name(source)));
    }
    all.into_iter().collect()
}

/// Adds a hunt, and starts it unless it is paused.
pub fn create(server: &Arc<Server>, user: &str, hunt: Hunt) -> Result<(), Error> {
    let details = json!({
        "hunt_id": hunt.hunt_id,
        "artifacts": hunt.artifacts,
        "condition": hunt.condition,
        "paused": hunt.state == HuntState::Paused,
    });
    server.record_as(user, "CreateHunt", details)?;
    let hunt = server.hunts.add(hunt).map_err(failed)?;
    give_all(server, &hunt)
}

/// What to change about a hunt; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct Change {
    pub state: Option<HuntState>,
    pub description: Option<String>,
    pub expires: Option<u64>,
    pub add_tags: Vec<String>,
    pub remove_tags: Vec<String>,
}

/// Changes a hunt: one that starts gives collections out, of one that stops those are ended that no client has
/// taken yet.
pub fn change(server: &Arc<Server>, user: &str, id: &str, change: Change) -> Result<(), Error> {
    let before = server.hunts.get(id).map_err(failed)?;
    let now = microseconds();
    let expires = change.expires.unwrap_or(before.expires);
    if change.state == Some(HuntState::Running) && expires <= now {
        return Err(Error::new(format!("hunt {id} has expired: set expires as well")));
    }
    let details = json!({
        "hunt_id": id,
        "state": change.state,
        "description": change.description,
        "expires": change.expires,
        "add_tags": change.add_tags,
        "remove_tags": change.remove_tags,
    });
    server.record_as(user, "ModifyHunt", details)?;
    let hunt = server.hunts.update(id, |hunt| {
        hunt.state = change.state.unwrap_or(hunt.state);
        hunt.expires = expires;
        if hunt.state == HuntState::Running && hunt.start_time == 0 {
            hunt.start_time = now;
        }
        if let Some(description) = change.description {
            hunt.hunt_description = description;
        }
        hunt.tags.retain(|tag| !change.remove_tags.contains(tag));
        for tag in change.add_tags {
            if !hunt.tags.contains(&tag) {
                hunt.tags.push(tag);
            }
        }
    });
    let hunt = hunt.map_err(failed)?;
    if matches!(hunt.state, HuntState::Stopped | HuntState::Archived) {
        withdraw(server, &hunt)?;
    }
    give_all(server, &hunt)
}

/// Gives a client the collections of all running hunts that it fits.
pub fn offer(server: &Server, client: &Client) -> Result<(), Error> {
    let now = microseconds();
    let _giving = server.giving.lock();
    for hunt in server.hunts.list() {
        if hunt.is_running(now) && !hunt.is_full() && hunt.condition.fits(client) {
            let given: Vec<_> = give(server, &hunt, client)?.into_iter().collect();
            server.hunts.assign(&hunt.hunt_id, &given).map_err(failed)?;
        }
    }
    Ok(())
}

/// Goes on with what a stopped server left.
pub fn resume(server: &Arc<Server>) -> Result<(), Error> {
    server.hunts.list().iter().try_for_each(|hunt| give_all(server, hunt))
}

/// Gives all clients that fit their collection, when the hunt is running: the first at once, many others on a
/// thread of its own, since each takes a few milliseconds.
fn give_all(server: &Arc<Server>, hunt: &Hunt) -> Result<(), Error> {
    if !hunt.is_running(microseconds()) {
        return Ok(());
    }
    let mut clients = server.clients.search(&Search::All);
    clients.retain(|client| hunt.condition.fits(client));
    let rest = clients.split_off(clients.len().min(BATCH));
    if !give_batch(server, &hunt.hunt_id, &clients)? || rest.is_empty() {
        return Ok(());
    }
    let (server, id) = (server.clone(), hunt.hunt_id.clone());
    let go_on = move || {
        for batch in rest.chunks(BATCH) {
            match give_batch(&server, &id, batch) {
                Ok(true) if !server.stopping.is_cancelled() => {}
                Ok(_) => return,
                Err(error) => return tracing::error!(hunt = %id, %error, "a hunt does not reach all clients"),
            }
        }
    };
    let thread = std::thread::Builder::new().name("hunt".into()).spawn(go_on);
    thread.map(drop).map_err(|e| Error::new(format!("no thread for the hunt: {e}")))
}

/// Gives some clients their collection; false when the hunt takes no more.
fn give_batch(server: &Server, id: &str, clients: &[Arc<Client>]) -> Result<bool, Error> {
    let _giving = server.giving.lock();
    // It may have been stopped since.
    let Some(hunt) = server.hunts.find(id).filter(|hunt| hunt.is_running(microseconds())) else {
        return Ok(false);
    };
    let left = match hunt.client_limit {
        0 => usize::MAX,
        limit => limit.saturating_sub(hunt.stats.total_clients_scheduled) as usize,
    };
    let mut given = Vec::new();
    for client in clients {
        if given.len() < left && server.clients.find(&client.client_id).is_some() {
            given.extend(give(server, &hunt, client)?);
        }
    }
    server.hunts.assign(id, &given).map_err(failed)?;
    Ok(given.len() < left)
}

/// Gives a client its collection; nothing when it has it.
fn give(server: &Server, hunt: &Hunt, client: &Client) -> Result<Option<Assignment>, Error> {
    if server.hunts.has(&hunt.hunt_id, &client.client_id).map_err(failed)? {
        return Ok(None);
    }
    let id = hunt.flow_id();
    // A server that died may have got so far, and the client may be at work.
    if server.flows.find(&client.client_id, &id).map_err(failed)?.is_none() {
        schedule(server, hunt, &client.client_id, id.clone())?;
    }
    server.clients.update(&client.client_id, |c| c.last_hunt_timestamp = hunt.start_time).map_err(failed)?;
    Ok(Some(Assignment { client_id: client.client_id.clone(), flow_id: id }))
}

fn schedule(server: &Server, hunt: &Hunt, client: &str, flow_id: String) -> Result<(), Error> {
    let mut request = hunt.start_request.clone();
    request.creator.clone_from(&hunt.hunt_id);
    client.clone_into(&mut request.client_id);
    request.flow_id = flow_id;
    collection::enqueue(server, request).map(drop)
}

/// Ends the collections that no client has taken.
fn withdraw(server: &Server, hunt: &Hunt) -> Result<(), Error> {
    let _giving = server.giving.lock();
    for part in server.hunts.assignments(&hunt.hunt_id).map_err(failed)? {
        if server.flows.is_pending(&part.client_id, &part.flow_id).map_err(failed)? {
            collection::end(server, &part.client_id, &part.flow_id, "The hunt was stopped")?;
        }
    }
    Ok(())
}

/// Adds one client by hand: with a collection that it has, or with a new one. A client that takes part already
/// gets another collection only with `relaunch`.
pub fn add(
    server: &Server,
    user: &str,
    id: &str,
    client: &str,
    flow: &str,
    relaunch: bool,
) -> Result<(), Error> {
    let hunt = server.hunts.get(id).map_err(failed)?;
    if client == SERVER {
        return Err("the server takes no part in hunts".into());
    }
    server.client(client)?;
    let _giving = server.giving.lock();
    let takes_part = server.hunts.has(id, client).map_err(failed)?;
    if takes_part && flow.is_empty() && !relaunch {
        return Err(Error::new(format!("client {client} takes part in hunt {id} already: use relaunch")));
    }
    server.record_as(user, "AddToHunt", json!({ "hunt_id": id, "client": client, "flow_id": flow }))?;
    let flow_id = if !flow.is_empty() {
        adopt(server, &hunt, client, flow)?;
        flow.to_owned()
    } else {
        let flow_id = if takes_part { server.flows.new_id().map_err(failed)? } else { hunt.flow_id() };
        schedule(server, &hunt, client, flow_id.clone())?;
        flow_id
    };
    let part = Assignment { client_id: client.to_owned(), flow_id };
    server.hunts.assign(id, &[part]).map_err(failed)
}

/// Makes a collection part of the hunt: counted now, or when it ends.
fn adopt(server: &Server, hunt: &Hunt, client: &str, id: &str) -> Result<(), Error> {
    let unknown = || Error::new(format!("client {client} has no collection {id}"));
    let flow = server.flows.update(client, id, |flow| hunt.hunt_id.clone_into(&mut flow.request.creator));
    let flow = flow.map_err(failed)?.ok_or_else(unknown)?;
    if flow.state.is_over() { server.hunts.count(&hunt.hunt_id, &flow).map_err(failed) } else { Ok(()) }
}

/// One collection of a hunt, as it is now.
pub struct Part {
    pub client_id: String,
    pub flow_id: String,
    pub flow: Option<Flow>,
}

/// The collections of a hunt, oldest first; those deleted since have no record.
pub fn parts<'a>(
    server: &'a Server,
    id: &str,
) -> Result<impl Iterator<Item = Result<Part, Error>> + 'a, Error> {
    server.hunts.get(id).map_err(failed)?;
    let parts = server.hunts.assignments(id).map_err(failed)?;
    Ok(parts.into_iter().map(|part| {
        let flow = collection::find(server, &part.client_id, &part.flow_id)?;
        Ok(Part { client_id: part.client_id, flow_id: part.flow_id, flow })
    }))
}

impl Part {
    /// What to call the client in rows.
    pub fn fqdn(&self, server: &Server) -> String {
        server.clients.find(&self.client_id).map(|c| c.display_name().to_owned()).unwrap_or_default()
    }

    /// The columns that tell where a row is from.
    pub fn origin(&self, server: &Server) -> [(&'static str, String); 4] {
        [
            ("FlowId", self.flow_id.clone()),
            ("ClientId", self.client_id.clone()),
            ("_OrgId", ROOT_ORG.to_owned()),
            ("Fqdn", self.fqdn(server)),
        ]
    }

    /// The stored rows of one source.
    pub fn rows(&self, server: &Server, source: &str) -> Result<RowReader, Error> {
        server.flows.results(&self.client_id, &self.flow_id, source).map_err(failed)
    }
}

/// Deletes a hunt with all collections it made.
pub fn delete(server: &Server, user: &str, id: &str) -> Result<(), Error> {
    server.record_as(user, "DeleteHunt", json!({ "hunt_id": id }))?;
    for part in server.hunts.assignments(id).map_err(failed)? {
        server.flows.delete(&part.client_id, &part.flow_id).map_err(failed)?;
    }
    server.hunts.remove(id).map(drop).map_err(failed)
}
