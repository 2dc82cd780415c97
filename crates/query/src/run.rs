//! One `Query` call: its programs run one after another, in one scope, on a thread of their own.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use plugins::host::QueryHost;
use plugins::throttle::{Budget, Throttle};
use proto::{VqlCollectorArgs, VqlRequest};
use serde_json::{Map, json};
use tonic::Status;
use vql::call::{Flow, Stop};
use vql::cancel::Cancel;
use vql::host::Level;
use vql::json::JsonOptions;
use vql::permission::Permissions;
use vql::plan::Statement;
use vql::schema::Name;
use vql::scope::Context;
use vql::session::{Program, Session};
use vql::value::{Row, Value};

use crate::packet::{Outbox, PacketSink};
use crate::server::Server;

/// Everything one call needs.
pub struct Job {
    pub server: Arc<Server>,
    pub request: VqlCollectorArgs,
    pub principal: String,
    pub peer: String,
    pub permissions: Permissions,
    pub outbox: Arc<Outbox>,
    pub cancel: Cancel,
    /// Set when the time limit ended the query.
    pub timed_out: Arc<AtomicBool>,
    /// Set when no progress ended the query.
    pub stalled: Arc<AtomicBool>,
}

/// How a call ended, as the audit log words it.
enum Ending {
    Finished,
    ParseError,
    TimedOut,
    Cancelled,
    Panicked,
}

impl Ending {
    const fn text(&self) -> &'static str {
        match self {
            Ending::Finished => "finished",
            Ending::ParseError => "parse error",
            Ending::TimedOut => "timed out",
            Ending::Cancelled => "cancelled",
            Ending::Panicked => "panicked",
        }
    }
}

impl Job {
    /// Runs to the end, whatever happens; then the stream is over.
    pub fn run(self) {
        let started = Instant::now();
        let ending = std::panic::catch_unwind(AssertUnwindSafe(|| self.programs())).unwrap_or_else(|panic| {
            let what = panic.downcast_ref::<String>().map(String::as_str);
            let what = what.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("unknown cause");
            tracing::error!(target: "api", user = %self.principal, what, "a query panicked");
            self.outbox.fail(Status::unknown(format!("Panic {what}")));
            Ending::Panicked
        });
        self.cancel.cancel();
        self.audit(&ending, started.elapsed());
    }

    fn programs(&self) -> Ending {
        let session = Session::new(self.context(), self.environment(), self.cancel.clone());
        self.outbox.log(Level::Default, "Starting query execution.");
        let mut ending = Ending::Finished;
        for request in &self.request.query {
            match self.program(&session, request) {
                Ending::Finished => {}
                other => {
                    ending = other;
                    break;
                }
            }
        }
        session.finish();
        ending
    }

    fn program(&self, session: &Session, request: &VqlRequest) -> Ending {
        let program = match Program::compile(&request.vql, &self.server.registry) {
            Ok(program) => program,
            Err(e) => {
                self.outbox.log(Level::Default, &format!("VQL Error: {e}."));
                return Ending::ParseError;
            }
        };
        for (id, statement) in program.statements.iter().enumerate() {
            let flow = match statement {
                Statement::Let(l) => {
                    session.define(l);
                    Ok(())
                }
                Statement::Select(select) => {
                    self.outbox.begin(request, id as u64);
                    let zone = session.scope().zones().print;
                    let mut sink = PacketSink { outbox: &self.outbox, options: JsonOptions { zone } };
                    let flow = session.select(select, &mut sink);
                    self.end_statement(flow)
                }
            };
            if flow.is_err() || self.cancel.is_cancelled() {
                let is_late = [&self.timed_out, &self.stalled].iter().any(|f| f.load(Ordering::Relaxed));
                return if is_late { Ending::TimedOut } else { Ending::Cancelled };
            }
        }
        Ending::Finished
    }

