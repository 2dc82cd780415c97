//! One query, many readers: what `generate()` makes.
//!
//! A run begins with its first reader (or with as many as were asked for) and ends with its last. Whoever comes while it
//! goes on sees the rows from then on; whoever comes later begins another.

mod queue;

use std::sync::Arc;

use parking_lot::Mutex;
use vql::call::{Error, Flow, Sink, Stop};
use vql::cancel::Cancel;
use vql::scope::Scope;
use vql::value::{Row, Value};

use crate::beside::{Beside, Job};
use crate::relay::emit;
use queue::Queue;

/// A query that several others read.
pub struct Generator {
    pub name: String,
    pub description: String,
    job: Job,
    fan_out: usize,
    in_file: bool,
    cancel: Cancel,
    run: Mutex<Option<Run>>,
}

/// One run, which may still wait for readers.
struct Run {
    readers: Arc<Readers>,
    /// The query, once it was started.
    beside: Option<Beside>,
}

/// Who reads, and whether the query has ended.
#[derive(Default)]
struct Readers(Mutex<Reading>);

#[derive(Default)]
struct Reading {
    queues: Vec<Arc<Queue>>,
    is_over: bool,
}

impl Generator {
    /// A generator; `fan_out` readers start it.
    pub fn new(
        name: String,
        description: String,
        job: Job,
        fan_out: usize,
        in_file: bool,
        cancel: Cancel,
    ) -> Self {
        Generator { name, description, job, fan_out, in_file, cancel, run: Mutex::default() }
    }

    /// Pushes rows from now on into a sink.
    pub fn read(&self, scope: &Scope<'_>, sink: &mut dyn Sink) -> Flow {
        let reader = self.join(scope)?;
        while let Some(row) = reader.queue.pop(scope.cancel())? {
            emit(row, sink)?;
        }
        Ok(())
    }

    fn join(&self, scope: &Scope<'_>) -> Result<Reader<'_>, Error> {
        let file = match self.in_file {
            true => Some(scope.host().spill().map_err(|e| Error::new(format!("temporary file: {e}")))?),
            false => None,
        };
        let queue = Arc::new(Queue::new(file));
        let mut run = self.run.lock();
        let present = match &*run {
            Some(present) if present.readers.add(&queue) => None,
            _ => {
                let readers = Arc::new(Readers::default());
                readers.add(&queue);
                run.replace(Run { readers, beside: None })
            }
        };
        let Some(current) = &mut *run else { return Err("no run".into()) };
        let reader = Reader { generator: self, readers: current.readers.clone(), queue };
        if current.beside.is_none() && current.readers.count() >= self.fan_out {
            let output = Output { readers: current.readers.clone(), cancel: self.cancel.child() };
            let cancel = output.cancel.clone();
            match self.job.clone().start(cancel, Box::new(output)) {
                Ok(beside) => current.beside = Some(beside),
                Err(e) => {
                    drop(run);
                    return Err(e);
                }
            }
        }
        drop(run);
        // A run that was over may have to be waited for.
        drop(present);
        Ok(reader)
    }
}

impl Readers {
    /// Adds a reader; false when the run is over.
    fn add(&self, queue: &Arc<Queue>) -> bool {
        let mut reading = self.0.lock();
        if !reading.is_over {
            reading.queues.push(queue.clone());
        }
        !reading.is_over
    }

    fn count(&self) -> usize {
        self.0.lock().queues.len()
    }

    /// Takes a reader out; true when it was the last.
    fn remove(&self, queue: &Arc<Queue>) -> bool {
        let mut reading = self.0.lock();
        reading.queues.retain(|q| !Arc::ptr_eq(q, queue));
        reading.is_over |= reading.queues.is_empty();
        reading.queues.is_empty()
    }
}

/// A reader at work.
struct Reader<'a> {
    generator: &'a Generator,
    readers: Arc<Readers>,
    queue: Arc<Queue>,
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.queue.leave();
        if !self.readers.remove(&self.queue) {
            return;
        }
        let mut run = self.generator.run.lock();
        let is_ours = run.as_ref().is_some_and(|run| Arc::ptr_eq(&run.readers, &self.readers));
        let ended = if is_ours { run.take() } else { None };
        drop(run);
        // Stopped without the lock: it may take a moment.
        drop(ended);
    }
}

/// Hands each row to every reader; the slowest one sets the pace.
struct Output {
    readers: Arc<Readers>,
    cancel: Cancel,
}

impl Sink for Output {
    fn row(&mut self, row: &mut Row) -> Flow {
        let cells = std::mem::take(&mut row.cells);
        self.value(Value::Dict(Row { schema: row.schema.clone(), cells }.into()))
    }

    fn value(&mut self, value: Value) -> Flow {
        let queues = self.readers.0.lock().queues.clone();
        if queues.is_empty() {
            return Err(Stop::Done);
        }
        queues.iter().try_for_each(|queue| queue.push(&value, &self.cancel))
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        let mut reading = self.readers.0.lock();
        reading.is_over = true;
        for queue in &reading.queues {
            queue.end();
        }
    }
}
