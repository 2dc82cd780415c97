//! Following processes over time: what `process_tracker()` installs and its relatives ask.
//!
//! A program has one tracker. Where none was installed, the processes of the moment are asked.

mod entries;

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use vql::call::{Error, Flow, Stop};
use vql::lambda::Lambda;
use vql::scope::Scope;
use vql::session::Program;
use vql::value::{Row, Value};

use crate::beside::{Beside, Job};
pub use entries::{Change, Entries, Entry};

/// What is synchronised with, unless a query is given.
const DEFAULT_SYNC: &str = "SELECT Pid AS id, Ppid AS parent_id, CreateTime AS start_time, \
    dict(Name=Name, Username=Username, Exe=Exe, CommandLine=CommandLine, CreateTime=CreateTime) AS data FROM pslist()";

/// How long the processes of the moment count as such.
const MOMENT: Duration = Duration::from_secs(1);

/// Processes that ended are kept so long, and so many are kept.
pub const DEFAULT_EXPIRY: i64 = 24 * 3600;
pub const DEFAULT_SIZE: usize = 10_000;

/// The most changes that wait for one listener; older ones are dropped.
const MAX_WAITING: usize = 10_000;

/// The processes of a program.
pub struct Tracker {
    entries: Mutex<Entries>,
    enrichments: Vec<Arc<Lambda>>,
    listeners: Mutex<Vec<Weak<Listener>>>,
}

/// Changes that wait to be told.
#[derive(Default)]
pub struct Listener(Mutex<VecDeque<(Change, Entry)>>);

impl Listener {
    pub fn take(&self) -> Vec<(Change, Entry)> {
        self.0.lock().drain(..).collect()
    }
}

/// The tracker of a program, and what keeps it up to date.
#[derive(Default)]
struct Installed(Mutex<State>);

#[derive(Default)]
struct State {
    installed: Option<(Arc<Tracker>, Vec<Beside>)>,
    /// The processes of a moment.
    moment: Option<(Arc<Tracker>, Instant)>,
}

impl Tracker {
    pub fn new(entries: Entries, enrichments: Vec<Arc<Lambda>>) -> Self {
        Tracker { entries: Mutex::new(entries), enrichments, listeners: Mutex::default() }
    }

    /// The tracker to ask.
    pub fn of(scope: &Scope<'_>) -> Result<Arc<Tracker>, Error> {
        let kept = scope.kept::<Installed>();
        {
            let state = kept.0.lock();
            if let Some((tracker, _)) = &state.installed {
                return Ok(tracker.clone());
            }
            if let Some((tracker, since)) = &state.moment
                && since.elapsed() < MOMENT
            {
                return Ok(tracker.clone());
            }
        }
        let tracker = Tracker::new(Entries::new(usize::MAX, DEFAULT_EXPIRY), Vec::new());
        tracker.sync(scope, &default_sync(scope)?)?;
        let tracker = Arc::new(tracker);
        kept.0.lock().moment = Some((tracker.clone(), Instant::now()));
        Ok(tracker)
    }

    /// Makes this the tracker of the program, kept up to date by queries that run beside it.
    pub fn install(self, scope: &Scope<'_>, sync: Sync, update: Option<Value>) -> Result<(), Error> {
        let query = match sync.query {
            Some(query) => query,
            None => default_sync(scope)?,
        };
        // Known from the start, so that whoever asks next finds all that run.
        self.sync(scope, &query)?;
        let tracker = Arc::new(self);
        let mut running = vec![tracker.keep_in_step(scope, query, sync.period)?];
        if let Some(update) = update {
            running.push(tracker.keep_informed(scope, update)?);
        }
        let before = scope.kept::<Installed>().0.lock().installed.replace((tracker, running));
        drop(before);
        Ok(())
    }

    fn keep_in_step(
        self: &Arc<Self>,
        scope: &Scope<'_>,
        query: Value,
        period: Duration,
    ) -> Result<Beside, Error> {
        let tracker = self.clone();
        let job = Job::new(scope, "process_tracker", query);
        job.start_with(scope.root_cancel().child(), move |scope, query| {
            while !scope.cancel().wait(period) {
                tracker.sync(scope, query)?;
            }
            Ok(())
        })
    }

