//! Event artifacts of the server: each runs for ever, is started again when it ends, and its rows go to the event
//! queue of its name.

mod watch;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use store::flow::{Parameters, Request, Spec};
use store::monitoring::Entry;
use vql::call::Error;
use vql::permission::Permissions;

use crate::artifact::definition::{Definition, Kind};
use crate::artifact::repository::Repository;
use crate::collection::Runtime;
use crate::server::{Server, failed};
use watch::Watch;

/// The queue that takes the log lines of event artifacts.
pub const LOGS: &str = "Server.Monitor.Logs";

/// Runs the table of event artifacts.
pub struct Monitor {
    runtime: Runtime,
    /// Artifacts that the configuration names: they run with all rights and cannot be removed.
    configured: Vec<String>,
    running: Mutex<HashMap<Key, Watch>>,
}

/// What makes a running artifact another one: a change of any starts it anew.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    artifact: String,
    parameters: Vec<(String, String)>,
    creator: String,
    /// The definition's text.
    definition: String,
}

impl Monitor {
    /// A monitor that runs nothing yet. `runtime` gives the world and the callables; rights come from each
    /// entry's creator.
    pub fn new(runtime: Runtime, configured: Vec<String>) -> Self {
        Monitor { runtime, configured, running: Mutex::default() }
    }

    /// Starts what is new in the table, stops what is no longer there.
    pub fn refresh(&self, server: &Arc<Server>) {
        let mut wanted = HashMap::new();
        let configured =
            self.configured.iter().map(|name| Entry { artifact: name.clone(), ..Entry::default() });
        for entry in configured.chain(server.monitoring.entries()) {
            match event_artifact(&self.runtime.world.artifacts, &entry.artifact) {
                Ok(definition) => {
                    wanted.insert(key(&entry, &definition), (entry, definition));
                }
                Err(error) => {
                    tracing::error!(artifact = %entry.artifact, %error, "an event artifact does not run")
                }
            }
        }
        let mut running = self.running.lock();
        running.retain(|key, watch| {
            let stays = wanted.contains_key(key);
            if !stays {
                watch.stop();
            }
            stays
        });
        for (key, (entry, definition)) in wanted {
            running.entry(key).or_insert_with(|| {
                let runtime = Runtime { user: entry.creator.clone(), ..self.runtime.clone() };
                Watch::start(runtime, server.clone(), definition, entry)
            });
        }
    }

    /// The names of what runs.
    pub fn running(&self) -> Vec<String> {
        let mut names: Vec<_> = self.running.lock().keys().map(|k| k.artifact.clone()).collect();
        names.sort();
        names
    }
}

fn key(entry: &Entry, definition: &Definition) -> Key {
    Key {
        artifact: entry.artifact.clone(),
        parameters: entry.parameters.env.iter().map(|e| (e.key.clone(), e.value.clone())).collect(),
        creator: entry.creator.clone(),
        definition: definition.raw.clone(),
    }
}

/// The rights an entry runs with: those its creator has now.
fn rights(runtime: &Runtime, creator: &str) -> Option<Permissions> {
    match (creator, &runtime.world.rights_of) {
        ("", _) => Some(Permissions::all()),
        (creator, Some(rights_of)) => rights_of(creator),
        (_, None) => Some(runtime.permissions),
    }
}

/// The definition of an artifact that can run for ever on the server.
pub fn event_artifact(repository: &Repository, name: &str) -> Result<Arc<Definition>, Error> {
    let definition = repository.find(name).ok_or_else(|| Error::new(format!("Unknown artifact {name}")))?;
    if definition.kind != Kind::ServerEvent {
        return Err(Error::new(format!("{name} is of type {}, not SERVER_EVENT", definition.kind.name())));
    }
    Ok(definition)
}

/// Changes the table and runs it.
pub fn change(server: &Arc<Server>, change: impl FnOnce(&mut Vec<Entry>)) -> Result<(), Error> {
    server.monitoring.change(change).map_err(failed)?;
    if let Some(monitor) = server.monitor.get() {
        monitor.refresh(server);
    }
    Ok(())
}

/// The table in the shape of the request that sets it (`ArtifactCollectorArgs`).
pub fn as_request(server: &Server) -> Request {
    let entries = server.monitoring.entries();
    let spec = |e: &Entry| Spec {
        artifact: e.artifact.clone(),
        parameters: Parameters { env: e.parameters.env.clone() },
        ..Spec::default()
    };
    Request {
        client_id: store::flow::SERVER.into(),
        artifacts: entries.iter().map(|e| e.artifact.clone()).collect(),
        specs: entries.iter().map(spec).collect(),
        ..Request::default()
    }
}
