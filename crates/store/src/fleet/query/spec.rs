//! Specs of queries (the Fleet reference, section 6.3).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{NewQuery, find, key};
use crate::db::{DbResult, Row, Tx};
use crate::fleet::fault::Outcome;
use crate::fleet::json::or_default;
use crate::params;

/// A query as files describe it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct QuerySpec {
    #[serde(default, deserialize_with = "or_default")]
    pub name: String,
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "String::is_empty")]
    pub description: String,
    #[serde(default, deserialize_with = "or_default")]
    pub query: String,
    /// Understood, but not shown. Stays as it is when it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observer_can_run: Option<bool>,
}

fn from_row(row: &mut Row) -> DbResult<QuerySpec> {
    Ok(QuerySpec { name: row.take()?, description: row.take()?, query: row.take()?, observer_can_run: None })
}

/// The specs of all saved queries, by id.
pub fn specs(tx: &mut Tx<'_>) -> Outcome<Vec<QuerySpec>> {
    let sql = "SELECT name, description, query FROM queries WHERE saved = 1 ORDER BY id";
    Ok(tx.all(sql, &[], from_row)?)
}

/// The spec of the query of this name.
pub fn spec_named(tx: &mut Tx<'_>, name: &str) -> Outcome<Option<QuerySpec>> {
    let sql = "SELECT name, description, query FROM queries WHERE name_key = $1";
    Ok(tx.first(sql, params![key(name)], from_row)?)
}

/// Makes or changes the query that a spec names. Who applies it becomes its author.
pub fn apply(tx: &mut Tx<'_>, spec: &QuerySpec, author_id: u32) -> Outcome<()> {
    let mut new = NewQuery {
        name: spec.name.clone(),
        description: spec.description.clone(),
        query: spec.query.clone(),
        observer_can_run: spec.observer_can_run.unwrap_or_default(),
    };
    let Some(known) = find(tx, &spec.name)? else {
        return super::create(tx, &new, author_id).map(drop);
    };
    new.observer_can_run = match spec.observer_can_run {
        Some(given) => given,
        None => super::runnable(tx, known.id)?.observer_can_run,
    };
    super::update(tx, known.id, &new)?;
    let sql = "UPDATE queries SET author_id = $2, saved = 1 WHERE id = $1";
    tx.execute(sql, params![known.id, author_id])?;
    Ok(())
}
