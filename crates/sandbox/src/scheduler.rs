//! Which task gets which machine, and when (the sandbox reference, section 4).
//!
//! Tasks are served by priority, then by age; one that cannot run now does not hold up those behind it, and says why it
//! waits. A task and its machine are matched in one step, so that no task is running without one. Nothing is polled: the
//! scheduler wakes when something was submitted or a machine is free, and now and then to look at the disk.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use store::db::{DbResult, Tx};
use store::sandbox::{GuestStatus, Status, Task, guest, task};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::pool::{Found, Kind, Lease, Machine};
use crate::results::Folder;
use crate::server::Sandbox;

/// How often the disk is looked at while tasks wait for it.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Runs one task on its machine.
pub trait Analyst: Send + Sync + 'static {
    /// What runs this machine, such as `QEMU`.
    fn manager(&self, machine: &Machine) -> &'static str;

    /// Runs the task and leaves its results in the folder. Ends soon after `stop`. Gives what went wrong, in words for people;
    /// what there is of results is kept in any case.
    fn analyse(&self, run: Run) -> BoxFuture<'static, Vec<String>>;
}

/// Runs nothing: for hosts without machines.
pub struct Nobody;

impl Analyst for Nobody {
    fn manager(&self, _: &Machine) -> &'static str {
        "none"
    }

    fn analyse(&self, _: Run) -> BoxFuture<'static, Vec<String>> {
        Box::pin(async { vec!["this host has no machines".to_owned()] })
    }
}

/// Machines of several kinds, each with its own analyst.
pub struct Kinds {
    pub guests: Arc<dyn Analyst>,
    pub remote: Arc<dyn Analyst>,
}

impl Kinds {
    fn of(&self, machine: &Machine) -> &Arc<dyn Analyst> {
        match machine.kind {
            Kind::Guest => &self.guests,
            Kind::Remote => &self.remote,
        }
    }
}

impl Analyst for Kinds {
    fn manager(&self, machine: &Machine) -> &'static str {
        self.of(machine).manager(machine)
    }

    fn analyse(&self, run: Run) -> BoxFuture<'static, Vec<String>> {
        self.of(&run.machine).analyse(run)
    }
}

/// A task that has a machine.
pub struct Run {
    pub sandbox: Arc<Sandbox>,
    pub task: Task,
    pub machine: Machine,
    pub folder: Folder,
    /// Ends it early: it was scheduled anew, or the server stops.
    pub stop: CancellationToken,
}

