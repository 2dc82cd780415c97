//! Collections: artifacts run on the server, their rows, log lines and files kept.
//!
//! [`request`] makes a request of arguments, [`start`] runs it on a thread of its own, [`Collection`] is what the
//! queries of one share: its limits, its log and its files.

pub mod archive;
mod limits;
pub mod read;
pub mod request;
mod results;
mod run;
mod schedule;
mod upload;

use std::sync::Arc;

use parking_lot::Mutex;
use store::flow::{Flow, LogLine};
use store::rows::RowWriter;
use vql::cancel::Cancel;
use vql::host::Level;

use crate::server::Server;

pub use limits::Limits;
pub use run::{COMPLETION, Runtime, find, find_shown, mark_interrupted, start};
pub use schedule::{cancel, collect, end, ended, enqueue};
pub use upload::Uploaded;

/// A running collection.
pub struct Collection {
    pub client_id: String,
    pub flow_id: String,
    pub server: Arc<Server>,
    pub limits: Limits,
    /// Stops the queries.
    pub cancel: Cancel,
    state: Mutex<State>,
}

/// What the queries of a collection have brought so far.
struct State {
    flow: Flow,
    log: Option<RowWriter>,
    uploads: Option<RowWriter>,
    /// Files that were uploaded, by accessor and path: each is stored once.
    uploaded: Vec<(String, Uploaded)>,
    result_bytes: u64,
    /// Why the collection was stopped.
    stopped: Option<String>,
    /// A log line that means failure was written.
    failure: Option<String>,
}

impl Collection {
    fn new(server: Arc<Server>, flow: Flow, limits: Limits) -> Arc<Self> {
        let (client_id, flow_id) = (flow.client_id.clone(), flow.session_id.clone());
        let cancel = server.stopping.child();
        let state = State {
            flow,
            log: None,
            uploads: None,
            uploaded: Vec::new(),
            result_bytes: 0,
            stopped: None,
            failure: None,
        };
        Arc::new(Collection { client_id, flow_id, server, limits, cancel, state: Mutex::new(state) })
    }

    /// The record as it is now.
    pub fn flow(&self) -> Flow {
        self.state.lock().flow.clone()
    }

    /// Ends the collection, for a reason that its record tells.
    pub fn stop(&self, why: impl Into<String>) {
        let mut state = self.state.lock();
        if state.stopped.is_none() {
            state.stopped = Some(why.into());
        }
        drop(state);
        self.cancel.cancel();
    }

    /// Adds a log line.
    pub fn log(&self, artifact: &str, level: Level, message: &str) {
        let now = jiff::Timestamp::now().as_microsecond();
        let line = LogLine {
            ts: now / 1_000_000,
            client_time: now / 1_000_000,
            level: level.name().into(),
            message: message.into(),
            artifact: artifact.into(),
        };
        let mut state = self.state.lock();
        if level == Level::Error && state.failure.is_none() {
            state.failure = Some(message.into());
        }
        if state.flow.total_logs >= self.limits.logs {
            return;
        }
        state.flow.total_logs += 1;
        let is_last = state.flow.total_logs == self.limits.logs;
        if state.log.is_none() {
            state.log = self.server.flows.log_writer(&self.client_id, &self.flow_id).ok();
        }
        let Some(log) = &mut state.log else { return };
        let written = serde_json::to_vec(&line).map(|text| log.push(&text).and_then(|()| log.flush()));
        if let Ok(Err(error)) = written {
            tracing::error!(flow = %self.flow_id, %error, "cannot write the log of a collection");
        }
        if is_last {
            let last = LogLine { message: "Further log lines are left out.".into(), ..line };
            let _ = serde_json::to_vec(&last).map(|text| log.push(&text));
        }
    }
}
