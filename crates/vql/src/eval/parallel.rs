//! Queries on several threads, their rows merged into one sink.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::call::{Flow, Sink, Stop};
use crate::cancel::Cancel;
use crate::host::Level;
use crate::scope::Scope;
use crate::value::{Row, Value};

/// A sink that several threads push into. The first refusal stops them all.
pub struct Shared<'a> {
    sink: Mutex<&'a mut dyn Sink>,
    done: AtomicBool,
    cancel: Cancel,
}

impl<'a> Shared<'a> {
    pub fn new(scope: &Scope<'_>, sink: &'a mut dyn Sink) -> Self {
        Shared { sink: Mutex::new(sink), done: AtomicBool::new(false), cancel: scope.cancel().child() }
    }

    /// The flag under which the threads run.
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    fn push(&self, push: impl FnOnce(&mut dyn Sink) -> Flow) -> Flow {
        let mut sink = self.sink.lock();
        if self.done.load(Ordering::Relaxed) {
            return Err(Stop::Done);
        }
        push(&mut **sink).inspect_err(|_| {
            self.done.store(true, Ordering::Relaxed);
            self.cancel.cancel();
        })
    }

    /// How the whole ended: whether the consumer wants no more rows.
    pub fn flow(&self) -> Flow {
        if self.done.load(Ordering::Relaxed) { Err(Stop::Done) } else { Ok(()) }
    }
}

impl Sink for &Shared<'_> {
    fn row(&mut self, row: &mut Row) -> Flow {
        self.push(|sink| sink.row(row))
    }

    fn value(&mut self, value: Value) -> Flow {
        self.push(|sink| sink.value(value))
    }
}

/// Logs why a thread's query ended, if it failed.
pub fn report(scope: &Scope<'_>, who: &str, flow: Flow) {
    if let Err(Stop::Failed(e)) = flow {
        scope.log(Level::Default, format!("{who}: {e}"));
    }
}

/// Runs several queries at a time; their rows interleave.
pub fn run_all(scope: &Scope<'_>, who: &str, queries: &[Value], sink: &mut dyn Sink) -> Flow {
    let shared = Shared::new(scope, sink);
    let permits = Threads::take(scope, queries.len());
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = || {
        let scope = scope.with_cancel(shared.cancel());
        while let Some(query) = queries.get(next.fetch_add(1, Ordering::Relaxed)) {
            report(&scope, who, scope.push_rows(query, &mut &shared));
        }
    };
    std::thread::scope(|threads| {
        for _ in 1..permits.count.max(1) {
            threads.spawn(work);
        }
        work();
    });
    shared.flow()
}

/// Threads a query was allowed to start; given back when dropped.
pub struct Threads<'a> {
    scope: Scope<'a>,
    pub count: usize,
}

impl<'a> Threads<'a> {
    /// As many of `wanted` as the limit of the query leaves.
    pub fn take(scope: &Scope<'a>, wanted: usize) -> Self {
        let running = &scope.context().threads;
        let limit = scope.context().limits.threads;
        let before = running.fetch_add(wanted, Ordering::Relaxed);
        let count = wanted.min(limit.saturating_sub(before));
        running.fetch_sub(wanted - count, Ordering::Relaxed);
        Threads { scope: *scope, count }
    }
}

impl Drop for Threads<'_> {
    fn drop(&mut self) {
        self.scope.context().threads.fetch_sub(self.count, Ordering::Relaxed);
    }
}
