//! What is done in the background: finished segments are sealed, and the oldest removed when there is too much.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::keys::KeysOf;
use super::plain::Chunks;
use super::queue::Queue;
use super::sealed::Writer;
use super::segment::{Form, Mark, Segment, plain_name, sealed_name};
use super::shared::Shared;
use crate::durable::sync_dir;
use crate::error::{Error, Result};

const WHAT: &str = "the keeper of events";

enum Task {
    /// A segment of this queue was finished.
    One(Arc<Queue>),
    All,
}

/// Gives work to the keeper.
#[derive(Clone)]
pub struct Keeper(mpsc::Sender<Task>);

impl Keeper {
    pub fn look_at(&self, queue: Arc<Queue>) {
        // A keeper that ended because the store closes leaves the work to the next start.
        let _ = self.0.send(Task::One(queue));
    }

    pub fn look_at_all(&self) {
        let _ = self.0.send(Task::All);
    }
}

/// Starts the keeper; it ends when nobody can give it work any more.
pub fn start(shared: Arc<Shared>) -> Result<(Keeper, JoinHandle<()>)> {
    let (sender, tasks) = mpsc::channel();
    let thread = thread::Builder::new().name("event-keeper".to_owned()).spawn(move || run(&shared, &tasks));
    let thread = thread.map_err(|source| Error::Io { action: "start", path: WHAT.into(), source })?;
    let keeper = Keeper(sender);
    keeper.look_at_all();
    Ok((keeper, thread))
}

fn run(shared: &Shared, tasks: &Receiver<Task>) {
    while let Ok(task) = tasks.recv() {
        match task {
            Task::One(queue) => seal_finished(shared, &queue),
            Task::All => shared.queues().iter().for_each(|queue| seal_finished(shared, queue)),
        }
        if let Err(error) = prune(shared) {
            tracing::error!(%error, "cannot remove old event rows");
        }
    }
}

/// Seals what is finished; what fails stays as it is and is tried again within the hour.
fn seal_finished(shared: &Shared, queue: &Queue) {
    for first in queue.unsealed() {
        if shared.is_stopping() {
            return;
        }
        if let Err(error) = seal(shared, queue, first) {
            tracing::error!(queue = queue.name, %error, "cannot seal a segment");
        }
    }
}

/// Seals a segment unless it is still appended to.
pub fn seal_if_finished(shared: &Shared, queue: &Queue, first: u64) -> Result<()> {
    if queue.unsealed().contains(&first) { seal(shared, queue, first) } else { Ok(()) }
}

/// Replaces a finished plain segment by a sealed one.
fn seal(shared: &Shared, queue: &Queue, first: u64) -> Result<()> {
    let _upkeep = queue.upkeep.lock();
    let segment = queue.with(|state| state.segments.get(&first).cloned());
    let Some(Segment { day, form: Form::Plain { len, .. } }) = segment else { return Ok(()) };
    let plain = queue.dir.join(plain_name(first, day));
    if len == 0 {
        queue.change(|state| state.segments.remove(&first));
        return fs::remove_file(&plain).map_err(Error::io("remove", &plain));
    }
    let sealed = queue.dir.join(sealed_name(first, day));
    let lines = File::open(&plain).map_err(Error::io("read", &plain))?;
    let start = Mark { number: first, offset: 0 };
    let mut chunks = Chunks::new(lines, start, len, shared.limits.block);
    let size = replace(&sealed, shared.limits.keys_of, |out| copy(shared, &mut chunks, out))
        .map_err(Error::io("write", &sealed))?;
    queue.change(|state| state.segments.insert(first, Segment { day, form: Form::Sealed { len: size } }));
    fs::remove_file(&plain).map_err(Error::io("remove", &plain))
}

fn copy(shared: &Shared, chunks: &mut Chunks<File>, out: &mut Writer<BufWriter<File>>) -> io::Result<()> {
    let mut lines = Vec::new();
    loop {
        if shared.is_stopping() {
            return Err(io::Error::new(io::ErrorKind::Interrupted, "the server is stopping"));
        }
        match chunks.next(&mut lines) {
            Ok(Some(first)) => out.add(first, &lines)?,
            Ok(None) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                tracing::error!(row = chunks.place().number - 1, %error, "an event row is left out");
            }
            Err(error) => return Err(error),
        }
    }
}

/// Puts a new sealed segment at `path` in one step; gives its size.
pub fn replace(
    path: &Path,
    keys_of: Option<KeysOf>,
    fill: impl FnOnce(&mut Writer<BufWriter<File>>) -> io::Result<()>,
) -> io::Result<u64> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let write = || {
        let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        let mut writer = Writer::with_keys(BufWriter::new(file), keys_of)?;
        fill(&mut writer)?;
        let (out, size) = writer.finish()?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&temporary, path)?;
        sync_dir(dir)?;
        Ok(size)
    };
    write().inspect_err(|_| drop(fs::remove_file(&temporary)))
}

/// Removes the oldest sealed segments that are too old, unless somebody needs them, or too much.
pub fn prune(shared: &Shared) -> Result<()> {
    let oldest_day = shared.retention.max_age.and_then(|age| day_before(shared, age));
    let (mut found, mut total) = (Vec::new(), 0);
    for queue in shared.queues() {
        queue.with(|state| {
            total += state.segments.values().map(Segment::bytes).sum::<u64>();
            let sealed = state.segments.iter().filter(|(_, segment)| segment.is_sealed());
            found.extend(sealed.map(|(first, segment)| {
                let is_needed = state.end_of(*first) > queue.held();
                (segment.day, *first, segment.bytes(), is_needed, queue.clone())
            }));
        });
    }
    found.sort_by_key(|(day, first, ..)| (*day, *first));
    let most = shared.retention.max_bytes.unwrap_or(u64::MAX);
    for (day, first, bytes, is_needed, queue) in found {
        let is_too_old = oldest_day.is_some_and(|oldest| day < oldest);
        if !is_too_old && total <= most {
            break;
        }
        if total <= most && is_needed {
            continue;
        }
        if remove(&queue, first)? {
            total -= bytes;
            if is_needed {
                tracing::warn!(queue = queue.name, %day, bytes, "removed rows that were still needed: there are too many");
            }
            tracing::info!(queue = queue.name, %day, bytes, "removed old event rows");
        }
    }
    Ok(())
}

/// The day that rows have to be of to be young enough.
fn day_before(shared: &Shared, age: std::time::Duration) -> Option<Date> {
    let now = (shared.limits.now)();
    Some(now.checked_sub(age).ok()?.to_zoned(TimeZone::UTC).date())
}

/// Removes a sealed segment, if it is still there.
pub fn remove(queue: &Queue, first: u64) -> Result<bool> {
    let _upkeep = queue.upkeep.lock();
    let removed = queue.change(|state| match state.segments.get(&first) {
        Some(segment) if segment.is_sealed() => state.segments.remove(&first),
        _ => None,
    });
    let Some(segment) = removed else { return Ok(false) };
    let path = queue.dir.join(segment.file_name(first));
    fs::remove_file(&path).map_err(Error::io("remove", &path))?;
    Ok(true)
}
