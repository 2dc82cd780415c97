//! Reports, and archives of results (the Cuckoo reference, sections 5.8 and 5.9).

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::get;
use http::{HeaderValue, header};
use serde_json::{Map, Value as Json};
use store::sandbox::{Status, task};
use tokio::time::Instant;

use crate::api::reply::{self, Reply};
use crate::api::routes::path::{Id, Texts};
use crate::api::{Error, Result};
use crate::results::{Compression, Folder, MEMORY, Members, PAGE, REPORT, archive};
use crate::server::Sandbox;

/// What pages made of a sample's words may do: nothing.
const PAGE_POLICY: &str = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'";
const FORMATS: [&str; 7] = ["", "json", "html", "all", "all_memory", "dropped", "package_files"];
/// How long a client that asks too early waits.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// The large parts, which a summary leaves out.
const LARGE: [&str; 4] = ["procmemory", "debug", "screenshots", "metadata"];
const LARGE_BEHAVIOR: [&str; 3] = ["generic", "apistats", "processes"];

pub fn routes() -> Router<Arc<Sandbox>> {
    Router::new()
        .route("/tasks/report/{id}", get(report))
        .route("/tasks/report/{id}/{format}", get(report))
        .route("/tasks/summary/{id}", get(summary))
}

fn missing() -> Error {
    Error::not_found("Report not found")
}

type Values = Query<HashMap<String, String>>;

async fn report(State(sandbox): State<Arc<Sandbox>>, path: Texts, Query(query): Values) -> Result<Response> {
    let id = path.number(0)?;
    let format = path.at(1).to_ascii_lowercase();
    let compression = Compression::parse(query.get("tar").map(String::as_str));
    if !FORMATS.contains(&&*format) {
        return Err(Error::bad("Invalid report format"));
    }
    until_processed(&sandbox, id).await?;
    let element = query.get("elements").filter(|name| !name.is_empty());
    match (&*format, element) {
        ("" | "json", Some(name)) => part(&sandbox, id, name).await,
        ("" | "json", None) if compression == Compression::Zip => {
            packed(&sandbox, id, compression, |_| Ok(vec![REPORT.into()])).await
        }
        ("" | "json", None) => json(&sandbox, id),
        ("html", Some(_)) => Err(Error::not_found("Single elements are there for JSON reports only")),
        ("html", None) => html(&sandbox, id),
        ("all", _) => packed(&sandbox, id, compression, |folder| everything(folder, false)).await,
        ("all_memory", _) => packed(&sandbox, id, compression, |folder| everything(folder, true)).await,
        ("dropped", _) => packed(&sandbox, id, compression, |_| Ok(vec!["files".into()])).await,
        (_, _) => packed(&sandbox, id, compression, |_| Ok(vec!["package_files".into()])).await,
    }
}

fn open(sandbox: &Sandbox, id: u32, name: &str) -> Result<File> {
    let folder = sandbox.analyses.find(id)?.ok_or_else(missing)?;
    folder.find(name)?.ok_or_else(missing)
}

fn json(sandbox: &Sandbox, id: u32) -> Result<Response> {
    Ok(reply::file(open(sandbox, id, REPORT)?, "application/json")?)
}

/// Some clients take `completed` for the end and ask at once: the report is on its way then.
async fn until_processed(sandbox: &Sandbox, id: u32) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let task = sandbox.db.read(move |tx| task::view(tx, id)).await?;
        let is_on_its_way = task.is_some_and(|task| task.status == Status::Completed);
        if !is_on_its_way || Instant::now() >= deadline {
            return Ok(());
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

fn html(sandbox: &Sandbox, id: u32) -> Result<Response> {
    let folder = sandbox.analyses.find(id)?.ok_or_else(missing)?;
    let page = match folder.find(PAGE)? {
        Some(page) => page,
        // Of an older version, or it could not be written.
        None if folder.find(REPORT)?.is_some() => {
            return Err(Error::not_found(format!(
                "Report not found: this report has no page; /tasks/rereport/{id} makes both anew"
            )));
        }
        None => return Err(missing()),
    };
    let mut response = reply::file(page, "text/html; charset=utf-8")?;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

async fn parsed(sandbox: &Sandbox, id: u32) -> Result<Map<String, Json>> {
    let file = open(sandbox, id, REPORT)?;
    let parse = move || serde_json::from_reader(BufReader::new(file));
    let parsed = tokio::task::spawn_blocking(parse).await.map_err(std::io::Error::other)?;
    Ok(parsed.map_err(std::io::Error::from)?)
}

async fn part(sandbox: &Sandbox, id: u32, name: &str) -> Result<Response> {
    let found = parsed(sandbox, id).await?.remove(name);
    let found = found.ok_or_else(|| Error::not_found(format!("'{name}' not found")))?;
    Ok(reply::with_status(http::StatusCode::OK, &found))
}

async fn summary(State(sandbox): State<Arc<Sandbox>>, Id(id): Id) -> Result<Reply<Map<String, Json>>> {
    let mut report = parsed(&sandbox, id).await?;
    report.retain(|name, _| !LARGE.contains(&name.as_str()));
    if let Some(Json::Object(behavior)) = report.get_mut("behavior") {
        behavior.retain(|name, _| !LARGE_BEHAVIOR.contains(&name.as_str()));
    }
    Ok(Reply(report))
}

/// All but the memory of the machine, which is as large as the machine.
fn everything(folder: &Folder, with_memory: bool) -> std::io::Result<Vec<PathBuf>> {
    let entries = folder.entries(".")?.into_iter();
    let wanted = entries.filter(|entry| with_memory || entry.name != MEMORY);
    Ok(wanted.map(|entry| entry.name.into()).collect())
}

/// An archive, written first and then sent, so that its length is known.
async fn packed(
    sandbox: &Arc<Sandbox>,
    id: u32,
    compression: Compression,
    names: impl FnOnce(&Folder) -> std::io::Result<Vec<PathBuf>> + Send + 'static,
) -> Result<Response> {
    let folder = sandbox.analyses.find(id)?.ok_or_else(missing)?;
    let task = sandbox.db.read(move |tx| task::view(tx, id)).await?;
    let sample = task.and_then(|task| task.sample).map(|sample| sample.digests.sha256);
    let shared = sandbox.clone();
    let write = move || {
        let names = names(&folder)?;
        let with_sample = names.iter().any(|name| name.as_os_str() == "task.json");
        let also = sample.filter(|_| with_sample).and_then(|hash| shared.samples.open_sample(&hash).ok());
        let members = Members { names, also: also.map(|file| ("binary", file)) };
        archive(&folder, members, compression, shared.samples.folders().1)
    };
    let file = sandbox.in_turn(write).await?;
    let kind =
        if compression == Compression::Zip { "application/zip" } else { "application/x-tar; charset=UTF-8" };
    Ok(reply::file(file, kind)?)
}
