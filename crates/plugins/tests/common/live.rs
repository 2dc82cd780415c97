//! Queries at work beside a test, which waits for what it says it waits for, however slow the machine is.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use plugins::world::World;
use vql::call::{Flow, Sink};
use vql::cancel::Cancel;
use vql::json::{self, JsonOptions};
use vql::permission::Permissions;
use vql::value::{Row, Value};

use super::{Log, Outcome, execute};

/// After which something hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until it is so.
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "{what}: not after {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Rows as JSON, for two threads.
#[derive(Clone, Default)]
struct Rows(Arc<Mutex<Vec<String>>>);

impl Rows {
    fn push(&self, row: Vec<u8>) {
        self.0.lock().push(String::from_utf8(row).unwrap());
    }
}

impl Sink for Rows {
    fn row(&mut self, row: &mut Row) -> Flow {
        let mut text = Vec::new();
        json::write_row(row, &mut text, &JsonOptions::default());
        self.push(text);
        Ok(())
    }

    fn value(&mut self, value: Value) -> Flow {
        let mut text = Vec::new();
        json::write_value(&value, &mut text, &JsonOptions::default());
        self.push(text);
        Ok(())
    }
}

/// A query at work.
pub struct Live {
    query: String,
    cancel: Cancel,
    rows: Rows,
    log: Log,
    thread: JoinHandle<()>,
}

impl Live {
    /// Starts a program with variables and all rights.
    pub fn start(source: &str, env: &[(&str, &str)]) -> Self {
        let (cancel, rows, log) = (Cancel::new(), Rows::default(), Log::default());
        let env: Vec<(String, String)> =
            env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (query, stop, mut sink, lines) = (source.to_owned(), cancel.clone(), rows.clone(), log.clone());
        let thread = std::thread::spawn(move || {
            let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (&**name, &**value)).collect();
            execute(World::of_process(), &query, &env, Permissions::all(), stop, &lines, &mut sink);
        });
        Live { query: source.to_owned(), cancel, rows, log, thread }
    }

    /// Starts one whose event plugin says that it has seen what was there.
    #[track_caller]
    pub fn watch(source: &str, env: &[(&str, &str)]) -> Self {
        let live = Self::start(source, env);
        until("the query watches", || live.log.lock().iter().any(|line| line.contains(": watching")));
        live
    }

    /// Waits for so many rows.
    #[track_caller]
    pub fn rows(&self, count: usize) {
        until(&format!("{count} rows of {}", self.query), || self.rows.0.lock().len() >= count);
    }

    /// Stops it: what it gave, without lines of the log that only tell how it went.
    #[track_caller]
    pub fn stop(self) -> Outcome {
        self.cancel.cancel();
        self.end()
    }

    /// Waits for its end.
    #[track_caller]
    pub fn end(self) -> Outcome {
        until(&format!("the end of {}", self.query), || self.thread.is_finished());
        self.thread.join().unwrap();
        let log = self.log.lock().iter().filter(|line| !line.starts_with("DEBUG:")).cloned().collect();
        Outcome { rows: format!("[{}]", self.rows.0.lock().join(",")), log }
    }
}
