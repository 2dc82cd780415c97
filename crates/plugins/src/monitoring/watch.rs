//! One event artifact, running for ever.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::time::{Duration, Instant};

use serde_json::{Map, json};
use store::monitoring::Entry;
use vql::call::{Error, Flow, Sink, Stop};
use vql::cancel::Cancel;
use vql::host::Level;
use vql::json::{self as vql_json, JsonOptions};
use vql::schema::{Name, Schema};
use vql::scope::Context;
use vql::value::{Row, Value};

use super::{LOGS, rights};
use crate::artifact::definition::Definition;
use crate::artifact::prepared::Prepared;
use crate::artifact::run::{Runner, check_rights, environment};
use crate::collection::Runtime;
use crate::host::QueryHost;
use crate::server::Server;

/// The first pause before an artifact is started again, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// An artifact that ran this long is taken to be sound.
const SOUND_AFTER: Duration = Duration::from_secs(60);
/// Rows that wait to be stored; beyond, the artifact waits.
const WAITING_ROWS: usize = 1000;

/// A running event artifact.
pub struct Watch {
    cancel: Cancel,
}

impl Watch {
    /// Starts it: a thread for each source, all started again with it.
    pub fn start(runtime: Runtime, server: Arc<Server>, definition: Arc<Definition>, entry: Entry) -> Self {
        let cancel = server.stopping.child();
        for source in definition.sources.iter().map(|s| s.name.clone()) {
            let task = Task {
                runtime: runtime.clone(),
                server: server.clone(),
                definition: definition.clone(),
                entry: entry.clone(),
                source,
                cancel: cancel.clone(),
            };
            let thread = std::thread::Builder::new().name("monitor".into()).spawn(move || task.run());
            if let Err(error) = thread {
                tracing::error!(artifact = %definition.name, %error, "no thread for an event artifact");
            }
        }
        Watch { cancel }
    }

    pub fn stop(&self) {
        self.cancel.cancel();
    }
}

/// One source of it.
struct Task {
    runtime: Runtime,
    server: Arc<Server>,
    definition: Arc<Definition>,
    entry: Entry,
    source: String,
    cancel: Cancel,
}

impl Task {
    fn run(self) {
        let mut pause = PAUSES.0;
        while !self.cancel.is_cancelled() {
            let started = Instant::now();
            let ended = std::panic::catch_unwind(AssertUnwindSafe(|| self.once()));
            if self.cancel.is_cancelled() {
                return;
            }
            let why = match ended {
                Ok(Ok(())) => "the query ended".to_owned(),
                Ok(Err(e)) => e.to_string(),
                Err(_) => "the query panicked".to_owned(),
            };
            pause = if started.elapsed() > SOUND_AFTER { PAUSES.0 } else { pause };
            let line = format!("{why}; it starts again in {} s", pause.as_secs());
            log(&self.server, &self.definition.name, Level::Error, &line);
            if self.cancel.wait(pause) {
                return;
            }
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Runs the source until it ends.
    fn once(&self) -> Result<(), Error> {
        let creator = &self.entry.creator;
        let permissions = rights(&self.runtime, creator)
            .ok_or_else(|| Error::new(format!("its creator {creator} is not a user any more")))?;
        let (server, artifact) = (self.server.clone(), self.definition.name.clone());
        let logger = move |level: Level, line: &str| log(&server, &artifact, level, line);
        let host = QueryHost::new(self.runtime.world.clone(), Box::new(logger)).with_user(creator.as_str());
        let context: Arc<Context> =
            Context::new(self.runtime.registry.clone(), Arc::new(host), permissions).into();
        let _ending = context.ending();
        check_rights(&self.definition, &context)?;
        let mut given = Row::default();
        for pair in &self.entry.parameters.env {
            given.set(&Name::new(&pair.key), Value::from(pair.value.as_str()));
        }
        let server = self.runtime.world.server.as_deref();
        let env = environment(&self.definition, given, server, |_| ())?;
        let repository = &self.runtime.world.artifacts;
        let prepared = Prepared::new(self.definition.clone(), repository, &self.runtime.registry)?;
        let runner = Runner {
            prepared: &prepared,
            context,
            env,
            cancel: self.cancel.child(),
            obey_preconditions: true,
            caller: None,
        };
        let flow = runner.run(&self.source, |source, session, run| {
            let zone = session.scope().zones().print;
            self.stored(&source.full_name, JsonOptions { zone }, run)
        });
        match flow {
            Err(Stop::Failed(e)) => Err(e),
            _ => Ok(()),
        }
    }

    /// Runs a query, and stores its rows from another thread: what waits is stored together.
    fn stored(&self, queue: &str, options: JsonOptions, run: &mut dyn FnMut(&mut dyn Sink) -> Flow) -> Flow {
        let (sender, receiver) = mpsc::sync_channel(WAITING_ROWS);
        std::thread::scope(|threads| {
            let server = &self.server;
            let writer = threads.spawn(move || store_rows(server, queue, receiver));
            let flow = run(&mut Rows { sender, options });
            match writer.join() {
                Ok(Err(e)) => Err(Error::new(e.to_string()).into()),
                _ => flow,
            }
        })
    }
}

/// Stores rows as they come; those that wait go together.
fn store_rows(
    server: &Server,
    queue: &str,
    rows: Receiver<Map<String, serde_json::Value>>,
) -> store::Result<()> {
    while let Ok(first) = rows.recv() {
        let batch = std::iter::once(first).chain(rows.try_iter().take(WAITING_ROWS));
        let now = jiff::Timestamp::now().as_second();
        server.events.append(queue, store::event::parse_rows(batch, now, &[])?)?;
    }
    Ok(())
}

/// Adds a log line to the queue of log lines. A line that cannot be kept is reported and lost.
fn log(server: &Server, artifact: &str, level: Level, message: &str) {
    tracing::debug!(target: "monitor", artifact, level = level.name(), "{message}");
    let row = json!({ "artifact": artifact, "level": level.name(), "message": message });
    let serde_json::Value::Object(row) = row else { return };
    let now = jiff::Timestamp::now().as_second();
    let kept = store::event::parse_rows([row], now, &[]).and_then(|rows| server.events.append(LOGS, rows));
    if let Err(error) = kept {
        tracing::error!(artifact, %error, "cannot keep a log line of an event artifact");
    }
}

/// Hands rows to the writer; waits while too many wait there.
struct Rows {
    sender: SyncSender<Map<String, serde_json::Value>>,
    options: JsonOptions,
}

impl Sink for Rows {
    fn row(&mut self, row: &mut Row) -> Flow {
        let mut text = Vec::new();
        vql_json::write_row(row, &mut text, &self.options);
        let object = serde_json::from_slice(&text).map_err(|e| Error::new(e.to_string()))?;
        // The writer is gone when storing failed; it tells why.
        self.sender.send(object).map_err(|_| Stop::Done)
    }

    fn value(&mut self, value: Value) -> Flow {
        match value {
            Value::Dict(dict) => self.row(&mut dict.snapshot()),
            other => self.row(&mut Row { schema: Schema::value().clone(), cells: vec![other] }),
        }
    }
}
