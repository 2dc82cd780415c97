//! Running a collection to its end, on a thread of its own.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use store::flow::{Flow as FlowRecord, FlowState, QueryStatus, Request, ReturnedStatus, Spec};
use vql::call::{Error, Stop};
use vql::host::Level;
use vql::json::JsonOptions;
use vql::permission::Permissions;
use vql::registry::Registry;
use vql::schema::Name;
use vql::scope::{Context, Scope};
use vql::value::{Row, Value};

use super::results::Results;
use super::{Collection, Limits, request};
use crate::artifact::definition::Definition;
use crate::artifact::prepared::{Prepared, PreparedSource};
use crate::artifact::run::{Runner, check_rights, environment};
use crate::host::QueryHost;
use crate::server::{Server, failed, microseconds, shown};
use crate::throttle::Throttle;
use crate::world::{Surroundings, World};

/// How often the record of a running collection is brought up to date.
const SAVE_EVERY: Duration = Duration::from_secs(2);

/// The queue that hears of every collection that ended.
pub const COMPLETION: &str = "System.Flow.Completion";

/// Collections of the server that may run at a time.
const MAX_RUNNING: usize = 256;

/// With whose rights, and with which callables, a collection runs.
#[derive(Clone)]
pub struct Runtime {
    pub world: Arc<World>,
    pub registry: Arc<Registry>,
    pub permissions: Permissions,
    pub user: String,
}

impl Runtime {
    /// That of the query that `scope` belongs to.
    pub fn of(scope: &Scope<'_>) -> Result<Self, Error> {
        let surroundings = Surroundings::of(scope)?;
        Ok(Runtime {
            world: surroundings.world.clone(),
            registry: scope.context().registry.clone(),
            permissions: scope.context().permissions,
            user: surroundings.user.clone(),
        })
    }
}

/// Starts a collection on the server; its record is on disk when this returns.
pub fn start(runtime: Runtime, server: &Arc<Server>, request: Request) -> Result<FlowRecord, Error> {
    let repository = &runtime.world.artifacts;
    let mut definitions = Vec::new();
    for spec in &request.specs {
        let artifact = spec.artifact.split('/').next().unwrap_or_default();
        definitions.push(request::known(repository, artifact)?);
    }
    let limits = Limits::of(&request, definitions.iter().map(|d| &d.resources));
    let now = microseconds();
    let flow = FlowRecord {
        client_id: request.client_id.clone(),
        session_id: request.flow_id.clone(),
        create_time: now,
        start_time: now,
        active_time: now,
        state: FlowState::Running,
        total_requests: definitions.iter().map(|d| d.sources.len() as i64).sum(),
        outstanding_requests: definitions.iter().map(|d| d.sources.len() as i64).sum(),
        request,
        ..FlowRecord::default()
    };
    let mut running = server.running.lock();
    if running.len() >= MAX_RUNNING {
        return Err("too many collections are running, try again later".into());
    }
    server.flows.save(&flow).map_err(failed)?;
    let collection = Collection::new(server.clone(), flow.clone(), limits);
    running.insert(flow.session_id.clone(), collection.clone());
    drop(running);
    let run = Run { runtime, collection, definitions };
    let thread = std::thread::Builder::new().name("collection".into()).spawn(move || run.run());
    thread.map_err(|e| Error::new(format!("no thread for the collection: {e}")))?;
    Ok(flow)
}

/// Marks collections that a stopped server left unfinished.
pub fn mark_interrupted(server: &Server) -> Result<(), Error> {
    let client = store::flow::SERVER;
    for id in server.flows.ids(client).map_err(failed)? {
        // A damaged record is reported when somebody asks for it.
        let Ok(Some(mut flow)) = server.flows.find(client, &id) else { continue };
        if !flow.state.is_over() {
            flow.state = FlowState::Error;
            flow.status = "The server stopped while collecting.".into();
            server.flows.save(&flow).map_err(failed)?;
        }
    }
    Ok(())
}

struct Run {
    runtime: Runtime,
    collection: Arc<Collection>,
    definitions: Vec<Arc<Definition>>,
}

impl Run {
    fn run(self) {
        let started = Instant::now();
        let over = Arc::new(AtomicBool::new(false));
        let watch = self.watch(started, over.clone());
        let ran = std::panic::catch_unwind(AssertUnwindSafe(|| self.artifacts()));
        if ran.is_err() {
            self.collection.stop("a query panicked");
        }
        over.store(true, Ordering::Relaxed);
        self.collection.cancel.cancel();
        if let Some(watch) = watch {
            let _ = watch.join();
        }
        if let Err(error) = self.finish(started) {
            tracing::error!(flow = %self.collection.flow_id, %error, "cannot store the end of a collection");
        }
        self.collection.server.running.lock().remove(&self.collection.flow_id);
    }

    /// Stops the collection when its time is over, and keeps its record up to date.
    fn watch(&self, started: Instant, over: Arc<AtomicBool>) -> Option<std::thread::JoinHandle<()>> {
        let collection = self.collection.clone();
        let watch = move || {
            let timeout = collection.limits.timeout;
            while !over.load(Ordering::Relaxed) {
                let left = timeout.saturating_sub(started.elapsed());
                if left.is_zero() {
                    let seconds = timeout.as_secs();
                    return collection
                        .stop(format!("Timeout Error: Collection timed out after {seconds} seconds"));
                }
                if collection.cancel.wait(SAVE_EVERY.min(left)) {
                    return;
                }
                let _ = collection.server.flows.save(&collection.flow());
            }
        };
        std::thread::Builder::new().name("collection-watch".into()).spawn(watch).ok()
    }

