//! Queries that run beside the one that started them, until they end or the program does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use vql::call::{Error, Flow, Sink};
use vql::cancel::Cancel;
use vql::eval::parallel::report;
use vql::scope::{Context, Scope};
use vql::session::Session;
use vql::value::{Row, Value};

/// How long a stopped query is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// A query on a thread of its own. Dropping this stops it.
pub struct Beside {
    cancel: Cancel,
    over: Cancel,
}

/// What to run, and in which surroundings.
#[derive(Clone)]
pub struct Job {
    /// Begins its log lines.
    pub who: &'static str,
    pub context: Arc<Context>,
    pub vars: Row,
    /// How deep the scopes are nested already.
    pub depth: u32,
    pub query: Value,
    /// How long to wait before it starts.
    pub delay: Duration,
}

impl Job {
    /// A query with the variables of this scope.
    pub fn new(scope: &Scope<'_>, who: &'static str, query: Value) -> Self {
        Job {
            who,
            context: Arc::new(scope.context().clone()),
            vars: scope.snapshot().snapshot(),
            depth: scope.depth() + 1,
            query,
            delay: Duration::ZERO,
        }
    }

    /// Starts it. `sink` takes the rows and is dropped when there are no more.
    pub fn start(self, cancel: Cancel, mut sink: Box<dyn Sink>) -> Result<Beside, Error> {
        self.start_with(cancel, move |scope, query| scope.push_rows(query, &mut *sink))
    }

    /// Starts a thread that does something with the query, in a scope of its own.
    pub fn start_with(
        self,
        cancel: Cancel,
        work: impl FnOnce(&Scope<'_>, &Value) -> Flow + Send + 'static,
    ) -> Result<Beside, Error> {
        let permit = Permit::take(&self.context).ok_or("the query has too many threads")?;
        let over = Cancel::new();
        let beside = Beside { cancel: cancel.clone(), over: over.clone() };
        let who = self.who;
        let run = move || {
            // Set even when the query panics.
            let _ended = Ended(over);
            let _permit = permit;
            if cancel.wait(self.delay) {
                return;
            }
            let session = Session::new(self.context, self.vars, cancel).at_depth(self.depth);
            let scope = session.scope();
            report(&scope, who, work(&scope, &self.query));
            session.close();
        };
        std::thread::Builder::new()
            .name(format!("vql {who}"))
            .spawn(run)
            .map_err(|e| Error::new(format!("cannot start a thread: {e}")))?;
        Ok(beside)
    }
}

impl Beside {
    pub fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.cancel.cancel();
        self.over.wait(PATIENCE);
    }
}

struct Ended(Cancel);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// One of the threads that a program may have.
struct Permit(Arc<AtomicUsize>);

impl Permit {
    fn take(context: &Context) -> Option<Self> {
        let permit = Permit(context.threads.clone());
        // Counted before it is judged; dropping the permit gives it back.
        let before = permit.0.fetch_add(1, Ordering::Relaxed);
        (before < context.limits.threads).then_some(permit)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Takes rows and forgets them.
pub struct Discard;

impl Sink for Discard {
    fn row(&mut self, _row: &mut Row) -> Flow {
        Ok(())
    }

    fn value(&mut self, _value: Value) -> Flow {
        Ok(())
    }
}
