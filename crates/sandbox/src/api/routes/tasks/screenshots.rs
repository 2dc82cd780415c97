//! What the machine's screen showed (the Cuckoo reference, section 5.11).

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use store::sandbox::task;

use crate::api::reply;
use crate::api::routes::path::{Id, Texts};
use crate::api::{Error, Result};
use crate::results::zip;
use crate::server::Sandbox;

const ENDING: &str = ".jpg";

pub fn routes() -> Router<Arc<Sandbox>> {
    Router::new().route("/tasks/screenshots/{id}", get(all)).route("/tasks/screenshots/{id}/{name}", get(one))
}

async fn known(sandbox: &Sandbox, id: u32) -> Result<()> {
    let found = sandbox.db.read(move |tx| task::view(tx, id)).await?;
    found.map(drop).ok_or_else(|| Error::not_found("Task not found"))
}

async fn all(State(sandbox): State<Arc<Sandbox>>, Id(id): Id) -> Result<Response> {
    known(&sandbox, id).await?;
    let shared = sandbox.clone();
    let write = move || {
        let Some(folder) = shared.analyses.find(id)? else { return zipped_nothing(&shared) };
        let shots = folder.entries("shots")?.into_iter();
        let names: Vec<PathBuf> = shots
            .filter(|entry| entry.name.to_str().is_some_and(|name| name.ends_with(ENDING)))
            .map(|entry| PathBuf::from("shots").join(entry.name))
            .collect();
        zip(Some(&folder), &names, shared.samples.folders().1)
    };
    let file = sandbox.in_turn(write).await?;
    Ok(reply::file(file, "application/zip")?)
}

fn zipped_nothing(sandbox: &Sandbox) -> std::io::Result<std::fs::File> {
    zip(None, &[], sandbox.samples.folders().1)
}

async fn one(State(sandbox): State<Arc<Sandbox>>, path: Texts) -> Result<Response> {
    let (id, name) = (path.number(0)?, path.at(1));
    known(&sandbox, id).await?;
    let missing = || Error::not_found("Screenshot not found!");
    let name = name.strip_suffix(ENDING).unwrap_or(name);
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if name.is_empty() || !plain(name) {
        return Err(missing());
    }
    let folder = sandbox.analyses.find(id)?.ok_or_else(missing)?;
    // Numbers have four digits, which not every client knows.
    let padded = format!("{name:0>4}");
    for name in [name, &*padded] {
        if let Some(file) = folder.find(format!("shots/{name}{ENDING}"))? {
            return Ok(reply::file(file, "image/jpeg")?);
        }
    }
    Err(missing())
}
