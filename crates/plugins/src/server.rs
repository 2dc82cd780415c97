//! The state of a server, as far as queries read and change it.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use serde::Serialize;
use serde_json::Map;
use store::audit::AuditLog;
use store::event::EventStore;
use store::file_store::FileStore;
use store::flow::Flows;
use store::monitoring::MonitoringTable;
use vql::call::Error;
use vql::cancel::Cancel;
use vql::json;
use vql::scope::Scope;
use vql::value::{Row, Value};

use crate::collection::Collection;
use crate::monitoring::Monitor;
use crate::world::{Surroundings, World};

/// What a server keeps.
pub struct Server {
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
    /// Set when the server stops.
    pub stopping: Cancel,
}

impl Server {
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
        let details = match details {
            serde_json::Value::Object(details) => details,
            _ => Map::new(),
        };
        self.audit.record(operation, &Surroundings::of(scope)?.user, details).map_err(failed)
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

/// A stored row.
pub fn stored_row(text: &[u8]) -> Result<Row, Error> {
    match json::parse(text)? {
        Value::Dict(dict) => Ok(dict.snapshot()),
        _ => Err("a stored row is damaged".into()),
    }
}
