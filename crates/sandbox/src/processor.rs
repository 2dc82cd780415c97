//! Results that wait to be processed: one task after the other, on threads that may block.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use store::db::{DbResult, Tx};
use store::sandbox::{Filter, Status, task};
use tokio_util::sync::CancellationToken;

use crate::processing::{Case, process};
use crate::server::Sandbox;

/// Who processes, as tasks tell it.
const WORKER: &str = "harrier";
/// Tasks that are read at once.
const BATCH: u32 = 64;
/// After the database failed.
const PAUSE: Duration = Duration::from_secs(5);

/// Processes what is completed until `stop`.
pub async fn run(sandbox: Arc<Sandbox>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        match next(&sandbox).await {
            Ok(tasks) if !tasks.is_empty() => {
                if !all(&sandbox, &tasks, &stop).await {
                    // The same tasks would come again at once.
                    pause(&stop).await;
                }
                continue;
            }
            Ok(_) => {}
            Err(error) => {
                tracing::error!(target: "sandbox", %error, "completed tasks could not be read");
                pause(&stop).await;
                continue;
            }
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = sandbox.completed.notified() => {}
        }
    }
}

/// Whether the end of each was written.
async fn all(sandbox: &Arc<Sandbox>, tasks: &[u32], stop: &CancellationToken) -> bool {
    let mut is_written = true;
    for id in tasks {
        if stop.is_cancelled() {
            break;
        }
        if let Err(error) = one(sandbox, *id).await {
            tracing::error!(target: "sandbox", task = id, %error, "the state of a task was not written");
            is_written = false;
        }
    }
    is_written
}

async fn pause(stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(PAUSE) => {}
    }
}

async fn next(sandbox: &Sandbox) -> DbResult<Vec<u32>> {
    let status = Some(Status::Completed.name().to_owned());
    let filter = Filter { status, limit: Some(BATCH), ..Filter::default() };
    let tasks = sandbox.db.read(move |tx| task::list(tx, &filter)).await?;
    Ok(tasks.into_iter().map(|task| task.id).collect())
}

async fn one(sandbox: &Arc<Sandbox>, id: u32) -> DbResult<()> {
    sandbox.db.write(move |tx| task::set_processing(tx, id, Some(WORKER))).await?;
    let Some(task) = sandbox.db.read(move |tx| task::view(tx, id)).await? else { return Ok(()) };
    let shared = sandbox.clone();
    let work = move || -> io::Result<Vec<String>> {
        let folder = shared.analyses.find(id)?.ok_or(io::ErrorKind::NotFound)?;
        process(&Case { task: &task, folder: &folder, samples: &shared.samples })
    };
    let done = tokio::task::spawn_blocking(work).await.map_err(io::Error::other).and_then(|done| done);
    let (next, errors) = match done {
        Ok(errors) => (Status::Reported, errors),
        Err(error) => {
            tracing::error!(target: "sandbox", task = id, %error, "a task could not be processed");
            (Status::FailedProcessing, vec![format!("the results could not be processed: {error}")])
        }
    };
    let finish = move |tx: &mut Tx<'_>| -> DbResult<bool> {
        errors.iter().try_for_each(|error| task::fail(tx, id, error))?;
        task::set_status(tx, id, next)
    };
    if sandbox.db.write(finish).await? {
        tracing::info!(target: "sandbox", task = id, status = next.name(), "a task ended");
    }
    Ok(())
}
