//! How tasks go from one state to the next (the Cuckoo reference, section 4).

use super::{Stamp, Status, Task, create, view};
use crate::db::{DbResult, Tx};
use crate::params;
use crate::sandbox::NewTask;

/// Gives a task its next state, unless it is in one from which that does not follow. Says whether it was given.
pub fn set_status(tx: &mut Tx<'_>, id: u32, next: Status) -> DbResult<bool> {
    let from: Vec<String> = next.after().iter().map(|status| format!("'{}'", status.name())).collect();
    let now = Stamp::now();
    let (started, completed) = match next {
        Status::Running => (Some(now), None),
        Status::Completed => (None, Some(now)),
        _ => (None, None),
    };
    let sql = format!(
        "UPDATE tasks SET status = $2, started_on = COALESCE($3, started_on), completed_on = COALESCE($4, completed_on) \
        WHERE id = $1 AND status IN ({})",
        from.join(", ")
    );
    Ok(tx.execute(&sql, params![id, next.name(), started, completed])? == 1)
}

/// Takes a task that waits for a machine; false when somebody else was faster, or it is gone.
pub fn take(tx: &mut Tx<'_>, id: u32) -> DbResult<bool> {
    set_status(tx, id, Status::Running)
}

/// Notes a failure, once. Such notes are for real failures: clients take any as trouble.
pub fn fail(tx: &mut Tx<'_>, id: u32, message: &str) -> DbResult<()> {
    let known = "SELECT id FROM task_errors WHERE task_id = $1 AND message = $2 LIMIT 1";
    if tx.value::<u32>(known, params![id, message])?.is_some() {
        return Ok(());
    }
    let sql = "INSERT INTO task_errors (task_id, message) SELECT id, $2 FROM tasks WHERE id = $1";
    tx.execute(sql, params![id, message])?;
    Ok(())
}

/// Ends a task that no machine can ever run.
pub fn give_up_waiting(tx: &mut Tx<'_>, id: u32, message: &str) -> DbResult<bool> {
    let ended = set_status(tx, id, Status::FailedAnalysis)?;
    if ended {
        fail(tx, id, message)?;
    }
    Ok(ended)
}

/// Marks a task that another one replaces.
pub fn recover(tx: &mut Tx<'_>, id: u32) -> DbResult<bool> {
    set_status(tx, id, Status::Recovered)
}

/// Makes the same task anew, with another priority when one is given; the old one is marked. `None` when there is none.
pub fn reschedule(tx: &mut Tx<'_>, id: u32, priority: Option<i32>) -> DbResult<Option<u32>> {
    let Some(task) = view(tx, id)? else { return Ok(None) };
    let priority = priority.unwrap_or(task.priority);
    recover(tx, id)?;
    create(tx, &NewTask { priority, ..again(task) }).map(Some)
}

/// Makes a task that plays the machine's next start after this one: its package is `reboot`, and `custom` the number of this one.
/// `None` when there is none.
pub fn reboot(tx: &mut Tx<'_>, id: u32) -> DbResult<Option<u32>> {
    let Some(task) = view(tx, id)? else { return Ok(None) };
    let (package, custom) = (Some("reboot".to_owned()), Some(id.to_string()));
    create(tx, &NewTask { package, custom, ..again(task) }).map(Some)
}

/// The same once more.
pub(super) fn again(task: Task) -> NewTask {
    NewTask {
        category: task.category,
        target: task.file_name().to_owned(),
        sample_id: task.sample_id,
        submit_id: None,
        machine: task.machine,
        package: task.package,
        options: task.options,
        timeout: task.timeout,
        priority: task.priority,
        custom: task.custom,
        owner: task.owner,
        platform: task.platform,
        tags: task.tags,
        memory: task.memory,
        enforce_timeout: task.enforce_timeout,
        // The time of submission stands for none that was asked for.
        clock: (task.clock != task.added_on).then_some(task.clock),
    }
}

/// Sends a task through processing again; false unless it had been through. It counts as completed anew (the Cuckoo reference,
/// section 3.1).
pub fn complete_again(tx: &mut Tx<'_>, id: u32) -> DbResult<bool> {
    let sql = "UPDATE tasks SET status = $2, processing = NULL, completed_on = $3 WHERE id = $1 AND status IN ($4, $5)";
    let (next, done, failed) = (Status::Completed, Status::Reported, Status::FailedProcessing);
    let changed = tx.execute(sql, params![id, next.name(), Stamp::now(), done.name(), failed.name()])?;
    Ok(changed == 1)
}

/// Which worker processes a task.
pub fn set_processing(tx: &mut Tx<'_>, id: u32, worker: Option<&str>) -> DbResult<()> {
    tx.execute("UPDATE tasks SET processing = $2 WHERE id = $1", params![id, worker])?;
    Ok(())
}

/// Which way the machine's packets really went.
pub fn set_route(tx: &mut Tx<'_>, id: u32, route: &str) -> DbResult<()> {
    tx.execute("UPDATE tasks SET route = $2 WHERE id = $1", params![id, route])?;
    Ok(())
}

/// The tasks that are running.
pub fn running(tx: &mut Tx<'_>) -> DbResult<Vec<u32>> {
    let sql = "SELECT id FROM tasks WHERE status = $1 ORDER BY id";
    tx.values(sql, params![Status::Running.name()])
}

/// What another server left running waits again; gives the tasks.
pub fn requeue_running(tx: &mut Tx<'_>) -> DbResult<Vec<u32>> {
    let ids = running(tx)?;
    for id in &ids {
        tx.execute("DELETE FROM task_guests WHERE task_id = $1", params![id])?;
        let sql = "UPDATE tasks SET status = $2, started_on = NULL WHERE id = $1";
        tx.execute(sql, params![id, Status::Pending.name()])?;
    }
    Ok(ids)
}

/// What became of a wish to delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    Done,
    Unknown,
    /// It has a machine, or its results are being processed.
    Busy,
}

/// Deletes a task and its records, not its sample.
pub fn delete(tx: &mut Tx<'_>, id: u32) -> DbResult<Deleted> {
    let status = tx.value::<String>("SELECT status FROM tasks WHERE id = $1", params![id])?;
    match status.as_deref().map(Status::parse) {
        None => Ok(Deleted::Unknown),
        Some(Some(Status::Running | Status::Completed)) => Ok(Deleted::Busy),
        Some(_) => {
            tx.execute("DELETE FROM tasks WHERE id = $1", params![id])?;
            Ok(Deleted::Done)
        }
    }
}
