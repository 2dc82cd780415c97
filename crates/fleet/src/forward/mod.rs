//! Hands on what agents log: each destination gets every line at least once and in order, at its own pace.
//!
//! ```text
//! destination   what an administrator can configure       follower    reads a log, delivers, remembers how far it came
//! filesystem    files with rotation                        stdout      lines on the server's own output
//! webhook       batches to a URL                           nats        messages to a NATS server
//! ```
//!
//! Lines come from [`store::result_log`]: an outage of a destination costs nothing as long as the logs' disk budget lasts.
//! `DIR/forwarding/<name>.<log>` says how far a destination has come. Each destination has a thread for each of its logs.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use store::result_log::{Log, ResultLog};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

mod destination;
mod filesystem;
mod follower;
mod nats;
mod stdout;
mod webhook;

pub use destination::{Destination, Kind};
use follower::Follower;

/// What is counted of one log on its way to one destination.
#[derive(Debug)]
pub struct Progress {
    pub name: String,
    pub log: Log,
    /// The first row that was not delivered.
    next: AtomicU64,
    /// The first row that would be delivered after a restart.
    settled: AtomicU64,
    pub delivered: AtomicU64,
    pub failures: AtomicU64,
    /// Rows that were gone before the destination had them: the disk budget was used up, or the disk damaged them.
    pub dropped: AtomicU64,
    /// Rows that the destination will never take.
    pub refused: AtomicU64,
}

/// All destinations while they run.
pub struct Forwarders {
    pub progress: Vec<Arc<Progress>>,
    stop: CancellationToken,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// For destinations on the network.
    runtime: Mutex<Option<Runtime>>,
}

/// What every follower needs.
#[derive(Clone)]
struct Shared {
    results: Arc<ResultLog>,
    all: Arc<Vec<Arc<Progress>>>,
    stop: CancellationToken,
}

impl Shared {
    /// Notes how far a log went, so that the rest of it is kept.
    fn hold(&self, log: Log) {
        let needed = self.all.iter().filter(|progress| progress.log == log);
        let first = needed.map(|progress| progress.settled.load(Ordering::Relaxed)).min().unwrap_or(u64::MAX);
        if let Err(error) = self.results.hold(log, first) {
            tracing::error!(target: "forward", %error, "cannot say which rows are needed");
        }
    }
}

impl Forwarders {
    /// Starts all. A destination that is new gets what comes from now on.
    pub fn start(destinations: &[Destination], dir: &Path, results: &Arc<ResultLog>) -> Result<Self, String> {
        destination::check(destinations)?;
        let on_network = destinations.iter().any(|destination| destination.kind.is_on_network());
        let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = on_network.then(runtime).transpose().map_err(|error| error.to_string())?;
        let stop = CancellationToken::new();
        let mut followers = Vec::new();
        for destination in destinations {
            for log in destination.logs() {
                let handle = runtime.as_ref().map(|runtime| runtime.handle().clone());
                let follower = Follower::new(destination, log, dir, results, handle);
                followers
                    .push(follower.map_err(|error| format!("destination {}: {error}", destination.name))?);
            }
        }
        let progress: Vec<Arc<Progress>> =
            followers.iter().map(|follower| follower.progress.clone()).collect();
        let shared = Shared { results: results.clone(), all: Arc::new(progress.clone()), stop: stop.clone() };
        Log::ALL.into_iter().for_each(|log| shared.hold(log));
        let run = |follower: Follower| {
            let shared = shared.clone();
            let thread = std::thread::Builder::new().name("forward".to_owned());
            thread.spawn(move || follower.run(&shared)).map_err(|error| error.to_string())
        };
        let threads = followers.into_iter().map(run).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { progress, stop, threads: Mutex::new(threads), runtime: Mutex::new(runtime) })
    }

    /// Ends all, as soon as what is on its way has arrived or failed.
    pub async fn stop(&self) {
        self.stop.cancel();
        let (threads, runtime) = self.take();
        let _ = tokio::task::spawn_blocking(move || end(threads, runtime)).await;
    }

    fn take(&self) -> (Vec<JoinHandle<()>>, Option<Runtime>) {
        (std::mem::take(&mut *self.threads.lock()), self.runtime.lock().take())
    }

    /// Numbers for Prometheus.
    pub fn metrics(&self, results: &ResultLog, out: &mut String) {
        destination::metrics(&self.progress, results, out);
    }
}

fn end(threads: Vec<JoinHandle<()>>, runtime: Option<Runtime>) {
    for thread in threads {
        // A panic in there was told.
        let _ = thread.join();
    }
    if let Some(runtime) = runtime {
        runtime.shutdown_background();
    }
}

impl Drop for Forwarders {
    fn drop(&mut self) {
        self.stop.cancel();
        let (threads, runtime) = self.take();
        // Not here: this may be the thread of a runtime, where nothing may be waited for.
        std::thread::spawn(move || end(threads, runtime));
    }
}
