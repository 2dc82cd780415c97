//! What the parts of the sandbox share.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use serve::listener::Incoming;
use store::db::Db;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::pool::Pool;
use crate::results::Analyses;
use crate::samples::Samples;
use crate::settings::Settings;

/// The sandbox while it runs.
pub struct Sandbox {
    pub db: Db,
    pub settings: Settings,
    pub samples: Samples,
    pub analyses: Analyses,
    pub pool: Arc<Pool>,
    /// Told when there is something new for the scheduler.
    pub submitted: Notify,
    /// Told when there is something new to process.
    pub completed: Notify,
    /// What is said of tasks besides their records.
    pub notes: Notes,
}

/// What is known of tasks while they wait or run, and is not worth a record.
#[derive(Debug, Default)]
pub struct Notes {
    waiting: Mutex<HashMap<u32, String>>,
    running: Mutex<HashMap<u32, CancellationToken>>,
}

impl Notes {
    /// Why a task still waits.
    pub fn waits_for(&self, task: u32) -> Option<String> {
        self.waiting.lock().get(&task).cloned()
    }

    /// All reasons anew.
    pub fn set_waiting(&self, reasons: HashMap<u32, String>) {
        *self.waiting.lock() = reasons;
    }

    /// A task begins to run: what ends it early.
    pub fn begin(&self, task: u32) -> CancellationToken {
        let stop = CancellationToken::new();
        self.running.lock().insert(task, stop.clone());
        stop
    }

    /// A task has ended.
    pub fn end(&self, task: u32) {
        self.running.lock().remove(&task);
    }

    /// Ends a task early, if it runs.
    pub fn stop(&self, task: u32) {
        if let Some(stop) = self.running.lock().get(&task) {
            stop.cancel();
        }
    }
}

impl Sandbox {
    /// A sandbox on this database, with its files where the settings say.
    pub fn open(db: Db, settings: Settings, pool: Arc<Pool>) -> io::Result<Arc<Self>> {
        let samples = Samples::open(&settings.dir)?;
        let analyses = Analyses::open(&settings.dir)?;
        Ok(Arc::new(Self {
            db,
            settings,
            samples,
            analyses,
            pool,
            submitted: Notify::new(),
            completed: Notify::new(),
            notes: Notes::default(),
        }))
    }
}

/// Serves the API until `stop` is done.
pub async fn serve(sandbox: Arc<Sandbox>, incoming: Incoming, stop: impl Future<Output = ()>) {
    serve::http::serve(incoming, crate::api::service(sandbox), stop).await;
}
