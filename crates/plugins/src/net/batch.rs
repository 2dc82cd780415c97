//! Sending rows on, many at a time: by number, by size, or when the first has waited long enough.
//!
//! The thread of the query encodes rows and puts them into a short channel; tasks take them out, send them and try
//! again when the server is busy. A server that does not keep up holds the query back.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, sleep, timeout_at};
use vql::args::Args;
use vql::call::{Error, Flow, Sink, Stop};
use vql::host::Level;
use vql::value::{Row, Value};

use super::exchange::{Call, Courier};
use super::task::Stream;

/// Rows that wait to be taken into a batch.
const AHEAD: usize = 64;
/// How much of an answer is looked at.
const ANSWER: usize = 1 << 20;
/// The longest wait between two tries.
const MAX_WAIT: Duration = Duration::from_secs(60);
/// Parallel senders at most.
const MAX_THREADS: u64 = 32;

/// The columns of what became of a batch.
pub const COLUMNS: &[&str] = &["StartId", "ChunkSize", "Status", "Response"];

/// When a batch is sent, and how stubbornly.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub rows: usize,
    pub bytes: usize,
    pub wait: Duration,
    pub retries: u32,
    pub retry_wait: Duration,
    pub threads: u64,
}

impl Settings {
    pub const NEW: Settings = Settings {
        rows: 1000,
        bytes: 8 << 20,
        wait: Duration::from_secs(2),
        retries: 5,
        retry_wait: Duration::from_secs(1),
        threads: 1,
    };

    /// The number that an argument gives, if it is above zero.
    pub fn number(args: &Args<'_>, slot: usize, usual: usize) -> Result<usize, Error> {
        Ok(match args.uint(slot, 0)? {
            0 => usual,
            n => usize::try_from(n).unwrap_or(usize::MAX),
        })
    }
}

/// A service that takes rows.
pub trait Service: Send + Sync + 'static {
    /// A row as the service wants it.
    fn encode(&self, row: &Row) -> Vec<u8>;

    /// The body for these rows.
    fn body(&self, rows: Vec<Vec<u8>>) -> Vec<u8> {
        rows.concat()
    }

    /// The request that brings a body; the number of the try chooses among servers.
    fn call(&self, body: Vec<u8>, attempt: u32) -> Result<Call, Error>;

    /// What a good answer says about rows that were refused.
    fn complaint(&self, _answer: &[u8]) -> Option<String> {
        None
    }
}

/// What became of a batch.
struct Report {
    first: u64,
    rows: usize,
    status: u16,
    response: String,
    failure: Option<String>,
}

type Rows = Arc<Mutex<(mpsc::Receiver<Vec<u8>>, u64)>>;

/// Runs a query and sends its rows; each batch gives a row that says how it went.
pub fn upload(
    args: &Args<'_>,
    query: &Value,
    service: impl Service,
    settings: Settings,
    sink: &mut dyn Sink,
) -> Flow {
    let (service, courier) = (Arc::new(service), Arc::new(Courier::new(args.scope)?));
    let (rows, waiting) = mpsc::channel(AHEAD);
    let waiting: Rows = Arc::new(Mutex::new((waiting, 0)));
    let (senders, mut streams) = (settings.threads.clamp(1, MAX_THREADS), Vec::new());
    let (reports, mut done) = mpsc::unbounded_channel();
    for _ in 0..senders {
        let (service, courier) = (service.clone(), courier.clone());
        let (waiting, reports) = (waiting.clone(), reports.clone());
        let work = move |alive: mpsc::Sender<()>| async move {
            while let Some((first, batch)) = collect(&waiting, &settings).await {
                let report = send(&*service, &courier, &settings, first, batch).await;
                if reports.send(report).is_err() || alive.is_closed() {
                    return;
                }
            }
        };
        streams.push(Stream::start(args.scope, 1, work)?);
    }
    drop((reports, waiting));
    args.scope.each(query, &mut |value| {
        let row = match value {
            Value::Dict(dict) => dict.snapshot(),
            value => {
                let mut row = Row::default();
                row.set(&"_value".into(), value);
                row
            }
        };
        rows.blocking_send(service.encode(&row)).map_err(|_| Stop::Done)?;
        while let Ok(report) = done.try_recv() {
            emit(args, report, sink)?;
        }
        Ok(())
    })?;
    drop(rows);
    while let Some(report) = done.blocking_recv() {
        emit(args, report, sink)?;
    }
    if args.scope.cancel().is_cancelled() { Err(Stop::Done) } else { Ok(()) }
}

fn emit(args: &Args<'_>, report: Report, sink: &mut dyn Sink) -> Flow {
    if let Some(failure) = &report.failure {
        let line = format!("{}: {} rows were not taken: {failure}", args.signature.name, report.rows);
        args.scope.log(Level::Error, line);
    }
    let cells = vec![
        Value::Int(report.first as i64),
        Value::Int(report.rows as i64),
        Value::Int(report.status.into()),
        Value::from(report.failure.unwrap_or(report.response)),
    ];
    sink.row(&mut Row { schema: args.columns(), cells })
}

/// The next batch and the number of its first row; `None` when there are no more rows.
async fn collect(rows: &Rows, settings: &Settings) -> Option<(u64, Vec<Vec<u8>>)> {
    let mut guard = rows.lock().await;
    let (waiting, count) = &mut *guard;
    let first = waiting.recv().await?;
    let until = Instant::now() + settings.wait;
    let mut bytes = first.len();
    let mut batch = vec![first];
    while batch.len() < settings.rows && bytes < settings.bytes {
        let Ok(Some(row)) = timeout_at(until, waiting.recv()).await else { break };
        bytes += row.len();
        batch.push(row);
    }
    let start = *count;
    *count += batch.len() as u64;
    Some((start, batch))
}

async fn send(
    service: &dyn Service,
    courier: &Courier,
    settings: &Settings,
    first: u64,
    batch: Vec<Vec<u8>>,
) -> Report {
    let rows = batch.len();
    let body = service.body(batch);
    let mut wait = settings.retry_wait;
    let mut report = Report { first, rows, status: 0, response: String::new(), failure: None };
    for attempt in 0..=settings.retries {
        let outcome = match service.call(body.clone(), attempt) {
            Ok(call) => courier.answer(call, ANSWER).await,
            Err(e) => {
                report.failure = Some(e.to_string());
                return report;
            }
        };
        let is_final = match outcome {
            Ok((status, answer)) => {
                report.status = status;
                report.response = String::from_utf8_lossy(&answer).into_owned();
                let is_good = (200..300).contains(&status);
                report.failure = match is_good {
                    true => service.complaint(&answer),
                    false => Some(format!("the server answered {status}: {}", shortened(&report.response))),
                };
                // Busy servers are asked again; those that dislike the request are not.
                is_good || !(status == 429 || status >= 500)
            }
            Err(e) => {
                report.failure = Some(e);
                false
            }
        };
        if is_final || attempt == settings.retries {
            break;
        }
        sleep(wait).await;
        wait = (wait * 2).min(MAX_WAIT);
    }
    report
}

fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(500)]
}

/// A row as a JSON object.
pub fn json(row: &Row) -> Vec<u8> {
    let mut text = Vec::new();
    vql::json::write_row(row, &mut text, &Default::default());
    text
}
