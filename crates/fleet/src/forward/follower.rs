//! One log on its way to one destination.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use store::event::{Event, Position, Row, Subscription};
use store::result_log::{Log, ResultLog, place};
use tokio::runtime::Handle;

use super::destination::{Destination, Kind};
use super::filesystem::FileSink;
use super::nats::NatsSink;
use super::stdout::StdoutSink;
use super::webhook::WebhookSink;
use super::{Progress, Shared};

/// What is delivered together.
const BATCH_ROWS: usize = 500;
const BATCH_BYTES: usize = 1 << 20;
/// How long nothing may come before others are looked after: the end, and what has to be written down.
const TICK: Duration = Duration::from_millis(200);
/// How often it is written down how far a destination is.
const SETTLE_EVERY: Duration = Duration::from_secs(1);
/// The wait after a failure: doubled each time, and up to half of it more or less, so that servers part.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How far a destination has come, as written down.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Place {
    /// The cursor behind the last row that it has; none before the first row.
    after: Option<String>,
    /// What the destination itself wants to know again.
    #[serde(default)]
    mark: u64,
}

/// Why a batch was not delivered, or not as a whole.
#[derive(Debug)]
pub struct Failure {
    /// Rows at its beginning that were.
    pub delivered: usize,
    pub why: String,
    /// When the destination wants to be asked again.
    pub after: Option<Duration>,
    /// The next row will never be taken.
    pub is_final: bool,
}

impl Failure {
    pub fn new(delivered: usize, why: impl ToString) -> Self {
        Self { delivered, why: why.to_string(), after: None, is_final: false }
    }
}

/// Rows with their numbers.
pub type Batch = [(u64, Row)];

enum Sink {
    File(FileSink),
    Stdout(StdoutSink),
    Webhook(WebhookSink, Handle),
    Nats(NatsSink, Handle),
}

/// One log on its way to one destination.
pub struct Follower {
    pub progress: Arc<Progress>,
    places: PathBuf,
    place: Place,
    sink: Sink,
    settled: Instant,
}

impl Follower {
    /// A follower that goes on where an earlier one ended.
    pub fn new(
        destination: &Destination,
        log: Log,
        dir: &Path,
        results: &Arc<ResultLog>,
        runtime: Option<Handle>,
    ) -> Result<Self, String> {
        let places = dir.join("forwarding");
        let told = |error: store::Error| error.to_string();
        let place = match place::load::<Place>(&places, &file(&destination.name, log)) {
            Ok(Some(place)) => place,
            Ok(None) => {
                let place =
                    Place { after: results.end(log).map_err(told)?, mark: mark(&destination.kind, log) };
                place::save(&places, &file(&destination.name, log), &place).map_err(told)?;
                place
            }
            Err(error) => {
                tracing::error!(target: "forward", destination = destination.name, %error, "beginning with the oldest row");
                Place::default()
            }
        };
        let next = match results.resolve(log, &position(&place)) {
            Ok(next) => next,
            Err(error) => {
                // More than once is better than never.
                tracing::error!(target: "forward", destination = destination.name, %error, "beginning with the oldest row");
                results.resolve(log, &Position::Oldest).map_err(told)?
            }
        };
        let needed = || runtime.ok_or_else(|| "no runtime".to_owned());
        let sink = match &destination.kind {
            Kind::Filesystem(files) => Sink::File(FileSink::new(files, log, place.mark)),
            Kind::Stdout {} => Sink::Stdout(StdoutSink),
            Kind::Webhook(webhook) => Sink::Webhook(WebhookSink::new(webhook, log)?, needed()?),
            Kind::Nats(nats) => Sink::Nats(NatsSink::new(nats, log)?, needed()?),
        };
        let progress = Progress {
            name: destination.name.clone(),
            log,
            next: next.into(),
            settled: next.into(),
            delivered: 0.into(),
            failures: 0.into(),
            dropped: 0.into(),
            refused: 0.into(),
        };
        Ok(Self { progress: Arc::new(progress), places, place, sink, settled: Instant::now() })
    }

    /// Delivers until stopped.
    pub(super) fn run(mut self, shared: &Shared) {
        let first = Position::Row(self.progress.next.load(Relaxed));
        let mut log = match shared.results.follow(self.progress.log, &first) {
            Ok(log) => log,
            Err(error) => return tracing::error!(target: "forward", %error, "a log cannot be read"),
        };
        loop {
            let (batch, is_closed) = self.collect(&mut log);
            if !batch.is_empty() && !self.deliver(&batch, shared) {
                self.settle(shared);
                break;
            }
            if let Some(cursor) = log.cursor() {
                self.place.after = Some(cursor);
            }
            let is_stopped = is_closed || shared.stop.is_cancelled();
            if is_stopped || self.settled.elapsed() >= SETTLE_EVERY {
                self.settle(shared);
            }
            if is_stopped {
                break;
            }
        }
    }

