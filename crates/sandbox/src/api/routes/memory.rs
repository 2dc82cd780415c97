//! Memory of processes (the Cuckoo reference, section 5.14).

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;

use super::path::{Id, Texts};
use crate::api::reply::{self, OCTETS, Reply};
use crate::api::{Error, Result};
use crate::results::Folder;
use crate::server::Sandbox;

const ENDING: &str = ".dmp";

pub fn routes() -> Router<Arc<Sandbox>> {
    Router::new().route("/memory/list/{id}", get(list)).route("/memory/get/{id}/{name}", get(get_dump))
}

#[derive(Serialize)]
struct Dumps {
    dump_files: Vec<String>,
}

async fn list(State(sandbox): State<Arc<Sandbox>>, Id(id): Id) -> Result<Reply<Dumps>> {
    let folder = sandbox.analyses.find(id)?.ok_or_else(missing)?;
    let dump_files = names(&folder)?.into_iter().map(|(_, _, name)| name).collect();
    Ok(Reply(Dumps { dump_files }))
}

async fn get_dump(State(sandbox): State<Arc<Sandbox>>, path: Texts) -> Result<Response> {
    let (id, wanted) = (path.number(0)?, path.at(1));
    let folder = sandbox.analyses.find(id)?.ok_or_else(missing)?;
    // Either the name, or a process alone: then its first dump.
    let found =
        names(&folder)?.into_iter().find(|(pid, _, name)| name == wanted || pid.to_string() == wanted);
    let (_, _, name) = found.ok_or_else(missing)?;
    let file = folder.find(format!("memory/{name}{ENDING}"))?.ok_or_else(missing)?;
    Ok(reply::file(file, OCTETS)?)
}

fn missing() -> Error {
    Error::not_found("Memory dump not found")
}

/// The dumps in order: process, number, and the name `<process>-<number>`.
fn names(folder: &Folder) -> Result<Vec<(u32, u32, String)>> {
    let entries = folder.entries("memory")?;
    let mut names: Vec<(u32, u32, String)> = entries
        .into_iter()
        .filter_map(|entry| {
            let name = entry.name.to_str()?.strip_suffix(ENDING)?;
            let (pid, number) = name.split_once('-')?;
            Some((pid.parse().ok()?, number.parse().ok()?, name.to_owned()))
        })
        .collect();
    names.sort();
    Ok(names)
}