/// Gives machines to tasks until `stop`; then waits for those that run to end.
pub async fn run(sandbox: Arc<Sandbox>, analyst: Arc<dyn Analyst>, stop: CancellationToken) {
    let running = TaskTracker::new();
    while !stop.is_cancelled() {
        if let Err(error) = dispatch(&sandbox, &analyst, &running, &stop).await {
            tracing::error!(target: "sandbox", %error, "tasks could not be scheduled; trying again");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = sandbox.submitted.notified() => {}
            () = sandbox.pool.freed.notified() => {}
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
    }
    running.close();
    running.wait().await;
}

/// What a server that was killed left behind: running tasks wait again, from their beginning.
pub async fn recover(sandbox: &Arc<Sandbox>) -> DbResult<()> {
    // Before they may run again: a run that finds a folder does not begin.
    for id in sandbox.db.read(task::running).await? {
        tracing::info!(target: "sandbox", task = id, "the server ended while the task was running: it waits again");
        if let Err(error) = sandbox.analyses.remove(id) {
            tracing::error!(target: "sandbox", task = id, %error, "the results of a run that broke off were not removed");
        }
    }
    sandbox.db.write(task::requeue_running).await?;
    Ok(())
}

async fn dispatch(
    sandbox: &Arc<Sandbox>,
    analyst: &Arc<dyn Analyst>,
    running: &TaskTracker,
    stop: &CancellationToken,
) -> DbResult<()> {
    // Each that begins changes who is next.
    while full_disk(sandbox).is_none() && next(sandbox, analyst, running, stop).await? {}
    Ok(())
}

/// Lets one task begin, or end since it never can; says whether there was one.
async fn next(
    sandbox: &Arc<Sandbox>,
    analyst: &Arc<dyn Analyst>,
    running: &TaskTracker,
    stop: &CancellationToken,
) -> DbResult<bool> {
    for task in sandbox.db.read(task::next_of_each_wish).await? {
        let id = task.id;
        match sandbox.pool.acquire(&task) {
            Found::Never(reason) => {
                tracing::warn!(target: "sandbox", task = id, reason, "a task can never run");
                sandbox.db.write(move |tx| task::give_up_waiting(tx, id, &reason)).await?;
                return Ok(true);
            }
            Found::Lease(lease) => {
                begin(sandbox, analyst, running, stop, *lease, task).await?;
                return Ok(true);
            }
            Found::None(_) | Found::Busy(_) => {}
        }
    }
    Ok(false)
}

/// Why a task does not run yet, if it waits and the next look will not let it begin.
pub fn waits_for(sandbox: &Sandbox, task: &Task) -> Option<String> {
    (task.status == Status::Pending)
        .then(|| full_disk(sandbox).or_else(|| sandbox.pool.why_none(task)))
        .flatten()
}

fn full_disk(sandbox: &Sandbox) -> Option<String> {
    let of = rustix::fs::statvfs(sandbox.analyses.dir()).ok()?;
    let (free, wanted) = (of.f_bavail * of.f_frsize, sandbox.settings.free_space);
    (free < wanted)
        .then(|| format!("only {} MB are free where results lie, {} MB are needed", free >> 20, wanted >> 20))
}

async fn begin(
    sandbox: &Arc<Sandbox>,
    analyst: &Arc<dyn Analyst>,
    running: &TaskTracker,
    stop: &CancellationToken,
    lease: Lease,
    task: Task,
) -> DbResult<()> {
    let (id, manager) = (task.id, analyst.manager(&lease.machine));
    let (name, label) = (lease.machine.name.clone(), lease.machine.label.clone());
    let take = move |tx: &mut Tx<'_>| -> DbResult<bool> {
        let taken = task::take(tx, id)?;
        if taken {
            guest::begin(tx, id, &name, &label, manager)?;
        }
        Ok(taken)
    };
    // Deleted or scheduled anew since it was read.
    if !sandbox.db.write(take).await? {
        return Ok(());
    }
    let token = sandbox.notes.begin(id);
    let (sandbox, analyst, stop) = (sandbox.clone(), analyst.clone(), stop.clone());
    running.spawn(async move {
        let (stopping, server) = (token.clone(), stop.clone());
        let watch = tokio::spawn(async move {
            stop.cancelled().await;
            stopping.cancel();
        });
        analyse(&sandbox, &*analyst, lease, task, token, &server).await;
        watch.abort();
        sandbox.notes.end(id);
    });
    Ok(())
}

/// The whole run of one task, to the point where its results can be processed. One that broke off because the server ends is
/// left running: the next server begins it anew.
async fn analyse(
    sandbox: &Arc<Sandbox>,
    analyst: &dyn Analyst,
    lease: Lease,
    task: Task,
    stop: CancellationToken,
    server: &CancellationToken,
) {
    let id = task.id;
    tracing::info!(target: "sandbox", task = id, machine = lease.machine.name, "a task begins");
    let errors = match folder(sandbox, &task) {
        Ok(folder) => {
            let machine = lease.machine.clone();
            let run = Run { sandbox: sandbox.clone(), task, machine, folder, stop };
            analyst.analyse(run).await
        }
        Err(error) => vec![format!("the folder for the results cannot be made: {error}")],
    };
    if server.is_cancelled() && !errors.is_empty() {
        tracing::info!(target: "sandbox", task = id, "the server ends: the task begins anew with the next one");
        return;
    }
    let finish = move |tx: &mut Tx<'_>| -> DbResult<bool> {
        guest::set_status(
            tx,
            id,
            if errors.is_empty() { GuestStatus::Stopped } else { GuestStatus::Failed },
        )?;
        errors.iter().try_for_each(|error| task::fail(tx, id, error))?;
        task::set_status(tx, id, Status::Completed)
    };
    match sandbox.db.write(finish).await {
        Ok(true) => sandbox.completed.notify_one(),
        Ok(false) => tracing::info!(target: "sandbox", task = id, "another task took the place of this one"),
        Err(error) => {
            tracing::error!(target: "sandbox", task = id, %error, "the end of a task was not written")
        }
    }
    drop(lease);
}

fn folder(sandbox: &Sandbox, task: &Task) -> io::Result<Folder> {
    let folder = sandbox.analyses.create(task.id)?;
    std::fs::write(folder.path().join("task.json"), serde_json::to_vec_pretty(task)?)?;
    Ok(folder)
}

#[cfg(test)]
mod tests;