    fn artifacts(&self) {
        let specs = self.collection.flow().request.specs;
        for (spec, definition) in specs.iter().zip(&self.definitions) {
            if self.collection.cancel.is_cancelled() {
                return;
            }
            if let Err(e) = self.artifact(spec, definition.clone()) {
                self.collection.log(&definition.name, Level::Error, &e.to_string());
            }
        }
    }

    fn artifact(&self, spec: &Spec, definition: Arc<Definition>) -> Result<(), Error> {
        let context = self.context(&definition.name);
        let _ending = context.ending();
        check_rights(&definition, &context)?;
        let mut given = Row::default();
        for pair in &spec.parameters.env {
            given.set(&Name::new(&pair.key), Value::from(pair.value.as_str()));
        }
        let unknown = |name: &str| {
            self.collection.log(&definition.name, Level::Warn, &format!("there is no parameter {name}"));
        };
        let env = environment(&definition, given, Some(&self.collection.server), unknown)?;
        let prepared =
            Prepared::new(definition.clone(), &self.runtime.world.artifacts, &self.runtime.registry)?;
        let runner = Runner {
            prepared: &prepared,
            context,
            env,
            cancel: self.collection.cancel.clone(),
            obey_preconditions: true,
            caller: None,
        };
        let only = spec.artifact.split_once('/').map_or("", |(_, source)| source);
        let flow = runner.run(only, |source, session, run| {
            let zone = session.scope().zones().print;
            let mut results = Results::new(&self.collection, &source.full_name, JsonOptions { zone });
            let began = microseconds();
            let flow = run(&mut results);
            let rows = results.finish()?;
            self.note(source, began, rows);
            flow
        });
        match flow {
            Err(Stop::Failed(e)) => Err(e),
            _ => Ok(()),
        }
    }

    /// Records how a source did.
    fn note(&self, source: &PreparedSource, began: u64, rows: u64) {
        let now = microseconds();
        let mut state = self.collection.state.lock();
        let status = QueryStatus {
            status: if state.stopped.is_some() { ReturnedStatus::GenericError } else { ReturnedStatus::Ok },
            error_message: state.stopped.clone().unwrap_or_default(),
            duration: i64::try_from(now.saturating_sub(began) * 1000).unwrap_or(i64::MAX),
            first_active: began,
            last_active: now,
            names_with_response: if rows > 0 { vec![source.full_name.clone()] } else { Vec::new() },
            artifact: source.full_name.clone(),
            result_rows: rows as i64,
            query_id: state.flow.query_stats.len() as i64 + 1,
            total_queries: state.flow.total_requests,
            ..QueryStatus::default()
        };
        if rows > 0 && !state.flow.artifacts_with_results.contains(&source.full_name) {
            state.flow.artifacts_with_results.push(source.full_name.clone());
        }
        state.flow.query_stats.push(status);
        state.flow.outstanding_requests -= 1;
        state.flow.active_time = now;
    }

    fn context(&self, artifact: &str) -> Arc<Context> {
        let (collection, artifact) = (self.collection.clone(), artifact.to_owned());
        let logger = move |level: Level, line: &str| collection.log(&artifact, level, line);
        let mut host = QueryHost::new(self.runtime.world.clone(), Box::new(logger))
            .with_user(self.runtime.user.clone())
            .within(self.collection.clone());
        let budget = self.collection.limits.budget();
        let throttled = budget.is_limited();
        if throttled {
            host = host.with_throttle(Throttle::new(budget, self.collection.cancel.clone()).into());
        }
        let mut context =
            Context::new(self.runtime.registry.clone(), Arc::new(host), self.runtime.permissions);
        context.throttled = throttled;
        Arc::new(context)
    }

    /// Stores the end: rows, log lines and files first, so that a finished record tells the truth.
    fn finish(&self, started: Instant) -> Result<(), Error> {
        let stopped = self.collection.state.lock().stopped.clone();
        if let Some(why) = &stopped {
            // In the log as well, where people look.
            self.collection.log("", Level::Error, why);
        }
        let mut state = self.collection.state.lock();
        for writer in [state.log.take(), state.uploads.take()].into_iter().flatten() {
            writer.finish().map_err(failed)?;
        }
        let failure = stopped.or_else(|| state.failure.take());
        state.flow.state = if failure.is_some() { FlowState::Error } else { FlowState::Finished };
        state.flow.status = failure.unwrap_or_default();
        state.flow.execution_duration = i64::try_from(started.elapsed().as_nanos()).unwrap_or(i64::MAX);
        state.flow.outstanding_requests = 0;
        state.flow.active_time = microseconds();
        let flow = state.flow.clone();
        drop(state);
        self.collection.server.flows.save(&flow).map_err(failed)?;
        super::schedule::ended(&self.collection.server, &flow)
    }
}

/// The record of a collection: of a running one as it is now.
pub fn find(server: &Server, client: &str, id: &str) -> Result<Option<FlowRecord>, Error> {
    if let Some(running) = server.running.lock().get(id).filter(|c| c.client_id == client) {
        return Ok(Some(running.flow()));
    }
    server.flows.find(client, id).map_err(failed)
}

/// As [`find`], as rows show it.
pub fn find_shown(server: &Server, client: &str, id: &str) -> Result<Value, Error> {
    match find(server, client, id)? {
        None => Err(Error::new(format!("client {client} has no collection {id}"))),
        Some(flow) => shown(&flow),
    }
}
