//! Submitting one file or one URL (the Cuckoo reference, sections 5.1 and 5.2).

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::routing::post;
use serde::Serialize;
use store::db::{DbResult, Tx};
use store::sandbox::{NewTask, sample, task};

use crate::api::fields::Wanted;
use crate::api::form::{File, Form};
use crate::api::reply::Reply;
use crate::api::{Error, Result};
use crate::samples::Received;
use crate::server::Sandbox;

pub fn routes() -> Router<Arc<Sandbox>> {
    Router::new()
        .route("/tasks/create/file", post(file))
        .route("/tasks/create/url", post(url))
        // Forms have limits of their own.
        .layer(DefaultBodyLimit::disable())
}

/// Clients look for either.
#[derive(Serialize)]
struct Created {
    task_id: u32,
    task_ids: [u32; 1],
}

impl Created {
    fn new(task_id: u32) -> Reply<Self> {
        Reply(Self { task_id, task_ids: [task_id] })
    }
}

async fn file(State(sandbox): State<Arc<Sandbox>>, request: Request) -> Result<Reply<Created>> {
    let mut form = Form::read(request, &sandbox.samples, sandbox.settings.max_sample).await?;
    let at = form.files.iter().position(|file| file.field == "file");
    let at =
        at.ok_or_else(|| Error::bad("There is no file: send it as a part named file, with a file name"))?;
    let file = form.files.swap_remove(at);
    let wanted = Wanted::of(&form, &sandbox.settings)?;
    let task = store_file(&sandbox, wanted, file).await?;
    sandbox.submitted.notify_one();
    Ok(Created::new(task))
}

/// Keeps a file and makes a task for it; the file is on disk before the task is known.
pub async fn store_file(sandbox: &Arc<Sandbox>, wanted: Wanted, file: File) -> Result<u32> {
    let digests = file.content.digests.clone();
    if wanted.unique {
        let hash = digests.sha256.clone();
        if sandbox.db.read(move |tx| sample::is_known(tx, &hash)).await? {
            return Err(Error::bad("This file has already been submitted"));
        }
    }
    keep(sandbox, file.content).await?;
    let create = move |tx: &mut Tx<'_>| -> DbResult<u32> {
        let sample_id = sample::keep(tx, &digests)?;
        with_warnings(tx, &wanted.for_file(&file.name, &digests.sha256, sample_id), &wanted.warnings)
    };
    Ok(sandbox.db.write(create).await?)
}

/// Keeps the content of a file: it is on disk when this returns.
pub async fn keep(sandbox: &Arc<Sandbox>, content: Received) -> Result<()> {
    let samples = sandbox.samples.clone();
    let kept = tokio::task::spawn_blocking(move || samples.keep(content)).await;
    Ok(kept.map_err(std::io::Error::other)?.map_err(crate::samples::Refused::Io)?)
}

/// Stores a task together with what is to be said of how it was asked for.
pub fn with_warnings(tx: &mut Tx<'_>, new: &NewTask, warnings: &[String]) -> DbResult<u32> {
    let id = task::create(tx, new)?;
    warnings.iter().try_for_each(|warning| task::fail(tx, id, warning))?;
    Ok(id)
}

async fn url(State(sandbox): State<Arc<Sandbox>>, request: Request) -> Result<Reply<Created>> {
    let form = Form::read(request, &sandbox.samples, sandbox.settings.max_sample).await?;
    let url = form.get("url").filter(|url| !url.trim().is_empty());
    let url = url.ok_or_else(|| Error::bad("There is no URL: send it in a field named url"))?;
    let wanted = Wanted::of(&form, &sandbox.settings)?;
    let task = store_url(&sandbox, &wanted, url).await?;
    sandbox.submitted.notify_one();
    Ok(Created::new(task))
}

/// Makes a task for a URL.
pub async fn store_url(sandbox: &Arc<Sandbox>, wanted: &Wanted, url: &str) -> Result<u32> {
    let (new, warnings, unique) = (wanted.for_url(url)?, wanted.warnings.clone(), wanted.unique);
    let create = move |tx: &mut Tx<'_>| -> DbResult<Option<u32>> {
        if unique && task::is_known_url(tx, &new.target)? {
            return Ok(None);
        }
        with_warnings(tx, &new, &warnings).map(Some)
    };
    sandbox.db.write(create).await?.ok_or_else(|| Error::bad("This URL has already been submitted"))
}
