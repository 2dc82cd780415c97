//! Saved queries, and the hidden ones of live queries (the Fleet reference, section 6).

use super::fault::{Fault, Outcome};
use super::name::key;
use super::time::Time;
use crate::db::{DbError, Tx};
use crate::params;

/// What a live query needs to know of a stored query.
#[derive(Clone, Debug)]
pub struct Runnable {
    pub id: u32,
    pub query: String,
    pub observer_can_run: bool,
}

/// The stored query with this id.
pub fn runnable(tx: &mut Tx<'_>, id: u32) -> Outcome<Runnable> {
    let sql = "SELECT id, query, observer_can_run FROM queries WHERE id = $1";
    let found = tx.first(sql, params![id], |row| {
        Ok(Runnable { id: row.take()?, query: row.take()?, observer_can_run: row.take()? })
    })?;
    found.ok_or_else(|| Fault::not_found("Query", id))
}

/// Keeps the text of a live query that was typed in, under a name that nobody else has.
pub fn create_hidden(tx: &mut Tx<'_>, author: (u32, &str), sql: &str) -> Outcome<u32> {
    let now = Time::now();
    let base = format!("distributed_{}_{}", author.1, now.as_second());
    let taken: u64 = tx
        .value(
            "SELECT COUNT(*) FROM queries WHERE name_key LIKE $1 ESCAPE '\\'",
            params![format!("{}%", key(&base).replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"))],
        )?
        .unwrap_or(0);
    let name = if taken == 0 { base } else { format!("{base}_{taken}") };
    let insert = "INSERT INTO queries (created_at, updated_at, name, name_key, description, query, saved, author_id) \
        VALUES ($1, $1, $2, $3, '', $4, 0, $5) RETURNING id";
    let id = tx.value(insert, params![now, name, key(&name), sql, author.0]);
    id.map_err(Fault::taken("Query", &name))?.ok_or(Fault::Db(DbError::Closed))
}

/// Refuses text that no agent should run: blank, or one that attaches a database file (the Fleet reference, section 6.2).
pub fn check_sql(sql: &str) -> Result<(), &'static str> {
    if sql.trim().is_empty() {
        return Err("query's SQL query cannot be empty");
    }
    if attaches(sql) {
        return Err("invalid query's SQL");
    }
    Ok(())
}

/// The word `attach`, later the word `as`, with something else around each.
fn attaches(sql: &str) -> bool {
    let lower = sql.to_lowercase();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut words = lower.split(|c: char| !is_word(c)).filter(|word| !word.is_empty());
    let ends_open = lower.chars().last().is_some_and(is_word);
    if !words.any(|word| word == "attach") {
        return false;
    }
    let rest: Vec<&str> = words.collect();
    rest.iter().enumerate().any(|(n, word)| *word == "as" && (n + 1 < rest.len() || !ends_open))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attaching_files_is_refused_and_words_that_look_alike_are_not() {
        for sql in ["ATTACH '/etc/x' AS y", "select 1; attach/**/'f'as f", "attach x as \"y\""] {
            assert_eq!(check_sql(sql), Err("invalid query's SQL"), "{sql}");
        }
        for sql in ["select attached as a from t", "select 1 as attach", "select * from attach_as"] {
            assert_eq!(check_sql(sql), Ok(()), "{sql}");
        }
        assert!(check_sql(" \n").is_err());
    }
}
