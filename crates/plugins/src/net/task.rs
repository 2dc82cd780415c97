//! Running something asynchronous for the thread of a query, which waits for it or leaves.

use std::future::Future;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use vql::call::{Error, Stop};
use vql::cancel::Cancel;
use vql::scope::Scope;

use crate::world::World;

/// For programs that have no runtime of their own, such as a query at the command line.
static OWN: OnceLock<Option<Runtime>> = OnceLock::new();

/// The runtime that exchanges run on.
pub fn runtime(world: &World) -> Result<Handle, Error> {
    if let Some(handle) = &world.runtime {
        return Ok(handle.clone());
    }
    let own = OWN.get_or_init(|| Builder::new_multi_thread().worker_threads(1).enable_all().build().ok());
    own.as_ref().map(|r| r.handle().clone()).ok_or_else(|| "cannot start a runtime".into())
}

/// Aborts a task when dropped or when the query is cancelled.
pub struct Guard {
    abort: AbortHandle,
    /// A flag of our own below that of the query: what waits on it goes away with us.
    _flag: Cancel,
}

impl Guard {
    fn new(scope: &Scope<'_>, abort: AbortHandle) -> Self {
        let flag = scope.cancel().child();
        let task = abort.clone();
        flag.on_cancel(move || task.abort());
        Guard { abort, _flag: flag }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.abort.abort();
    }
}

/// Waits for a future that runs on the runtime; [`Stop::Done`] when the query was cancelled meanwhile.
pub fn wait<T: Send + 'static>(
    scope: &Scope<'_>,
    future: impl Future<Output = T> + Send + 'static,
) -> Result<T, Stop> {
    let (done, outcome) = oneshot::channel();
    let task = runtime(World::of(scope)?)?.spawn(async move {
        let _ = done.send(future.await);
    });
    let _guard = Guard::new(scope, task.abort_handle());
    outcome.blocking_recv().map_err(|_| lost(scope))
}

/// What a task that went away without a word means.
fn lost(scope: &Scope<'_>) -> Stop {
    match scope.cancel().is_cancelled() {
        true => Stop::Done,
        false => Stop::Failed("the task broke off".into()),
    }
}

/// What a task sends, piece by piece; dropping it aborts the task.
pub struct Stream<T> {
    events: mpsc::Receiver<T>,
    _guard: Guard,
}

impl<T: Send + 'static> Stream<T> {
    /// Starts a task that sends into a channel of so many places.
    pub fn start<F: Future<Output = ()> + Send + 'static>(
        scope: &Scope<'_>,
        places: usize,
        task: impl FnOnce(mpsc::Sender<T>) -> F,
    ) -> Result<Self, Error> {
        let (sender, events) = mpsc::channel(places);
        let task = runtime(World::of(scope)?)?.spawn(task(sender));
        Ok(Stream { events, _guard: Guard::new(scope, task.abort_handle()) })
    }

    /// The next piece, `None` when the task is through.
    pub fn next(&mut self, scope: &Scope<'_>) -> Result<Option<T>, Stop> {
        let event = self.events.blocking_recv();
        if scope.cancel().is_cancelled() { Err(Stop::Done) } else { Ok(event) }
    }
}
