//! What agents log (the osquery reference, section 7): each line unchanged into `DIR/logs/fleet_result.log` or
//! `fleet_status.log`, on disk before the agent hears that it may forget it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};

use super::node::Node;
use super::refusal::{Answer, Refusal};
use crate::reply::json;
use crate::server::Fleet;

/// Batches that wait to be written; beyond that agents wait.
const WAITING: usize = 64;
/// Batches that share one sync.
const MAX_GROUP: usize = 64;

#[derive(Deserialize)]
pub struct Given {
    #[serde(default)]
    log_type: String,
    #[serde(default)]
    data: Option<Box<RawValue>>,
}

pub async fn log(State(fleet): State<Arc<Fleet>>, node: Node<Given>) -> Answer<Response> {
    let given = node.body;
    let writer = match &*given.log_type {
        "result" => &fleet.agents.logs.result,
        "status" => &fleet.agents.logs.status,
        other => return Err(Refusal::again(format!("unknown log type: {other}"))),
    };
    let data = given.data.as_deref().map_or("[]", RawValue::get);
    let lines = lines(data)
        .map_err(|error| Refusal::again(format!("unmarshalling {} logs: {error}", given.log_type)))?;
    if !lines.is_empty() {
        writer.append(lines).await.map_err(Refusal::again)?;
    }
    Ok(json(StatusCode::OK, "{}"))
}

/// Each object on a line of its own. Blanks outside of texts go, as they could hold line breaks.
fn lines(data: &str) -> Result<Vec<u8>, serde_json::Error> {
    let objects: Vec<&RawValue> = serde_json::from_str(data)?;
    let mut out = Vec::with_capacity(data.len() + objects.len());
    for object in objects {
        if !object.get().starts_with('{') {
            return Err(serde::de::Error::custom("each entry must be an object"));
        }
        if object.get().contains('\n') {
            let value: serde_json::Value = serde_json::from_str(object.get())?;
            serde_json::to_writer(&mut out, &value)?;
        } else {
            out.extend_from_slice(object.get().as_bytes());
        }
        out.push(b'\n');
    }
    Ok(out)
}

/// Where log lines go.
pub struct Logs {
    result: Writer,
    status: Writer,
}

impl Logs {
    pub fn open(dir: &Path) -> Self {
        let file = |name: &str| Writer::start(dir.join("logs").join(name));
        Self { result: file("fleet_result.log"), status: file("fleet_status.log") }
    }
}

type Batch = (Vec<u8>, oneshot::Sender<Result<(), String>>);

/// One file and the thread that appends to it.
struct Writer {
    batches: mpsc::Sender<Batch>,
}

impl Writer {
    fn start(path: PathBuf) -> Self {
        let (batches, waiting) = mpsc::channel(WAITING);
        std::thread::spawn(move || run(&path, waiting));
        Self { batches }
    }

    async fn append(&self, lines: Vec<u8>) -> Result<(), String> {
        let (done, wait) = oneshot::channel();
        let gone = |()| "the log writer has stopped".to_owned();
        self.batches.send((lines, done)).await.map_err(|_| gone(()))?;
        wait.await.map_err(|_| gone(()))?
    }
}

fn run(path: &Path, mut waiting: mpsc::Receiver<Batch>) {
    while let Some(first) = waiting.blocking_recv() {
        let mut group = vec![first];
        while group.len() < MAX_GROUP
            && let Ok(next) = waiting.try_recv()
        {
            group.push(next);
        }
        let written = append(path, &group).map_err(|error| {
            tracing::error!(target: "agents", file = %path.display(), %error, "log lines were not written");
            format!("cannot write the log: {error}")
        });
        for (_, done) in group {
            let _ = done.send(written.clone());
        }
    }
}

/// Opened anew each time, so that the owner may rotate the file by renaming it. A write that fails half way is cut off again.
fn append(path: &Path, group: &[Batch]) -> io::Result<()> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
    }
    let mut file: File = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    let before = file.metadata()?.len();
    let write = |file: &mut File| -> io::Result<()> {
        for (lines, _) in group {
            file.write_all(lines)?;
        }
        file.sync_data()
    };
    write(&mut file).inspect_err(|_| {
        let _ = file.set_len(before);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_kept_as_they_came_and_never_break_lines() {
        let text = String::from_utf8(lines(r#"[{"a" : 1.0, "b":"x\ny"},{}]"#).unwrap()).unwrap();
        assert_eq!(text, "{\"a\" : 1.0, \"b\":\"x\\ny\"}\n{}\n");
        let text = String::from_utf8(lines("[{\n \"b\": 1, \"a\": 2}]").unwrap()).unwrap();
        assert_eq!(text, "{\"b\":1,\"a\":2}\n");
        assert!(lines(r#"["x"]"#).is_err() && lines("{}").is_err());
    }
}
