//! `query(query=, env=, …)`: VQL in a scope of its own (reference, section 10.6).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Flow, Plugin, Signature, Sink, Stop, Type};
use crate::cancel::Cancel;
use crate::host::{Level, Rates};
use crate::lambda::Lambda;
use crate::permission::Permission;
use crate::scope::{Context, Scope};
use crate::session::{Program, Session};
use crate::value::{Row, Value};

const QUERY: usize = 0;
const ENV: usize = 1;
const COPY_ENV: usize = 2;
const CPU_LIMIT: usize = 3;
const IOPS_LIMIT: usize = 4;
const TIMEOUT: usize = 5;
const PROGRESS_TIMEOUT: usize = 6;
const ORG_ID: usize = 7;
const RUNAS: usize = 8;
const INHERIT: usize = 9;
const EXIT: usize = 10;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "query",
        doc: "Runs a query, or VQL given as text, in an isolated scope.",
        category: Category::Language,
        args: &[
            Arg::required("query", Type::Any, "VQL text (many statements allowed), or a query."),
            Arg::optional("env", Type::Dict, "Variables of the new scope."),
            Arg::optional("copy_env", Type::StrList, "Names of variables to copy from this scope."),
            Arg::optional("cpu_limit", Type::Float, "Average share of a core, in percent."),
            Arg::optional("iops_limit", Type::Float, "Average reads and writes a second."),
            Arg::optional("timeout", Type::Float, "Seconds after which the query is stopped."),
            Arg::optional(
                "progress_timeout",
                Type::Float,
                "Seconds without a row after which it is stopped.",
            ),
            Arg::optional("org_id", Type::Str, "The org to run in; only the present one is known."),
            Arg::optional("runas", Type::Str, "The user to run as (IMPERSONATION)."),
            Arg::optional("inherit", Type::Bool, "Keep the present scope below the new one."),
            Arg::optional("exit", Type::Lambda, "Stops the query when true for a row."),
        ],
        version: 2,
        examples: &[
            Example::new(
                "Text with its own variables",
                "SELECT * FROM query(query='SELECT A + 1 AS B FROM scope()', env=dict(A=1))",
                r#"[{"B":2}]"#,
            ),
            Example::new(
                "Stop early",
                "SELECT * FROM query(query={ SELECT * FROM range(end=10) }, exit='x=>x._value > 0')",
                r#"[{"_value":0},{"_value":1}]"#,
            ),
        ],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let scope = args.scope;
    let cancel = scope.cancel().child();
    let context = Arc::new(context(args, &cancel)?);
    let exit = args.lambda(EXIT)?;
    let timeout = args.float(TIMEOUT, 0.0)?;
    let progress = args.float(PROGRESS_TIMEOUT, 0.0)?;
    let session = Session::new(context, environment(args)?, cancel.clone()).below(scope);
    let query = args.value(QUERY);
    let mut watched = Watched { sink, scope, exit, exited: false, progress: None };
    let flow = with_deadline(scope, &cancel, timeout, progress, |beat| {
        watched.progress = Some(beat);
        run_in(&session, &query, &mut watched)
    });
    let exited = watched.exited;
    session.close();
    match flow {
        Err(Stop::Done) if exited || !outer_is_done(scope, &cancel) => Ok(()),
        flow => flow,
    }
}

/// Whether the rows ended because of the caller, and not of the limits of this query.
fn outer_is_done(scope: &Scope<'_>, cancel: &Cancel) -> bool {
    scope.cancel().is_cancelled() || !cancel.is_cancelled()
}

fn context(args: &Args<'_>, cancel: &Cancel) -> Result<Context, Error> {
    let mut context = args.scope.context().clone();
    let user = args.string(RUNAS)?;
    if !user.is_empty() {
        if !context.permissions.has(Permission::Impersonation) {
            return Err("PermissionDenied: Permission denied: [IMPERSONATION]".into());
        }
        let rights = args.scope.host().permissions_of(&user);
        context.permissions = rights.ok_or_else(|| Error::new(format!("user {user} is not known")))?;
    }
    let org = args.string(ORG_ID)?;
    if !org.is_empty() && org != "root" {
        return Err(Error::new(format!("org {org} is not known")));
    }
    let rates =
        Rates { cpu_percent: args.float(CPU_LIMIT, 0.0)?, io_per_second: args.float(IOPS_LIMIT, 0.0)? };
    if rates.is_limited() {
        let limited = context.host.clone().limited(rates, cancel);
        context.host = limited.ok_or_else(|| Error::from("limits cannot be measured here"))?;
        context.throttled = true;
    }
    Ok(context)
}

