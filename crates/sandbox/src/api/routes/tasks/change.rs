//! Running, deleting and processing tasks again (the Cuckoo reference, sections 5.6, 5.7, 5.12 and 5.13).

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde_json::{Value as Json, json};
use store::db::DbError;
use store::sandbox::task::{self, Deleted};
use store::sandbox::{Category, Status, Task};

use crate::analysis::package;
use crate::api::reply::Reply;
use crate::api::routes::path::{Id, Texts};
use crate::api::{Error, Result};
use crate::pool::Kind;
use crate::server::Sandbox;

pub fn routes() -> Router<Arc<Sandbox>> {
    Router::new()
        .route("/tasks/reschedule/{id}", get(reschedule))
        .route("/tasks/reschedule/{id}/{priority}", get(reschedule))
        .route("/tasks/delete/{id}", get(delete))
        .route("/tasks/rereport/{id}", get(rereport))
        .route("/tasks/reboot/{id}", get(reboot))
}

async fn reschedule(State(sandbox): State<Arc<Sandbox>>, path: Texts) -> Result<Reply<Json>> {
    let id = path.number(0)?;
    let priority = match path.0.len() {
        1 => None,
        _ => Some(path.number(1)?).filter(|priority| *priority > 0),
    };
    let priority = priority.map(|priority| i32::try_from(priority).unwrap_or(i32::MAX));
    let made = sandbox.db.write(move |tx| task::reschedule(tx, id, priority)).await;
    let made = made.map_err(said("An error occurred while trying to reschedule the task"))?;
    let made = made.ok_or_else(|| Error::not_found("There is no analysis with the specified ID"))?;
    sandbox.notes.stop(id);
    sandbox.submitted.notify_one();
    Ok(Reply(json!({"status": "OK", "task_id": made})))
}

async fn delete(State(sandbox): State<Arc<Sandbox>>, Id(id): Id) -> Result<Reply<Json>> {
    const FAILED: &str = "An error occurred while trying to delete the task";
    // Clients compare these words.
    let busy = || Error::failed("The task is currently being processed, cannot delete");
    // One that was scheduled anew: its machine still ends, and writes what there is.
    let is_ending = sandbox.notes.is_running(id);
    let task = sandbox.db.read(move |tx| task::view(tx, id)).await.map_err(said(FAILED))?;
    if is_ending && task.is_some_and(|task| task.status == Status::Recovered) {
        return Err(busy());
    }
    match sandbox.db.write(move |tx| task::delete(tx, id)).await.map_err(said(FAILED))? {
        Deleted::Unknown => Err(Error::not_found("Task not found")),
        Deleted::Busy => Err(busy()),
        Deleted::Done => {
            let analyses = sandbox.analyses.clone();
            let removed = tokio::task::spawn_blocking(move || analyses.remove(id)).await;
            removed.map_err(std::io::Error::other).and_then(|removed| removed).map_err(|error| {
                tracing::error!(target: "sandbox", task = id, %error, "results were not removed");
                Error::failed(FAILED)
            })?;
            Ok(Reply(json!({"status": "OK"})))
        }
    }
}

async fn rereport(State(sandbox): State<Arc<Sandbox>>, Id(id): Id) -> Result<Reply<Json>> {
    let (known, again) = sandbox
        .db
        .write(move |tx| -> store::db::DbResult<_> {
            Ok((task::view(tx, id)?.is_some(), task::complete_again(tx, id)?))
        })
        .await?;
    if !known {
        return Err(Error::not_found("Task not found"));
    }
    if again {
        sandbox.completed.notify_one();
    }
    Ok(Reply(json!({"success": again})))
}

/// Where it makes sense: for a file that ran in a guest of ours, once. Clients know the beginning of the message for everything else.
async fn reboot(State(sandbox): State<Arc<Sandbox>>, Id(id): Id) -> Result<Reply<Json>> {
    const FAILED: &str = "Error creating reboot task";
    let refused = |why: &str| Error::not_found(format!("{FAILED}: {why}"));
    let task = sandbox.db.read(move |tx| task::view(tx, id)).await?;
    let task = task.ok_or_else(|| Error::not_found(FAILED))?;
    let machine = task.guest.as_ref().and_then(|guest| sandbox.pool.view(&guest.name));
    match why_not(&task, machine.map(|machine| machine.kind)) {
        Some(why) => return Err(refused(why)),
        None if sandbox.analyses.find(id)?.is_none() => return Err(refused("its results are gone")),
        None => {}
    }
    let made = sandbox.db.write(move |tx| task::reboot(tx, id)).await.map_err(said(FAILED))?;
    let made = made.ok_or_else(|| Error::not_found(FAILED))?;
    sandbox.submitted.notify_one();
    Ok(Reply(json!({"task_id": id, "reboot_id": made})))
}

/// Why the next start of a task's machine cannot be played.
fn why_not(task: &Task, machine: Option<Kind>) -> Option<&'static str> {
    let is_over = task.status.is_final() || task.status == Status::Completed;
    match machine {
        _ if !is_over => Some("the task is not over: there is nothing yet that a restart would find"),
        _ if task.category == Category::Url => Some("the task is about a URL: nothing was installed"),
        _ if task.package.as_deref() == Some(package::reboot::NAME) => Some("the task is a reboot itself"),
        Some(Kind::Guest) => None,
        Some(_) => Some(
            "the task ran in a machine with Cuckoo's agent, whose analyzer tells of files and calls but not of what starts with the system \
             (services, registry), which the next machine would have to be given",
        ),
        None => Some("the task ran in no machine that is there now"),
    }
}

/// A failure of the database in the words that clients know.
fn said(words: &'static str) -> impl FnOnce(DbError) -> Error {
    move |error| {
        tracing::error!(target: "sandbox", %error, "{words}");
        Error::failed(words)
    }
}
