//! The one thread that appends to event queues. It takes all batches that wait, so that one sync serves many.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::keeper::Keeper;
use super::queue::{Active, Queue, State};
use super::row::{MAX_BATCH, Row};
use super::shared::Shared;
use crate::error::{Error, Result};

/// Batches that may wait; callers beyond that wait for their turn.
pub const MAX_WAITING: usize = 256;

/// Files kept open between appends.
const MAX_OPEN: usize = 64;

/// How often the day is looked at for queues that nobody appends to, and what is too old is looked for.
const HOUR: Duration = Duration::from_secs(3600);

const WHAT: &str = "events";

/// Rows for one queue.
#[derive(Debug)]
pub struct Batch {
    pub queue: Arc<Queue>,
    pub rows: Vec<Row>,
}

/// Told once when a batch is on disk, or why it is not.
pub type Done = Box<dyn FnOnce(Result<()>) + Send>;

enum Job {
    Append {
        batch: Batch,
        done: Done,
    },
    /// Ends the segment that is appended to, so that it can be sealed.
    Finish {
        queue: Arc<Queue>,
        done: SyncSender<Result<()>>,
    },
}

/// Gives work to the writer.
#[derive(Debug)]
pub struct Sender(SyncSender<Job>);

impl Sender {
    /// Waits until the rows are on disk.
    pub fn append(&self, batch: Batch) -> Result<()> {
        self.ask(|done| {
            // A caller that gave up waiting is no reason to stop.
            let done = Box::new(move |result| drop(done.send(result)));
            Job::Append { batch, done }
        })
    }

    /// Has rows written; `done` is told on the writer's thread. Waits only while too many batches do.
    pub fn append_then(&self, batch: Batch, done: Done) -> Result<()> {
        self.0.send(Job::Append { batch, done }).map_err(|_| Error::WriterStopped { what: WHAT })
    }

    /// Waits until all rows appended so far are in finished segments.
    pub fn finish(&self, queue: Arc<Queue>) -> Result<()> {
        self.ask(|done| Job::Finish { queue, done })
    }

    fn ask(&self, job: impl FnOnce(SyncSender<Result<()>>) -> Job) -> Result<()> {
        let (done, answer) = mpsc::sync_channel(1);
        self.0.send(job(done)).map_err(|_| Error::WriterStopped { what: WHAT })?;
        answer.recv().map_err(|_| Error::WriterStopped { what: WHAT })?
    }
}

/// Starts the writer; it ends when all senders are gone.
pub fn start(shared: Arc<Shared>, keeper: Keeper) -> Result<(Sender, JoinHandle<()>)> {
    let (sender, jobs) = mpsc::sync_channel(MAX_WAITING);
    let writer = Writer { shared, keeper, open: HashMap::new() };
    let thread = thread::Builder::new().name("events".to_owned()).spawn(move || writer.run(&jobs));
    let thread = thread.map_err(|source| Error::Io { action: "start", path: WHAT.into(), source })?;
    Ok((Sender(sender), thread))
}

struct Writer {
    shared: Arc<Shared>,
    keeper: Keeper,
    /// Files that are being appended to, by the name of their queue.
    open: HashMap<String, Open>,
}

struct Open {
    active: PathBuf,
    file: File,
}

/// Batches that one sync serves.
type Group = (Arc<Queue>, Vec<(Vec<Row>, Done)>);

