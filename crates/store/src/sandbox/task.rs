//! Tasks: what is to be analysed, how, and how far it is (the Cuckoo reference, sections 3.1, 4 and 5).

use serde::{Serialize, Serializer};

use super::guest::{self, Guest};
use super::sample::{self, Sample};
use super::{Stamp, Status};
use crate::db::{DbError, DbResult, Row, Tx};
use crate::params;

mod change;
mod list;
#[cfg(test)]
mod tests;

pub use change::{
    Deleted, complete_again, delete, fail, give_up_waiting, reboot, recover, requeue_running, reschedule,
    running, set_processing, set_route, set_status, take,
};
pub use list::{Counts, Filter, counts, ids, list, next_of_each_wish, these};

/// What a task is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    File,
    Url,
    /// A member of an archive.
    Archive,
}

impl Category {
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Url => "url",
            Self::Archive => "archive",
        }
    }

    fn parse(name: &str) -> Self {
        match name {
            "url" => Self::Url,
            "archive" => Self::Archive,
            _ => Self::File,
        }
    }
}

/// A task as on the wire.
#[derive(Clone, Debug, Serialize)]
pub struct Task {
    pub id: u32,
    pub category: Category,
    /// A URL, or a path below a virtual root that ends with the name of the file.
    pub target: String,
    /// The machine that was asked for, by its label.
    pub machine: Option<String>,
    pub package: Option<String>,
    /// `k=v,k=v`.
    pub options: Option<String>,
    /// Seconds; 0 is the server's default.
    pub timeout: u32,
    pub priority: i32,
    pub custom: Option<String>,
    pub owner: String,
    pub platform: Option<String>,
    pub tags: Vec<String>,
    pub memory: bool,
    pub enforce_timeout: bool,
    pub clock: Stamp,
    pub added_on: Stamp,
    pub started_on: Option<Stamp>,
    pub completed_on: Option<Stamp>,
    pub status: Status,
    pub sample_id: Option<u32>,
    #[serde(serialize_with = "or_empty")]
    pub sample: Option<Sample>,
    #[serde(serialize_with = "or_empty")]
    pub guest: Option<Guest>,
    pub errors: Vec<String>,
    pub processing: Option<String>,
    pub route: Option<String>,
    /// Seconds on the machine; -1 until known.
    pub duration: i64,
    pub submit_id: Option<u32>,
}

/// What is not there is `{}` on the wire.
fn or_empty<T: Serialize, S: Serializer>(what: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    match what {
        Some(what) => what.serialize(serializer),
        None => serializer.collect_map(std::iter::empty::<((), ())>()),
    }
}

/// A task that somebody asks for.
#[derive(Clone, Debug)]
pub struct NewTask {
    pub category: Category,
    /// A URL, or the name of the file.
    pub target: String,
    pub sample_id: Option<u32>,
    pub submit_id: Option<u32>,
    pub machine: Option<String>,
    pub package: Option<String>,
    pub options: Option<String>,
    pub timeout: u32,
    pub priority: i32,
    pub custom: Option<String>,
    pub owner: String,
    pub platform: Option<String>,
    pub tags: Vec<String>,
    pub memory: bool,
    pub enforce_timeout: bool,
    /// Now, when not given.
    pub clock: Option<Stamp>,
}

impl NewTask {
    /// With nothing asked for but this, and the priority that tasks have when none is asked for.
    pub fn of_url(target: &str) -> Self {
        Self {
            category: Category::Url,
            target: target.to_owned(),
            sample_id: None,
            submit_id: None,
            machine: None,
            package: None,
            options: None,
            timeout: 0,
            priority: 1,
            custom: None,
            owner: String::new(),
            platform: None,
            tags: Vec::new(),
            memory: false,
            enforce_timeout: false,
            clock: None,
        }
    }
}

