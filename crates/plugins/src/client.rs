//! What happens to clients, however it is asked for: by queries or by other calls of the API.

use serde_json::json;
use store::client::Client;
use store::flow::SERVER;
use vql::call::Error;
use vql::permission::{Permission, Permissions};

use crate::hunt;
use crate::server::{Server, demand, failed};

/// What `label()` and its kin can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelChange {
    Set,
    Remove,
}

/// Adds a client, and gives it the collections of the hunts that it fits.
pub fn create(server: &Server, user: &str, client: Client) -> Result<(), Error> {
    let details = json!({ "client": client.client_id, "hostname": client.os_info.hostname });
    server.record_as(user, "CreateClient", details)?;
    let client = server.clients.add(client).map_err(failed)?;
    hunt::offer(server, &client)
}

/// Adds or removes labels.
pub fn label(
    server: &Server,
    user: &str,
    id: &str,
    labels: &[String],
    change: LabelChange,
) -> Result<(), Error> {
    if labels.iter().any(|label| label.trim().is_empty()) {
        return Err("a label is not empty".into());
    }
    server.client(id)?;
    let operation = match change {
        LabelChange::Set => "SetClientLabel",
        LabelChange::Remove => "RemoveClientLabel",
    };
    server.record_as(user, operation, json!({ "client": id, "labels": labels }))?;
    let now = crate::server::microseconds();
    let changed = server.clients.update(id, |client| {
        let apply = |label: &String| match change {
            LabelChange::Set => client.add_label(label.trim()),
            LabelChange::Remove => client.remove_label(label.trim()),
        };
        if labels.iter().map(apply).filter(|done| *done).count() > 0 {
            client.last_label_timestamp = now;
        }
    });
    hunt::offer(server, &*changed.map_err(failed)?)
}

/// Refuses those who may not read what is known about a client.
pub fn check_reader(held: Permissions, client: &str) -> Result<(), Error> {
    match client {
        SERVER => demand(held, &[Permission::ServerAdmin]),
        _ => demand(held, &[Permission::ReadResults]),
    }
}

/// Sets facts about a client; null takes one away, others stay.
pub fn set_metadata(
    server: &Server,
    user: &str,
    client: &str,
    members: serde_json::Map<String, serde_json::Value>,
) -> Result<(), Error> {
    record_metadata(server, user, client, members.keys().collect())?;
    server.metadata.merge(client, members).map(drop).map_err(failed)
}

/// Replaces all facts about a client.
pub fn replace_metadata(
    server: &Server,
    user: &str,
    client: &str,
    members: serde_json::Map<String, serde_json::Value>,
) -> Result<(), Error> {
    record_metadata(server, user, client, members.keys().collect())?;
    server.metadata.update(client, |object| *object = members).map(drop).map_err(failed)
}

/// The names only: values may be secrets.
fn record_metadata(server: &Server, user: &str, client: &str, names: Vec<&String>) -> Result<(), Error> {
    if client != SERVER {
        server.client(client)?;
    }
    server.record_as(user, "SetClientMetadata", json!({ "client": client, "names": names }))
}

/// Forgets a client with all that was collected from it. What it took in the file store is told first.
pub fn delete(server: &Server, user: &str, id: &str) -> Result<(), Error> {
    server.client(id)?;
    server.record_as(user, "DeleteClient", json!({ "client": id }))?;
    for flow in server.flows.ids(id).map_err(failed)? {
        server.flows.delete(id, &flow).map_err(failed)?;
    }
    server.metadata.remove(id).map_err(failed)?;
    server.files.remove(&["clients", id]).map_err(failed)?;
    server.clients.remove(id).map(drop).map_err(failed)
}
