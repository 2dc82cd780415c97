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
    /// By its name; there may be no such status.
    pub status: Option<String>,
    /// Strictly later; unfinished tasks are left out.
    pub completed_after: Option<Stamp>,
    /// All when not given.
    pub limit: Option<u32>,
    pub offset: u32,
}

/// The ids of the tasks: finished ones as they ended, then the others; those of one moment by id.
pub fn ids(tx: &mut Tx<'_>, filter: &Filter) -> DbResult<Vec<u32>> {
    let (mut conditions, mut values): (Vec<&str>, Vec<Value<'_>>) = (vec!["1 = 1"], Vec::new());
    let given = [
        ("t.sample_id = ", filter.sample.as_ref().map(|id| id.value())),
        ("t.owner = ", filter.owner.as_ref().map(|owner| owner.value())),
        ("t.status = ", filter.status.as_ref().map(|name| name.value())),
        ("t.completed_on > ", filter.completed_after.as_ref().map(|after| after.value())),
    ];
    let mut sql = "SELECT t.id FROM tasks t WHERE ".to_owned();
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
    tx.values(&sql, &values)
}

/// The tasks themselves.
pub fn list(tx: &mut Tx<'_>, filter: &Filter) -> DbResult<Vec<Task>> {
    let ids = ids(tx, filter)?;
    these(tx, &ids)
}

/// The tasks with these ids, in this order. Those that are gone are left out.
pub fn these(tx: &mut Tx<'_>, ids: &[u32]) -> DbResult<Vec<Task>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = ids.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    let found = tx.all(&format!("{} WHERE t.id IN ({wanted})", select()), &[], from_row)?;
    let mut found: HashMap<u32, Task> = found.into_iter().map(|task| (task.id, task)).collect();
    let sql = format!("SELECT task_id, message FROM task_errors WHERE task_id IN ({wanted}) ORDER BY id");
    for (id, message) in tx.all(&sql, &[], |row| Ok((row.take::<u32>()?, row.take()?)))? {
        if let Some(task) = found.get_mut(&id) {
            task.errors.push(message);
        }
    }
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

/// Of all tasks that ask for the same kind of machine the one that is served first; in the order in which they are served: by
/// priority, then by age. However many wait, these are as many as there are kinds of wishes.
pub fn next_of_each_wish(tx: &mut Tx<'_>) -> DbResult<Vec<Task>> {
    let sql = "SELECT DISTINCT machine, platform, tags FROM tasks WHERE status = $1";
    let wishes = tx.all(sql, params![Status::Pending.name()], |row| {
        Ok((row.take::<Option<String>>()?, row.take::<Option<String>>()?, row.take::<String>()?))
    })?;
    let mut first = Vec::new();
    for (machine, platform, tags) in wishes {
        let mut values = vec![Status::Pending.name().value(), tags.value()];
        let mut sql = format!("{} WHERE t.status = $1 AND t.tags = $2", select());
        for (column, wish) in [("t.machine", &machine), ("t.platform", &platform)] {
            match wish {
                Some(wish) => {
                    values.push(wish.value());
                    sql.push_str(&format!(" AND {column} = ${}", values.len()));
                }
                None => sql.push_str(&format!(" AND {column} IS NULL")),
            }
        }
        sql.push_str(" ORDER BY t.priority DESC, t.added_on, t.id LIMIT 1");
        first.extend(tx.first(&sql, &values, from_row)?);
    }
    first.sort_by_key(|task| (std::cmp::Reverse(task.priority), task.added_on, task.id));
    Ok(first)
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
