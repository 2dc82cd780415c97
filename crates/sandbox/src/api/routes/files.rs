//! Samples (the Cuckoo reference, sections 5.15 and 5.16).

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;
use store::sandbox::Sample;
use store::sandbox::sample::{self, By};

use super::path::{Id, Texts};
use crate::api::reply::{self, OCTETS, Reply};
use crate::api::{Error, Result};
use crate::samples::is_sha256;
use crate::server::Sandbox;

pub fn routes() -> Router<Arc<Sandbox>> {
    Router::new()
        .route("/files/view/md5/{hash}", get(by_md5))
        .route("/files/view/sha1/{hash}", get(by_sha1))
        .route("/files/view/sha256/{hash}", get(by_sha256))
        .route("/files/view/id/{id}", get(by_id))
        .route("/files/view/{term}/{value}", get(|| async { invalid_term() }))
        .route("/files/get/{sha256}", get(get_file))
}

#[derive(Serialize)]
struct Answer {
    sample: Shown,
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    sample: Sample,
    tasks: Vec<u32>,
}

async fn by_md5(sandbox: State<Arc<Sandbox>>, hash: Texts) -> Result<Reply<Answer>> {
    view(sandbox, By::Md5(hash.at(0).to_lowercase())).await
}

async fn by_sha1(sandbox: State<Arc<Sandbox>>, hash: Texts) -> Result<Reply<Answer>> {
    view(sandbox, By::Sha1(hash.at(0).to_lowercase())).await
}

async fn by_sha256(sandbox: State<Arc<Sandbox>>, hash: Texts) -> Result<Reply<Answer>> {
    view(sandbox, By::Sha256(hash.at(0).to_lowercase())).await
}

async fn by_id(sandbox: State<Arc<Sandbox>>, Id(id): Id) -> Result<Reply<Answer>> {
    if id == 0 {
        return Err(invalid_term());
    }
    view(sandbox, By::Id(id)).await
}

async fn view(State(sandbox): State<Arc<Sandbox>>, by: By) -> Result<Reply<Answer>> {
    let found = sandbox.db.read(move |tx| -> store::db::DbResult<_> {
        let Some(sample) = sample::find(tx, &by)? else { return Ok(None) };
        let tasks = sample::tasks(tx, sample.id)?;
        Ok(Some(Shown { sample, tasks }))
    });
    let sample = found.await?.ok_or_else(missing)?;
    Ok(Reply(Answer { sample }))
}

async fn get_file(State(sandbox): State<Arc<Sandbox>>, hash: Texts) -> Result<Response> {
    let hash = hash.at(0).to_lowercase();
    if !is_sha256(&hash) {
        return Err(missing());
    }
    match sandbox.samples.open_sample(&hash) {
        Ok(file) => Ok(reply::file(file, OCTETS)?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(missing()),
        Err(error) => Err(error.into()),
    }
}

fn invalid_term() -> Error {
    Error::bad("Invalid lookup term")
}

fn missing() -> Error {
    Error::not_found("File not found")
}