    fn keep_informed(self: &Arc<Self>, scope: &Scope<'_>, query: Value) -> Result<Beside, Error> {
        let tracker = self.clone();
        let job = Job::new(scope, "process_tracker", query);
        job.start_with(scope.root_cancel().child(), move |scope, query| {
            scope.each(query, &mut |row| {
                tracker.update(scope, &row.into_row());
                Ok(())
            })
        })
    }

    /// Runs a query for all processes there are.
    fn sync(&self, scope: &Scope<'_>, query: &Value) -> Result<(), Error> {
        let mut present = Vec::new();
        let flow: Flow = scope.each(query, &mut |row| {
            present.extend(Entry::of_row(&row.into_row()));
            Ok(())
        });
        match flow {
            Err(Stop::Failed(e)) => return Err(e),
            // What is missing from half a list has not ended.
            Err(Stop::Done) => return Ok(()),
            Ok(()) if scope.cancel().is_cancelled() => return Ok(()),
            Ok(()) => {}
        }
        for entry in &mut present {
            if self.entries.lock().get(&entry.id).is_none() {
                self.enrich(scope, entry);
            }
        }
        let changes = self.entries.lock().sync(present, scope.host().now());
        self.tell(changes);
        Ok(())
    }

    /// Takes in one event: a row with `update_type` start or exit.
    fn update(&self, scope: &Scope<'_>, row: &Row) {
        let Some(mut entry) = Entry::of_row(row) else { return };
        let now = scope.host().now();
        let changes = match row.get_str("update_type") {
            Some(Value::Text(kind)) if &**kind == b"exit" => {
                let ended = entry.ended.unwrap_or(now);
                self.entries.lock().exit(&entry.id, ended).into_iter().collect()
            }
            Some(Value::Text(kind)) if &**kind == b"start" => {
                self.enrich(scope, &mut entry);
                let mut entries = self.entries.lock();
                let changes = entries.start(entry, now);
                entries.trim(now);
                changes
            }
            _ => return,
        };
        self.tell(changes);
    }

    fn enrich(&self, scope: &Scope<'_>, entry: &mut Entry) {
        for lambda in &self.enrichments {
            if let Value::Dict(more) = lambda.call(scope, &[entry.value()]) {
                for (name, value) in more.snapshot().iter() {
                    entry.data.replace(name, scope.listed(value.clone()));
                }
            }
        }
    }

    fn tell(&self, changes: Vec<(Change, Entry)>) {
        let mut listeners = self.listeners.lock();
        listeners.retain(|listener| listener.strong_count() > 0);
        for listener in listeners.iter().filter_map(Weak::upgrade) {
            let mut waiting = listener.0.lock();
            waiting.extend(changes.iter().cloned());
            let surplus = waiting.len().saturating_sub(MAX_WAITING);
            waiting.drain(..surplus);
        }
    }

    /// Listens to changes from now on.
    pub fn listen(&self) -> Arc<Listener> {
        let listener = Arc::new(Listener::default());
        self.listeners.lock().push(Arc::downgrade(&listener));
        listener
    }

    /// Looks at the processes. Do not evaluate anything inside.
    pub fn look<T>(&self, look: impl FnOnce(&Entries) -> T) -> T {
        look(&self.entries.lock())
    }
}

/// How a tracker keeps in step.
pub struct Sync {
    pub query: Option<Value>,
    pub period: Duration,
}

fn default_sync(scope: &Scope<'_>) -> Result<Value, Error> {
    static TEXT: LazyLock<String> = LazyLock::new(|| format!("LET Sync = {DEFAULT_SYNC}"));
    let program =
        Program::compile(&TEXT, &scope.context().registry).map_err(|e| Error::new(e.to_string()))?;
    match program.statements.into_iter().next() {
        Some(vql::plan::Statement::Let(vql::plan::Let {
            body: vql::plan::LetBody::Query(query), ..
        })) => Ok(Value::Query(query)),
        _ => Err("no query".into()),
    }
}
