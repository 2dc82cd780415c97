//! The one thread that writes event queues. It takes all batches that wait, so that one sync serves many.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{self, JoinHandle};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::hub::Hub;
use super::log::Logs;
use super::row::{MAX_BATCH, Row};
use crate::error::{Error, Result};

/// Batches that may wait; callers beyond that wait for their turn.
const MAX_WAITING: usize = 32;

const WHAT: &str = "events";

/// Rows for one queue.
#[derive(Debug)]
pub struct Batch {
    pub queue: String,
    /// The queue's directory.
    pub file_name: String,
    pub rows: Vec<Row>,
}

#[derive(Debug)]
struct Job {
    batch: Batch,
    done: SyncSender<Result<()>>,
}

/// Gives batches to the writer.
#[derive(Debug)]
pub struct Sender(SyncSender<Job>);

impl Sender {
    /// Waits until the rows are on disk.
    pub fn append(&self, batch: Batch) -> Result<()> {
        let (done, answer) = mpsc::sync_channel(1);
        self.0.send(Job { batch, done }).map_err(|_| Error::WriterStopped { what: WHAT })?;
        answer.recv().map_err(|_| Error::WriterStopped { what: WHAT })?
    }
}

/// Starts the writer; it ends when all senders are gone.
pub fn start(logs: Logs, hub: Arc<Hub>) -> Result<(Sender, JoinHandle<()>)> {
    let (sender, jobs) = mpsc::sync_channel(MAX_WAITING);
    let writer = thread::Builder::new().name("events".to_owned()).spawn(move || run(logs, &hub, &jobs));
    let writer = writer.map_err(|source| Error::Io { action: "start", path: WHAT.into(), source })?;
    Ok((Sender(sender), writer))
}

fn run(mut logs: Logs, hub: &Hub, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let day = Timestamp::now().to_zoned(TimeZone::UTC).strftime("%Y-%m-%d").to_string();
        for (file_name, group) in group(first, jobs) {
            write(&mut logs, hub, &day, &file_name, group);
        }
    }
}

/// All jobs that wait now, by file, within bounds.
fn group(first: Job, jobs: &Receiver<Job>) -> BTreeMap<String, Vec<Job>> {
    let size = |job: &Job| job.batch.rows.iter().map(|row| row.len()).sum::<usize>();
    let mut total = size(&first);
    let mut groups = BTreeMap::from([(first.batch.file_name.clone(), vec![first])]);
    while total < MAX_BATCH
        && let Ok(job) = jobs.try_recv()
    {
        total += size(&job);
        groups.entry(job.batch.file_name.clone()).or_default().push(job);
    }
    groups
}

/// Writes one group with one sync, then tells watchers, then the callers.
fn write(logs: &mut Logs, hub: &Hub, day: &str, file_name: &str, group: Vec<Job>) {
    let mut lines = Vec::new();
    for row in group.iter().flat_map(|job| &job.batch.rows) {
        lines.extend_from_slice(row);
        lines.push(b'\n');
    }
    let mut result = logs.append(file_name, day, &lines);
    for Job { batch, done } in group {
        if result.is_ok() {
            hub.publish(&batch.queue, &batch.rows);
        }
        // A caller that gave up waiting is no reason to stop.
        let _ = done.send(copy(&mut result));
    }
}

/// The same outcome for each member of a group; the full error goes to the first.
fn copy(result: &mut Result<()>) -> Result<()> {
    match result {
        Ok(()) => Ok(()),
        Err(Error::Io { action, path, source }) => {
            let next = Error::Io { action, path: path.clone(), source: io::Error::from(source.kind()) };
            std::mem::replace(result, Err(next))
        }
        Err(_) => Err(Error::WriterStopped { what: WHAT }),
    }
}