impl Writer {
    fn run(mut self, jobs: &Receiver<Job>) {
        let mut looked = Instant::now();
        loop {
            match jobs.recv_timeout(HOUR.saturating_sub(looked.elapsed())) {
                Ok(job) => self.serve(job, jobs),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if looked.elapsed() >= HOUR {
                looked = Instant::now();
                self.finish_other_days();
                self.keeper.look_at_all();
            }
        }
    }

    /// Does a job and all that wait behind it, within bounds.
    fn serve(&mut self, first: Job, jobs: &Receiver<Job>) {
        let mut groups = BTreeMap::<String, Group>::new();
        let (mut total, mut next) = (0, Some(first));
        while let Some(job) = next {
            match job {
                Job::Append { batch: Batch { queue, rows }, done } => {
                    total += rows.iter().map(|row| row.len()).sum::<usize>();
                    let group = groups.entry(queue.name.clone()).or_insert_with(|| (queue, Vec::new()));
                    group.1.push((rows, done));
                }
                Job::Finish { queue, done } => {
                    // It promises something about all rows before it.
                    self.write_all(std::mem::take(&mut groups));
                    let _ = done.send(self.finish(&queue));
                }
            }
            next = if total < MAX_BATCH { jobs.try_recv().ok() } else { None };
        }
        self.write_all(groups);
    }

    fn write_all(&mut self, groups: BTreeMap<String, Group>) {
        for (queue, batches) in groups.into_values() {
            self.write(&queue, batches);
        }
    }

    /// Writes one group with one sync, then tells watchers, then the callers.
    fn write(&mut self, queue: &Arc<Queue>, batches: Vec<(Vec<Row>, Done)>) {
        let (mut lines, mut rows) = (Vec::new(), 0);
        for row in batches.iter().flat_map(|(rows, _)| rows) {
            lines.extend_from_slice(row);
            lines.push(b'\n');
            rows += 1;
        }
        let mut result = self.append(queue, &lines);
        let mut number = match result {
            Ok(()) => queue.appended(rows, lines.len() as u64),
            Err(_) => 0,
        };
        for (rows, done) in batches {
            if result.is_ok() {
                queue.watchers.push(Some(number), &rows);
                number += rows.len() as u64;
            }
            done(copy(&mut result));
        }
    }

    /// Adds whole lines to the queue's last file; returns once they are on disk. After a failure they do not
    /// count, whatever of them the file holds.
    fn append(&mut self, queue: &Arc<Queue>, lines: &[u8]) -> Result<()> {
        let active = queue.active(self.shared.today(), self.shared.limits.segment)?;
        if active.is_new {
            self.keeper.look_at(queue.clone());
        }
        let file = self.file(queue, &active)?;
        let written = file.write_all(lines).and_then(|()| file.sync_data());
        if written.is_err() {
            let _ = file.set_len(active.len).and_then(|()| file.sync_data());
            // Open anew next time: after a failed sync the state of this handle is unknown.
            self.open.remove(&queue.name);
        }
        written.map_err(Error::io("append to", &active.path))
    }

    fn file(&mut self, queue: &Queue, active: &Active) -> Result<&mut File> {
        let is_open = self.open.get(&queue.name).is_some_and(|open| open.active == active.path);
        if !is_open {
            if self.open.len() >= MAX_OPEN {
                self.open.clear();
            }
            let file = open_for_append(active).map_err(Error::io("open", &active.path))?;
            self.open.insert(queue.name.clone(), Open { active: active.path.clone(), file });
        }
        let open = self.open.get_mut(&queue.name).ok_or(Error::WriterStopped { what: WHAT })?;
        Ok(&mut open.file)
    }

    fn finish(&mut self, queue: &Arc<Queue>) -> Result<()> {
        if queue.is_kept() && queue.active(self.shared.today(), 1)?.is_new {
            self.open.remove(&queue.name);
            self.keeper.look_at(queue.clone());
        }
        Ok(())
    }

    /// Ends segments of days that are over, in queues that nobody appends to.
    fn finish_other_days(&mut self) {
        let today = self.shared.today();
        for queue in self.shared.queues() {
            let is_over = |state: &State| {
                state.segments.last_key_value().is_some_and(|(_, last)| last.day != today && last.bytes() > 0)
            };
            if queue.with(is_over)
                && let Err(error) = self.finish(&queue)
            {
                tracing::error!(queue = queue.name, %error, "cannot begin a segment");
            }
        }
    }
}

/// Opens a file behind the rows it holds; a failed append may have left a part of a line.
fn open_for_append(active: &Active) -> io::Result<File> {
    let file = File::options().append(true).open(&active.path)?;
    if file.metadata()?.len() != active.len {
        file.set_len(active.len)?;
        file.sync_all()?;
    }
    Ok(file)
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
