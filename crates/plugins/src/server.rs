//! The state of a server, as far as queries read and change it.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use serde::Serialize;
use serde_json::Map;
use store::DataDir;
use store::audit::AuditLog;
use store::client::{Client, Clients};
use store::event::EventStore;
use store::file_store::FileStore;
use store::flow::Flows;
use store::hunt::Hunts;
use store::metadata::Metadata;
use store::monitoring::MonitoringTable;
use store::profile::Profiles;
use store::user::Users;
use vql::args::Args;
use vql::call::Error;
use vql::cancel::Cancel;
use vql::json::{self, JsonOptions};
use vql::permission::{Permission, Permissions};
use vql::scope::Scope;
use vql::value::{Row, Value};

use crate::collection::Collection;
use crate::monitoring::Monitor;
use crate::world::{Surroundings, World};

/// What a server keeps.
pub struct Server {
    pub clients: Clients,
    pub metadata: Metadata,
    pub hunts: Hunts,
    pub profiles: Profiles,
    /// None beside a query that only collects here.
    users: Option<Users>,
    /// What clients have to know to find this server; nothing secret.
    pub client_config: Value,
    pub flows: Flows,
    pub files: Arc<FileStore>,
    pub events: Arc<EventStore>,
    pub audit: Arc<AuditLog>,
    /// The collections that are running now, by id.
    pub running: Mutex<HashMap<String, Arc<Collection>>>,
    /// Which event artifacts run.
    pub monitoring: MonitoringTable,
    /// What runs them; set when the server starts.
    pub monitor: OnceLock<Monitor>,
    /// Held while hunts give collections to clients, so that each gets one.
    pub giving: Mutex<()>,
    /// Set when the server stops.
    pub stopping: Cancel,
}

impl Server {
    /// Opens all that lies in the data directory besides the event queues.
    pub fn open(
        data: &DataDir,
        events: Arc<EventStore>,
        users: Option<Users>,
        client_config: Value,
        stopping: Cancel,
    ) -> store::Result<Self> {
        let files = Arc::new(data.files()?);
        Ok(Server {
            clients: data.clients()?,
            metadata: data.metadata()?,
            hunts: data.hunts()?,
            profiles: data.profiles()?,
            users,
            client_config,
            flows: data.flows(files.clone())?,
            files,
            events,
            audit: Arc::new(data.audit()?),
            running: Mutex::default(),
            monitoring: data.monitoring()?,
            monitor: OnceLock::new(),
            giving: Mutex::default(),
            stopping,
        })
    }

    /// The users.
    pub fn users(&self) -> Result<&Users, Error> {
        self.users.as_ref().ok_or_else(|| "this server keeps no users".into())
    }

    /// The server that the query runs on.
    pub fn of<'a>(scope: &Scope<'a>) -> Result<&'a Arc<Server>, Error> {
        World::of(scope)?.server.as_ref().ok_or_else(|| "this needs a server: use --api-config".into())
    }

    /// Writes an audit line about what a query changes. Without it nothing may change.
    pub fn record(
        &self,
        scope: &Scope<'_>,
        operation: &str,
        details: serde_json::Value,
    ) -> Result<(), Error> {
        self.record_as(&Surroundings::of(scope)?.user, operation, details)
    }

    /// As [`Server::record`], for what a user does in another way than by a query.
    pub fn record_as(&self, user: &str, operation: &str, details: serde_json::Value) -> Result<(), Error> {
        let details = match details {
            serde_json::Value::Object(details) => details,
            _ => Map::new(),
        };
        self.audit.record(operation, user, details.clone()).map_err(failed)?;
        self.announce(user, operation, details)
    }

    /// Tells the watchers of the audit queue.
    fn announce(
        &self,
        user: &str,
        operation: &str,
        details: Map<String, serde_json::Value>,
    ) -> Result<(), Error> {
        let mut row = Map::new();
        row.insert("operation".into(), operation.into());
        row.insert("principal".into(), user.into());
        row.insert("details".into(), details.into());
        let now = jiff::Timestamp::now().as_second();
        let rows = store::event::parse_rows([row], now, &[]).map_err(failed)?;
        self.events.append(store::event::AUDIT_QUEUE, rows).map_err(failed)
    }

    /// The client of that id; none is an error.
    pub fn client(&self, id: &str) -> Result<Arc<Client>, Error> {
        self.clients.find(id).ok_or_else(|| failed(store::Error::ClientUnknown(id.to_owned())))
    }
}

/// A failure of the store, for the log of a query.
pub fn failed(error: store::Error) -> Error {
    Error::new(error.to_string())
}

/// A record as queries show it: its fields in their order.
pub fn shown(record: &impl Serialize) -> Result<Value, Error> {
    let text = serde_json::to_vec(record).map_err(|e| Error::new(e.to_string()))?;
    json::parse(&text)
}

/// As [`shown`], as a row.
pub fn shown_row(record: &impl Serialize) -> Result<Row, Error> {
    match shown(record)? {
        Value::Dict(dict) => Ok(dict.snapshot()),
        value => Ok(value.into_row()),
    }
}

/// An argument that is a list of text.
pub fn strings(args: &Args<'_>, slot: usize) -> Result<Vec<String>, Error> {
    Ok(args.text_list(slot)?.iter().map(|text| text.to_str_lossy().into_owned()).collect())
}

/// A value as it is stored: as JSON.
pub fn to_stored(value: &Value) -> Result<serde_json::Value, Error> {
    let mut text = Vec::new();
    json::write_value(value, &mut text, &JsonOptions::default());
    serde_json::from_slice(&text).map_err(|e| Error::new(e.to_string()))
}

/// A row as it is stored: as a JSON object.
pub fn to_stored_object(row: &Row) -> Result<Map<String, serde_json::Value>, Error> {
    match to_stored(&Value::from(row.clone()))? {
        serde_json::Value::Object(object) => Ok(object),
        _ => Err("not a dict".into()),
    }
}

/// Refuses those who hold none of these rights.
pub fn demand(held: Permissions, any_of: &[Permission]) -> Result<(), Error> {
    if any_of.iter().any(|p| held.has(*p)) {
        return Ok(());
    }
    let names: Vec<&str> = any_of.iter().map(|p| p.name()).collect();
    Err(Error::new(format!("PermissionDenied: Permission denied: [{}]", names.join(" "))))
}

/// Refuses orgs that do not exist: there is one, and its name is `root` or nothing.
pub fn check_org(org: &str) -> Result<(), Error> {
    match org {
        "" | ROOT_ORG => Ok(()),
        org => Err(Error::new(format!("org {org} is not known"))),
    }
}

/// The id of the only org.
pub const ROOT_ORG: &str = "root";

/// Now, as records tell times.
pub fn microseconds() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_microsecond()).unwrap_or_default()
}

/// A stored row.
pub fn stored_row(text: &[u8]) -> Result<Row, Error> {
    match json::parse(text)? {
        Value::Dict(dict) => Ok(dict.snapshot()),
        _ => Err("a stored row is damaged".into()),
    }
}
