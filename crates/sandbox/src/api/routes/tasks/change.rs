//! Running, deleting and processing tasks again (the Cuckoo reference, sections 5.6, 5.7, 5.12 and 5.13).

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde_json::{Value as Json, json};
use store::db::DbError;
use store::sandbox::task::{self, Deleted};

use crate::api::reply::Reply;
use crate::api::routes::path::{Id, Texts};
use crate::api::{Error, Result};
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
    match sandbox.db.write(move |tx| task::delete(tx, id)).await.map_err(said(FAILED))? {
        Deleted::Unknown => Err(Error::not_found("Task not found")),
        // Clients compare these words.
        Deleted::Busy => Err(Error::failed("The task is currently being processed, cannot delete")),
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

/// Machines keep nothing from which they could boot again: each run begins with the guest as it was built.
async fn reboot(_: Id) -> Error {
    Error::not_found("Error creating reboot task")
}

/// A failure of the database in the words that clients know.
fn said(words: &'static str) -> impl FnOnce(DbError) -> Error {
    move |error| {
        tracing::error!(target: "sandbox", %error, "{words}");
        Error::failed(words)
    }
}
