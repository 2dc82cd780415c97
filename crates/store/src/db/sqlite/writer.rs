//! The one thread that writes: what waits is done as one transaction, each piece of work in a savepoint of its own,
//! and answered after the commit. One sync, which takes milliseconds, thus serves many.

use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::guarded;
use crate::db::error::{DbError, DbResult};
use crate::db::tx::{On, Tx};

/// The most pieces of work in one commit.
const MAX_GROUP: usize = 512;
/// After that much work a group is committed, so that nobody waits for ever.
const MAX_WORK: Duration = Duration::from_millis(20);

/// Tells the caller: with the result of the commit.
type Answer = Box<dyn FnOnce(DbResult<()>) + Send>;

/// A piece of work: done in a savepoint, it says whether that stays, and whom to answer.
pub struct Job(Box<dyn FnOnce(&Connection) -> (bool, Answer) + Send>);

impl Job {
    pub fn new<T, E, F>(work: F, answer: oneshot::Sender<Result<T, E>>) -> Self
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        Self(Box::new(move |connection| {
            let result = guarded(|| work(&mut Tx { on: On::Sqlite(connection) }));
            let stays = result.is_ok();
            let tell = move |committed: DbResult<()>| {
                // Nobody waits any more when the caller was cancelled; the work is done all the same.
                let _ = answer.send(result.and_then(|value| committed.map(|()| value).map_err(E::from)));
            };
            (stays, Box::new(tell) as Answer)
        }))
    }
}

/// Starts the thread; it ends when all senders are gone.
pub fn start(connection: Connection, jobs: mpsc::Receiver<Job>) -> std::io::Result<()> {
    std::thread::Builder::new().name("db-writer".into()).spawn(move || run(&connection, jobs)).map(drop)
}

fn run(connection: &Connection, mut jobs: mpsc::Receiver<Job>) {
    while let Some(first) = jobs.blocking_recv() {
        let mut answers = Vec::new();
        let done = group(connection, first, &mut jobs, &mut answers);
        if !connection.is_autocommit() {
            let undone = connection.execute_batch("ROLLBACK");
            tracing::error!(?undone, "a group of writes was undone");
        }
        let failed = done.as_ref().err().map(told_to_each);
        for answer in answers {
            answer(failed.map_or(Ok(()), |error| Err(error())));
        }
    }
}

/// How a failed commit is told to each of those who wait: the error itself cannot be copied.
fn told_to_each(error: &DbError) -> fn() -> DbError {
    tracing::error!(%error, "the database did not commit");
    match error {
        DbError::Full => || DbError::Full,
        DbError::Busy => || DbError::Busy,
        _ => || DbError::Closed,
    }
}

/// Does what waits and commits it. A piece of work whose turn did not come is dropped, which its caller notices.
fn group(
    connection: &Connection,
    first: Job,
    jobs: &mut mpsc::Receiver<Job>,
    answers: &mut Vec<Answer>,
) -> DbResult<()> {
    let begun = Instant::now();
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let mut next = Some(first);
    while let Some(Job(work)) = next.take() {
        connection.execute_batch("SAVEPOINT work")?;
        let (stays, answer) = work(connection);
        answers.push(answer);
        if connection.is_autocommit() {
            // A full disk ends the whole transaction, and with it what others did in it.
            return Err(DbError::Full);
        }
        connection.execute_batch(if stays { "RELEASE work" } else { "ROLLBACK TO work; RELEASE work" })?;
        if answers.len() < MAX_GROUP && begun.elapsed() < MAX_WORK {
            next = jobs.try_recv().ok();
        }
    }
    Ok(connection.execute_batch("COMMIT")?)
}
