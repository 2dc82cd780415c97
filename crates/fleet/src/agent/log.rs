//! What agents log (the osquery reference, section 7): on disk before the agent hears that it may forget it. What lies there
//! is found again by [`store::result_log`], and handed on by [`crate::forward`].

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use store::event::{MAX_BATCH, MAX_WAITING, Row};
use store::fleet::Time;
use store::result_log::{Log, ResultLog, encode};
use tokio::sync::{AcquireError, Semaphore, oneshot};

use super::node::Node;
use super::refusal::{Answer, Refusal};
use crate::reply::json;
use crate::server::Fleet;

/// Bytes of rows that wait to be written; beyond that agents wait.
const MAX_BYTES: usize = 4 * MAX_BATCH;

#[derive(Deserialize)]
pub struct Given {
    #[serde(default)]
    log_type: String,
    #[serde(default)]
    data: Option<Box<RawValue>>,
}

pub async fn log(State(fleet): State<Arc<Fleet>>, node: Node<Given>) -> Answer<Response> {
    let (given, agent) = (node.body, node.agent);
    let log = Log::parse(&given.log_type)
        .ok_or_else(|| Refusal::again(format!("unknown log type: {}", given.log_type)))?;
    let data = given.data.as_deref().map_or("[]", RawValue::get);
    let rows = rows(data, agent.host_id)
        .map_err(|error| Refusal::again(format!("unmarshalling {} logs: {error}", given.log_type)))?;
    if rows.too_long > 0 {
        // Sent again they would be too long again, and hold up everything behind them.
        tracing::warn!(target: "agents", host = agent.host_id, lines = rows.too_long, "log lines are too long, they are left out");
        (0..rows.too_long).for_each(|_| fleet.agents.refuse("log line too long"));
    }
    fleet.agents.intake.store(&fleet.results, log, rows.rows).await.map_err(Refusal::again)?;
    Ok(json(StatusCode::OK, "{}"))
}

struct Rows {
    rows: Vec<Row>,
    too_long: usize,
}

/// A row for each object. Blanks outside of texts go when they break lines.
fn rows(data: &str, host_id: u32) -> Result<Rows, serde_json::Error> {
    let objects: Vec<&RawValue> = serde_json::from_str(data)?;
    let received = Time::now().0;
    let mut rows = Rows { rows: Vec::with_capacity(objects.len()), too_long: 0 };
    for object in objects {
        if !object.get().starts_with('{') {
            return Err(serde::de::Error::custom("each entry must be an object"));
        }
        let row = if object.get().contains('\n') {
            let value: serde_json::Value = serde_json::from_str(object.get())?;
            encode(host_id, received, &serde_json::to_string(&value)?)
        } else {
            encode(host_id, received, object.get())
        };
        match row {
            Some(row) => rows.rows.push(row),
            None => rows.too_long += 1,
        }
    }
    Ok(rows)
}

/// How much may wait for the disk at a time.
pub struct Intake {
    bytes: Arc<Semaphore>,
    /// As many as the writer takes without blocking who gives it work.
    batches: Arc<Semaphore>,
}

impl Default for Intake {
    fn default() -> Self {
        Self { bytes: Semaphore::new(MAX_BYTES).into(), batches: Semaphore::new(MAX_WAITING).into() }
    }
}

impl Intake {
    /// Returns once all rows are on disk.
    async fn store(&self, results: &ResultLog, log: Log, rows: Vec<Row>) -> Result<(), String> {
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let (mut part, mut bytes) = (Vec::new(), 0);
            while let Some(row) = rows.next_if(|row| part.is_empty() || bytes + row.len() <= MAX_BATCH) {
                bytes += row.len();
                part.push(row);
            }
            self.store_part(results, log, part, bytes).await?;
        }
        Ok(())
    }

    async fn store_part(
        &self,
        results: &ResultLog,
        log: Log,
        rows: Vec<Row>,
        bytes: usize,
    ) -> Result<(), String> {
        let closed = |error: AcquireError| error.to_string();
        let room = self.bytes.clone().acquire_many_owned(bytes as u32).await.map_err(closed)?;
        let place = self.batches.clone().acquire_owned().await.map_err(closed)?;
        let (done, wait) = oneshot::channel();
        let appended = results.append(log, rows, move |result| {
            // Not before: an agent that hangs up meanwhile leaves its rows in the queue.
            drop((room, place));
            let _ = done.send(result);
        });
        appended.map_err(|error| error.to_string())?;
        wait.await.map_err(|_| "the log writer has stopped".to_owned())?.map_err(|error| {
            let error = store::db::with_causes(&error);
            tracing::error!(target: "agents", error, "log lines were not written");
            format!("cannot write the log: {error}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::result_log::Stored;

    fn lines(data: &str) -> Result<Vec<String>, serde_json::Error> {
        let rows = rows(data, 7)?.rows;
        Ok(rows.iter().map(|row| Stored::parse(row).unwrap().line.get().to_owned()).collect())
    }

    #[test]
    fn entries_are_kept_as_they_came_and_never_break_lines() {
        assert_eq!(lines(r#"[{"a" : 1.0, "b":"x\ny"},{}]"#).unwrap(), [r#"{"a" : 1.0, "b":"x\ny"}"#, "{}"]);
        assert_eq!(lines("[{\n \"b\": 1, \"a\": 2}]").unwrap(), ["{\"b\":1,\"a\":2}"]);
        assert!(lines(r#"["x"]"#).is_err() && lines("{}").is_err());
        let long = format!("[{{\"a\":\"{}\"}},{{}}]", "x".repeat(store::event::MAX_ROW));
        let rows = rows(&long, 7).unwrap();
        assert_eq!((rows.rows.len(), rows.too_long), (1, 1));
    }

    #[tokio::test]
    async fn more_than_one_batch_may_come_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let results = ResultLog::open(dir.path().to_owned(), Default::default()).unwrap();
        let row = encode(1, 0, &format!("{{\"a\":\"{}\"}}", "x".repeat(3 << 20))).unwrap();
        Intake::default().store(&results, Log::Status, vec![row; 12]).await.unwrap();
        assert_eq!(results.extent(Log::Status, 1).unwrap().rows, 12);
    }
}
