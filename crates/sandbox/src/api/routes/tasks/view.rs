//! One task (the Cuckoo reference, section 5.5).

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::Serialize;
use store::sandbox::{Task, task};

use crate::api::reply::Reply;
use crate::api::routes::path::Id;
use crate::api::{Error, Result};
use crate::scheduler;
use crate::server::{Progress, Sandbox};

pub fn routes() -> Router<Arc<Sandbox>> {
    Router::new().route("/tasks/view/{id}", get(view))
}

#[derive(Serialize)]
struct Answer {
    task: Shown,
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    task: Task,
    /// Beyond the published members: why it still waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    waits_for: Option<String>,
    /// Beyond the published members: how far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<Progress>,
}

async fn view(State(sandbox): State<Arc<Sandbox>>, Id(id): Id) -> Result<Reply<Answer>> {
    let task = sandbox.db.read(move |tx| task::view(tx, id)).await?;
    let task = task.ok_or_else(|| Error::not_found("Task not found"))?;
    let (waits_for, progress) = (scheduler::waits_for(&sandbox, &task), sandbox.notes.progress(id));
    Ok(Reply(Answer { task: Shown { task, waits_for, progress } }))
}