/// Stores a task that waits for a machine; gives its id, which is never used again.
pub fn create(tx: &mut Tx<'_>, new: &NewTask) -> DbResult<u32> {
    let now = Stamp::now();
    let sql = "INSERT INTO tasks (category, target, sample_id, submit_id, machine, package, options, timeout, priority, \
        custom, owner, platform, tags, memory, enforce_timeout, clock, added_on, status) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) RETURNING id";
    let id = tx.value(
        sql,
        params![
            new.category.name(),
            new.target,
            new.sample_id,
            new.submit_id,
            new.machine,
            new.package,
            new.options,
            new.timeout,
            new.priority,
            new.custom,
            new.owner,
            new.platform,
            new.tags.join(","),
            new.memory,
            new.enforce_timeout,
            new.clock.unwrap_or(now),
            now,
            Status::Pending.name()
        ],
    )?;
    id.ok_or(DbError::Closed)
}

/// Whether somebody asked before for exactly this URL to be analysed.
pub fn is_known_url(tx: &mut Tx<'_>, url: &str) -> DbResult<bool> {
    let sql = "SELECT id FROM tasks WHERE category = 'url' AND target = $1 LIMIT 1";
    Ok(tx.value::<u32>(sql, params![url])?.is_some())
}

/// A number for tasks that one call makes.
pub fn new_submit(tx: &mut Tx<'_>) -> DbResult<u32> {
    let id = tx.value("INSERT INTO submits (added_on) VALUES ($1) RETURNING id", params![Stamp::now()])?;
    id.ok_or(DbError::Closed)
}

/// The task with this id.
pub fn view(tx: &mut Tx<'_>, id: u32) -> DbResult<Option<Task>> {
    let sql = format!("{} WHERE t.id = $1", select());
    let Some(mut task) = tx.first(&sql, params![id], from_row)? else { return Ok(None) };
    task.errors = tx.values("SELECT message FROM task_errors WHERE task_id = $1 ORDER BY id", params![id])?;
    Ok(Some(task))
}

fn select() -> String {
    format!(
        "SELECT t.id, t.category, t.target, t.machine, t.package, t.options, t.timeout, t.priority, t.custom, t.owner, \
        t.platform, t.tags, t.memory, t.enforce_timeout, t.clock, t.added_on, t.started_on, t.completed_on, t.status, \
        t.sample_id, t.processing, t.route, t.submit_id, {}, {} FROM tasks t \
        LEFT JOIN samples s ON s.id = t.sample_id LEFT JOIN task_guests g ON g.task_id = t.id",
        sample::COLUMNS,
        guest::COLUMNS
    )
}

/// All but the errors.
fn from_row(row: &mut Row) -> DbResult<Task> {
    let mut task = Task {
        id: row.take()?,
        category: Category::parse(&row.take::<String>()?),
        target: row.take()?,
        machine: row.take()?,
        package: row.take()?,
        options: row.take()?,
        timeout: row.take()?,
        priority: row.take()?,
        custom: row.take()?,
        owner: row.take()?,
        platform: row.take()?,
        tags: tags(&row.take::<String>()?),
        memory: row.take()?,
        enforce_timeout: row.take()?,
        clock: row.take()?,
        added_on: row.take()?,
        started_on: row.take()?,
        completed_on: row.take()?,
        status: Status::parse(&row.take::<String>()?).ok_or(DbError::Closed)?,
        sample_id: row.take()?,
        processing: row.take()?,
        route: row.take()?,
        submit_id: row.take()?,
        sample: sample::joined(row)?,
        guest: guest::joined(row)?,
        errors: Vec::new(),
        duration: -1,
    };
    if task.category != Category::Url {
        task.target = format!("/uploads/{}/{}", task.id, task.target);
    }
    let ran = task.guest.as_ref().and_then(|guest| Some((guest.started_on, guest.shutdown_on?)));
    task.duration = ran.map_or(-1, |(from, to)| (to.0 - from.0).max(0) / 1_000_000);
    Ok(task)
}

fn tags(text: &str) -> Vec<String> {
    text.split(',').filter(|tag| !tag.is_empty()).map(String::from).collect()
}

impl Task {
    /// The name under which the file came; for a URL the whole of it.
    pub fn file_name(&self) -> &str {
        match self.category {
            Category::Url => &self.target,
            _ => self.target.rsplit('/').next().unwrap_or_default(),
        }
    }
}
