//! Lists of tasks, and how many there are (the Cuckoo reference, sections 5.4 and 5.18).

use std::collections::HashMap;

use super::{Stamp, Status, Task, from_row, select};
use crate::db::{DbResult, Param as _, Tx, Value};
use crate::params;

/// Which tasks a list shows. Everything that is given has to hold.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub sample: Option<u32>,
    pub owner: Option<String>,
    pub status: Option<Status>,
    /// Strictly later; unfinished tasks are left out.
    pub completed_after: Option<Stamp>,
    /// All when not given.
    pub limit: Option<u32>,
    pub offset: u32,
}

/// The tasks: finished ones as they ended, then the others; those of one moment by id.
pub fn list(tx: &mut Tx<'_>, filter: &Filter) -> DbResult<Vec<Task>> {
    let (mut conditions, mut values): (Vec<&str>, Vec<Value<'_>>) = (vec!["1 = 1"], Vec::new());
    let status = filter.status.map(Status::name);
    let given = [
        ("t.sample_id = ", filter.sample.as_ref().map(|id| id.value())),
        ("t.owner = ", filter.owner.as_ref().map(|owner| owner.value())),
        ("t.status = ", status.map(|name| name.value())),
        ("t.completed_on > ", filter.completed_after.as_ref().map(|after| after.value())),
    ];
    let mut sql = select();
    sql.push_str(" WHERE ");
    let mut text = String::new();
    for (condition, value) in given {
        if let Some(value) = value {
            values.push(value);
            text = format!("{text} AND {condition}${}", values.len());
        }
    }
    conditions.push(&text);
    sql.push_str(&conditions.concat());
    let limit = filter.limit.map_or(i64::MAX, i64::from);
    sql.push_str(&format!(
        " ORDER BY CASE WHEN t.completed_on IS NULL THEN 1 ELSE 0 END, t.completed_on, t.id LIMIT {limit} OFFSET {}",
        filter.offset
    ));
    let mut tasks = tx.all(&sql, &values, from_row)?;
    add_errors(tx, &mut tasks)?;
    Ok(tasks)
}

fn add_errors(tx: &mut Tx<'_>, tasks: &mut [Task]) -> DbResult<()> {
    let ids = || tasks.iter().map(|task| task.id);
    let (Some(first), Some(last)) = (ids().min(), ids().max()) else { return Ok(()) };
    let sql = "SELECT task_id, message FROM task_errors WHERE task_id BETWEEN $1 AND $2 ORDER BY id";
    let mut errors: HashMap<u32, Vec<String>> = HashMap::new();
    for (id, message) in tx.all(sql, params![first, last], |row| Ok((row.take::<u32>()?, row.take()?)))? {
        errors.entry(id).or_default().push(message);
    }
    for task in tasks {
        task.errors = errors.remove(&task.id).unwrap_or_default();
    }
    Ok(())
}

/// The tasks that wait for a machine, in the order in which they are served: by priority, then by age.
pub fn waiting(tx: &mut Tx<'_>) -> DbResult<Vec<Task>> {
    let sql = format!("{} WHERE t.status = $1 ORDER BY t.priority DESC, t.added_on, t.id", select());
    tx.all(&sql, params![Status::Pending.name()], from_row)
}

/// How many tasks there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub total: u64,
    by_status: HashMap<Status, u64>,
}

impl Counts {
    pub fn of(&self, status: Status) -> u64 {
        self.by_status.get(&status).copied().unwrap_or_default()
    }
}

/// How many tasks there are in each state.
pub fn counts(tx: &mut Tx<'_>) -> DbResult<Counts> {
    let mut counts = Counts::default();
    let found = tx.all("SELECT status, COUNT(*) FROM tasks GROUP BY status", &[], |row| {
        Ok((row.take::<String>()?, row.take::<u64>()?))
    })?;
    for (status, count) in found {
        counts.total += count;
        if let Some(status) = Status::parse(&status) {
            counts.by_status.insert(status, count);
        }
    }
    Ok(counts)
}