    /// What waits, within bounds.
    fn collect(&self, log: &mut Subscription) -> (Vec<(u64, Row)>, bool) {
        let (mut batch, mut bytes, mut wait) = (Vec::new(), 0, TICK);
        while batch.len() < BATCH_ROWS && bytes < BATCH_BYTES {
            match log.recv_timeout(wait) {
                Event::Row(Some(number), row) => {
                    bytes += row.len();
                    batch.push((number, row));
                }
                Event::LeftOut(error) => self.left_out(&error),
                Event::Row(None, _) | Event::Lost(_) => {}
                Event::TimedOut => break,
                Event::Closed => return (batch, true),
            }
            wait = Duration::ZERO;
        }
        (batch, false)
    }

    fn left_out(&self, error: &store::Error) {
        let rows = match error {
            store::Error::RowsGone { count, .. } => *count,
            store::Error::RowsUnreadable { first, last, .. } => last - first + 1,
            _ => 0,
        };
        self.progress.dropped.fetch_add(rows, Relaxed);
        if let store::Error::RowsGone { next, .. } = error {
            self.progress.next.fetch_max(*next, Relaxed);
        }
        tracing::error!(target: "forward", destination = self.progress.name, rows, %error, "rows never reach a destination");
    }

    /// Delivers a batch, however often that takes. False when stopped before that.
    fn deliver(&mut self, batch: &[(u64, Row)], shared: &Shared) -> bool {
        let (mut rest, mut wait, mut tries) = (batch, FIRST_WAIT, 0u32);
        loop {
            let Err(failure) = self.once(rest, shared) else {
                self.delivered(rest);
                if tries > 0 {
                    tracing::info!(target: "forward", destination = self.progress.name, "a destination takes rows again");
                }
                return true;
            };
            let (done, left) = rest.split_at(failure.delivered.min(rest.len()));
            self.delivered(done);
            if !done.is_empty() {
                wait = FIRST_WAIT;
            }
            rest = left;
            if failure.is_final
                && let Some(((number, _), others)) = rest.split_first()
            {
                self.progress.refused.fetch_add(1, Relaxed);
                tracing::error!(target: "forward", destination = self.progress.name, row = number, why = failure.why, "a row is left out");
                self.progress.next.fetch_max(number + 1, Relaxed);
                rest = others;
                continue;
            }
            self.progress.failures.fetch_add(1, Relaxed);
            // Told once, then now and then.
            if tries.is_power_of_two() || tries == 0 {
                tracing::warn!(target: "forward", destination = self.progress.name, tries, why = failure.why, "a destination takes no rows");
            }
            tries = tries.saturating_add(1);
            if !pause(failure.after.unwrap_or_else(|| jittered(wait)).min(LONGEST_WAIT), shared) {
                return false;
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    fn delivered(&self, rows: &Batch) {
        if let Some((last, _)) = rows.last() {
            self.progress.next.fetch_max(last + 1, Relaxed);
            self.progress.delivered.fetch_add(rows.len() as u64, Relaxed);
        }
    }

    fn once(&mut self, rows: &Batch, shared: &Shared) -> Result<(), Failure> {
        let stopped = || Err(Failure::new(0, "the server is stopping"));
        match &mut self.sink {
            Sink::File(sink) => sink.deliver(rows),
            Sink::Stdout(sink) => sink.deliver(rows),
            Sink::Webhook(sink, runtime) => {
                runtime.block_on(shared.stop.run_until_cancelled(sink.deliver(rows))).unwrap_or_else(stopped)
            }
            Sink::Nats(sink, runtime) => {
                runtime.block_on(shared.stop.run_until_cancelled(sink.deliver(rows))).unwrap_or_else(stopped)
            }
        }
    }

    /// Writes down how far the destination is.
    fn settle(&mut self, shared: &Shared) {
        self.settled = Instant::now();
        let next = self.progress.next.load(Relaxed);
        let is_new = next != self.progress.settled.load(Relaxed);
        if let Sink::File(sink) = &mut self.sink {
            match sink.settle() {
                Ok(mark) => self.place.mark = mark,
                Err(error) => {
                    return tracing::error!(target: "forward", destination = self.progress.name, %error, "log files are not on disk yet");
                }
            }
        }
        if !is_new {
            return;
        }
        match place::save(&self.places, &file(&self.progress.name, self.progress.log), &self.place) {
            Ok(()) => {
                self.progress.settled.store(next, Relaxed);
                shared.hold(self.progress.log);
            }
            Err(error) => {
                tracing::error!(target: "forward", destination = self.progress.name, %error, "its place is not written down")
            }
        }
    }
}

/// What a destination that is new wants to know on the next start.
fn mark(kind: &Kind, log: Log) -> u64 {
    match kind {
        Kind::Filesystem(files) => FileSink::len(files, log),
        _ => 0,
    }
}

/// The name under which a place is kept.
fn file(name: &str, log: Log) -> String {
    format!("{name}.{}", log.name())
}

fn position(place: &Place) -> Position {
    place.after.clone().map_or(Position::Oldest, Position::After)
}

fn jittered(wait: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    wait.mul_f64(0.5 + f64::from(random) / f64::from(u32::MAX))
}

/// Waits; false when stopped meanwhile.
fn pause(wait: Duration, shared: &Shared) -> bool {
    let end = Instant::now() + wait;
    while !shared.stop.is_cancelled() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        std::thread::sleep(left.min(TICK));
    }
    false
}
