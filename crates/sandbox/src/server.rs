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
    /// Archives that are written or read at a time: each takes a processor, and as much disk or memory as it is large.
    archiving: Arc<Semaphore>,
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

    /// Whether a machine is still at work on a task, whatever became of it.
    pub fn is_running(&self, task: u32) -> bool {
        self.running.lock().contains_key(&task)
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
            archiving: Arc::new(Semaphore::new(MAX_ARCHIVES)),
            notes: Notes::default(),
        }))
    }
}

impl Sandbox {
    /// Writes or reads an archive when it is its turn. The turn lasts until the work is done, also when who asked for it has left.
    pub async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let turn = self.archiving.clone().acquire_owned().await.map_err(io::Error::other)?;
        let in_turn = move || {
            let _turn = turn;
            work()
        };
        tokio::task::spawn_blocking(in_turn).await.map_err(io::Error::other)?
    }
}

/// Serves the API until `stop` is done.
pub async fn serve(sandbox: Arc<Sandbox>, incoming: Incoming, stop: impl Future<Output = ()>) {
    serve::http::serve(incoming, crate::api::service(sandbox), stop).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::db::Location;

    #[tokio::test]
    async fn who_leaves_does_not_let_more_archives_be_written_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&Location::Sqlite(dir.path().join("harrier.db"))).await.unwrap();
        let settings = Settings::in_dir(dir.path().to_owned());
        let sandbox = Sandbox::open(db, settings, Pool::new(Vec::new())).unwrap();
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let wait = Arc::new(Mutex::new(wait));
        for _ in 0..MAX_ARCHIVES {
            let (wait, (begun, begins)) = (wait.clone(), tokio::sync::oneshot::channel());
            let work = sandbox.in_turn(move || {
                let _ = begun.send(());
                wait.lock().recv().map_err(io::Error::other)
            });
            // It begins, and nobody waits for its end.
            tokio::select! { _ = work => panic!("it cannot be done"), begun = begins => begun.unwrap() }
        }
        assert_eq!(sandbox.archiving.available_permits(), 0);
        drop(go);
        sandbox.in_turn(|| Ok(())).await.unwrap();
    }
}
