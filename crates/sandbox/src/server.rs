//! What the parts of the sandbox share.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;
use serve::listener::Incoming;
use store::db::Db;
use store::sandbox::Stamp;
use tokio::sync::{Notify, Semaphore, broadcast};
use tokio_util::sync::CancellationToken;

use crate::pool::Pool;
use crate::results::Analyses;
use crate::samples::Samples;
use crate::settings::Settings;

/// Archives that are written at a time.
const MAX_ARCHIVES: usize = 4;

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
    /// Archives that are written at a time: each takes a processor, and as much disk as the results.
    pub archiving: Semaphore,
    /// What is said of tasks besides their records.
    pub notes: Notes,
}

/// What is known of tasks while they wait or run, and is not worth a record.
#[derive(Debug)]
pub struct Notes {
    running: Mutex<HashMap<u32, CancellationToken>>,
    progress: Mutex<HashMap<u32, Progress>>,
    /// What was told, as it is told.
    news: broadcast::Sender<(u32, Progress)>,
}

/// How far a running task is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Progress {
    pub stage: &'static str,
    pub text: String,
    pub since: Stamp,
}

/// News that wait for a reader; a slower one misses the oldest.
const MAX_NEWS: usize = 256;

impl Default for Notes {
    fn default() -> Self {
        let (news, _) = broadcast::channel(MAX_NEWS);
        Self { running: Mutex::default(), progress: Mutex::default(), news }
    }
}

impl Notes {
    /// A task begins to run: what ends it early.
    pub fn begin(&self, task: u32) -> CancellationToken {
        let stop = CancellationToken::new();
        self.running.lock().insert(task, stop.clone());
        stop
    }

    /// A task has ended.
    pub fn end(&self, task: u32) {
        self.running.lock().remove(&task);
        self.progress.lock().remove(&task);
    }

    /// Says how far a running task is.
    pub fn tell(&self, task: u32, stage: &'static str, text: &str) {
        let progress = Progress { stage, text: text.to_owned(), since: Stamp::now() };
        self.progress.lock().insert(task, progress.clone());
        // Nobody may be listening.
        let _ = self.news.send((task, progress));
    }

    /// How far a task is, while it runs.
    pub fn progress(&self, task: u32) -> Option<Progress> {
        self.progress.lock().get(&task).cloned()
    }

    /// Everything that is told from now on.
    pub fn listen(&self) -> broadcast::Receiver<(u32, Progress)> {
        self.news.subscribe()
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
            archiving: Semaphore::new(MAX_ARCHIVES),
            notes: Notes::default(),
        }))
    }
}

/// Serves the API until `stop` is done.
pub async fn serve(sandbox: Arc<Sandbox>, incoming: Incoming, stop: impl Future<Output = ()>) {
    serve::http::serve(incoming, crate::api::service(sandbox), stop).await;
}