    /// Sends the rest of a statement's rows; after a time-out, the line that says so first.
    fn end_statement(&self, flow: Flow) -> Flow {
        if self.timed_out.load(Ordering::Relaxed) {
            let limit = duration_text(self.request.timeout);
            let line = format!("collect: <red>Timeout Error:</> Collection timed out after {limit}");
            self.outbox.log(Level::Default, &line);
        }
        if self.stalled.load(Ordering::Relaxed) {
            let limit = self.request.progress_timeout;
            let line = format!("collect: <red>Timeout Error:</> No progress made in {limit} seconds");
            self.outbox.log(Level::Default, &line);
        }
        if let Err(Stop::Failed(e)) = &flow {
            self.outbox.log(Level::Error, &e.to_string());
        }
        self.outbox.end()?;
        flow
    }

    fn context(&self) -> Arc<Context> {
        let outbox = self.outbox.clone();
        let user = self.principal.clone();
        let logger = move |level: Level, line: &str| {
            tracing::debug!(target: "query", %user, level = level.name(), "{line}");
            outbox.log(level, line);
        };
        let mut host = QueryHost::new(self.server.world.clone(), Box::new(logger)).with_user(&self.principal);
        let budget = Budget {
            operations_per_second: f64::from(self.request.ops_per_second),
            cpu_percent: f64::from(self.request.cpu_limit),
            io_per_second: f64::from(self.request.iops_limit),
        };
        let throttled = budget.is_limited() || self.request.progress_timeout > 0.0;
        if throttled {
            let throttle = Arc::new(Throttle::new(budget, self.cancel.clone()));
            self.watch_progress(throttle.clone());
            host = host.with_throttle(throttle);
        }
        let mut context = Context::new(self.server.registry.clone(), Arc::new(host), self.permissions);
        context.throttled = throttled;
        Arc::new(context)
    }

    /// Ends the query when it charges no operation for too long, that is: sees no row.
    fn watch_progress(&self, throttle: Arc<Throttle>) {
        let limit = Duration::try_from_secs_f32(self.request.progress_timeout).unwrap_or_default();
        if limit.is_zero() {
            return;
        }
        let (cancel, stalled) = (self.cancel.clone(), self.stalled.clone());
        let watch = move || {
            let (mut seen, mut since) = (throttle.operations(), Instant::now());
            // The flag is set at the end of the call at the latest.
            while !cancel.wait((limit / 4).max(Duration::from_millis(10))) {
                let now = throttle.operations();
                if now != seen {
                    (seen, since) = (now, Instant::now());
                } else if since.elapsed() >= limit {
                    stalled.store(true, Ordering::Relaxed);
                    cancel.cancel();
                }
            }
        };
        if let Err(error) = std::thread::Builder::new().name("progress".into()).spawn(watch) {
            tracing::error!(target: "api", %error, "no thread to watch the progress of a query");
        }
    }

    fn environment(&self) -> Row {
        let mut env = Row::default();
        env.set(&Name::new("config"), self.server.config.clone());
        for pair in &self.request.env {
            env.set(&Name::new(&pair.key), Value::from(pair.value.as_str()));
        }
        env
    }

    fn audit(&self, ending: &Ending, took: Duration) {
        let mut details = self.details();
        details.insert("rows".into(), json!(self.outbox.rows()));
        details.insert("duration_ms".into(), json!(took.as_millis() as u64));
        details.insert("ended".into(), json!(ending.text()));
        self.server.record("Query finished", &self.principal, details);
    }

    /// What both audit lines of a call say.
    pub fn details(&self) -> Map<String, serde_json::Value> {
        let queries: Vec<&str> = self.request.query.iter().map(|q| cut(&q.vql)).collect();
        let mut details = Map::new();
        details.insert("arg".into(), json!({ "Query": queries }));
        details.insert("user".into(), json!(self.principal));
        details.insert(
            "org".into(),
            json!(if self.request.org_id.is_empty() { "root" } else { &self.request.org_id }),
        );
        details.insert("peer".into(), json!(self.peer));
        details
    }
}

/// Queries in the audit log are cut at this length.
fn cut(vql: &str) -> &str {
    &vql[..vql.floor_char_boundary(16 << 10)]
}

/// `1m30s`, as durations are printed in messages.
fn duration_text(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m{s}s"),
        (h, m, s) => format!("{h}h{m}m{s}s"),
    }
}
