//! The machine that ran a task (the Cuckoo reference, section 3.2).

use serde::Serialize;

use super::Stamp;
use crate::db::{DbResult, Row, Tx};
use crate::params;

/// A machine at work, as on the wire.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Guest {
    pub id: u32,
    pub task_id: u32,
    pub status: String,
    pub name: String,
    pub label: String,
    /// The kind of machinery, such as `QEMU`.
    pub manager: String,
    pub started_on: Stamp,
    pub shutdown_on: Option<Stamp>,
}

/// How far a machine is with its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuestStatus {
    Init,
    Starting,
    Running,
    Stopping,
    Stopped,
    Failed,
}

impl GuestStatus {
    pub fn name(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }
}

/// The columns of `task_guests g`, as [`joined`] reads them.
pub(super) const COLUMNS: &str =
    "g.id, g.task_id, g.status, g.name, g.label, g.manager, g.started_on, g.shutdown_on";

/// A guest of columns that are all NULL for tasks that had no machine yet.
pub(super) fn joined(row: &mut Row) -> DbResult<Option<Guest>> {
    let Some(id) = row.take::<Option<u32>>()? else {
        for _ in 0..7 {
            row.take::<Option<String>>()?;
        }
        return Ok(None);
    };
    Ok(Some(Guest {
        id,
        task_id: row.take()?,
        status: row.take()?,
        name: row.take()?,
        label: row.take()?,
        manager: row.take()?,
        started_on: row.take()?,
        shutdown_on: row.take()?,
    }))
}

/// Notes that a machine begins with a task; what a run before left is forgotten.
pub fn begin(tx: &mut Tx<'_>, task: u32, name: &str, label: &str, manager: &str) -> DbResult<()> {
    tx.execute("DELETE FROM task_guests WHERE task_id = $1", params![task])?;
    let sql = "INSERT INTO task_guests (task_id, status, name, label, manager, started_on) VALUES ($1, $2, $3, $4, $5, $6)";
    tx.execute(sql, params![task, GuestStatus::Init.name(), name, label, manager, Stamp::now()])?;
    Ok(())
}

/// Notes how far the machine is; when it has stopped, the time as well.
pub fn set_status(tx: &mut Tx<'_>, task: u32, status: GuestStatus) -> DbResult<()> {
    let ended = matches!(status, GuestStatus::Stopped | GuestStatus::Failed).then(Stamp::now);
    let sql =
        "UPDATE task_guests SET status = $2, shutdown_on = COALESCE($3, shutdown_on) WHERE task_id = $1";
    tx.execute(sql, params![task, status.name(), ended])?;
    Ok(())
}