fn environment(args: &Args<'_>) -> Result<Row, Error> {
    let mut env = Row::default();
    if args.bool(INHERIT) {
        env = args.scope.snapshot().snapshot();
    }
    for name in args.text_list(COPY_ENV)? {
        let name = crate::schema::Name::new(&name.to_str_lossy());
        if let Some(value) = args.scope.find(&name) {
            env.set(&name, value);
        }
    }
    if let Some(dict) = args.dict(ENV)? {
        for (name, value) in dict.snapshot().iter() {
            env.set(name, value.clone());
        }
    }
    Ok(env)
}

fn run_in(session: &Session, query: &Value, sink: &mut dyn Sink) -> Flow {
    let scope = session.scope();
    match query {
        Value::Text(text) => {
            let source = text.to_str_lossy();
            let program = Program::compile(&source, &scope.context().registry)
                .map_err(|e| Error::new(e.to_string()))?;
            program.statements.iter().try_for_each(|statement| session.run(statement, sink))
        }
        query if query.is_source() => scope.push_rows(query, sink),
        other => {
            Err(Error::new(format!("Field query should be text or a query not {}.", other.type_name()))
                .into())
        }
    }
}

/// Counts rows, for the progress limit.
type Beat = Arc<AtomicU64>;

/// Runs `work` and cancels it when its time is over, or when no row came for too long.
fn with_deadline(
    scope: &Scope<'_>,
    cancel: &Cancel,
    timeout: f64,
    progress: f64,
    work: impl FnOnce(Beat) -> Flow,
) -> Flow {
    let beat = Beat::default();
    if timeout <= 0.0 && progress <= 0.0 {
        return work(beat);
    }
    let over = scope.cancel().child();
    std::thread::scope(|threads| {
        threads.spawn(|| watch(scope, cancel, &over, timeout, progress, &beat));
        let flow = work(beat.clone());
        over.cancel();
        flow
    })
}

fn seconds(s: f64) -> Duration {
    Duration::try_from_secs_f64(s).unwrap_or(Duration::MAX)
}

fn watch(scope: &Scope<'_>, cancel: &Cancel, over: &Cancel, timeout: f64, progress: f64, beat: &AtomicU64) {
    // In steps of the shorter limit; without a progress limit there is one step.
    let step = if progress > 0.0 { seconds(progress) } else { seconds(timeout) };
    let mut left = if timeout > 0.0 { seconds(timeout) } else { Duration::MAX };
    let mut seen = 0;
    loop {
        let wait = step.min(left);
        if over.wait(wait) {
            return;
        }
        left = left.saturating_sub(wait);
        let rows = beat.load(Ordering::Relaxed);
        let stalled = progress > 0.0 && rows == seen;
        if left.is_zero() || stalled {
            let why = if stalled { "no progress" } else { "timed out" };
            scope.log(Level::Error, format!("query: Timeout Error: {why}"));
            return cancel.cancel();
        }
        seen = rows;
    }
}

/// Passes rows on, watching for the exit condition.
struct Watched<'a> {
    sink: &'a mut dyn Sink,
    scope: &'a Scope<'a>,
    exit: Option<Arc<Lambda>>,
    exited: bool,
    progress: Option<Beat>,
}

impl Watched<'_> {
    fn check(&mut self, row: impl FnOnce() -> Value) -> Flow {
        if let Some(beat) = &self.progress {
            beat.fetch_add(1, Ordering::Relaxed);
        }
        let Some(exit) = &self.exit else { return Ok(()) };
        let verdict = exit.call(self.scope, &[row()]);
        if self.scope.truth(&verdict) {
            self.exited = true;
            return Err(Stop::Done);
        }
        Ok(())
    }
}

impl Sink for Watched<'_> {
    fn row(&mut self, row: &mut Row) -> Flow {
        let copy = self.exit.is_some().then(|| row.clone());
        self.sink.row(row)?;
        self.check(|| copy.map_or(Value::Null, Value::from))
    }

    fn value(&mut self, value: Value) -> Flow {
        self.sink.value(value.clone())?;
        self.check(|| value)
    }
}
