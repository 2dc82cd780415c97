//! Saved queries (the Fleet reference, section 6).

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::db::Tx;
use store::fleet::activity;
use store::fleet::query::{self, NewQuery, Owned, Query, QuerySpec};
use store::rights::{Action, Object, Of};

use super::specs::{GivenSpecs, Specs};
use crate::error::Result;
use crate::reply::{DONE, Empty, Reply};
use crate::request::{Asked, Body, Id, Kind, Name, Paging, Parameter, Parameters, Viewer};
use crate::route::{Access, Noun, Route};
use crate::server::Fleet;

pub const NOUN: Noun = Noun { name: "queries", routes };

fn routes() -> Vec<Route> {
    let read = Access::May(Action::Read, Object::Query);
    let create = Access::May(Action::Create, Object::Query);
    let write = Access::May(Action::Write, Object::Query);
    vec![
        Route::get("queries", read, "The saved queries; observers see those that they can run.", list),
        Route::post("queries", create, "Save a query.", make),
        Route::get("queries/{id}", read, "One query.", show),
        Route::patch("queries/{id}", write, "Change a query.", change),
        Route::delete("queries/{name}", write, "Delete a query by name.", delete),
        Route::delete("queries/id/{id}", write, "Delete a query.", delete_by_id),
        Route::post("queries/delete", write, "Delete several queries.", delete_many),
        Route::get("spec/queries", read, "The specs of all saved queries.", specs),
        Route::post("spec/queries", create, "Make or change queries by their specs.", apply),
        Route::get("spec/queries/{name}", read, "The spec of a query.", spec),
    ]
}

#[derive(Serialize, JsonSchema)]
struct One {
    query: Query,
}

#[derive(Serialize, JsonSchema)]
struct Many {
    queries: Vec<Query>,
}

#[derive(Deserialize, JsonSchema)]
struct Given {
    name: Option<String>,
    description: Option<String>,
    query: Option<String>,
    observer_can_run: Option<bool>,
}

#[derive(Deserialize, JsonSchema)]
struct Ids {
    ids: Option<BTreeSet<u32>>,
}

#[derive(Serialize, JsonSchema)]
struct Deleted {
    deleted: usize,
}

impl Given {
    /// What is not given stays as it is in `base`.
    fn over(&self, base: NewQuery) -> NewQuery {
        NewQuery {
            name: self.name.clone().unwrap_or(base.name),
            description: self.description.clone().unwrap_or(base.description),
            query: self.query.clone().unwrap_or(base.query),
            observer_can_run: self.observer_can_run.unwrap_or(base.observer_can_run),
        }
    }
}

/// Those who may make queries may change their own; others' only with the right to write all.
fn require_write(viewer: &Viewer, query: &Owned) -> Result<()> {
    viewer.require(Action::Create, Object::Query, Of::Some)?;
    viewer.require(Action::Write, Object::Query, Of::Owner(query.author_id))
}

/// What lists of queries take.
struct Listing;

impl Parameters for Listing {
    const PAGING: Paging = Paging::Ordered(query::ORDER_KEYS);
    const OWN: &'static [Parameter] = &[Parameter("query", Kind::Text, "Part of the name.")];
}

async fn list(State(fleet): State<Arc<Fleet>>, viewer: Viewer, asked: Asked<Listing>) -> Result<Reply<Many>> {
    let only_for_observers = viewer.subject.only_observes();
    let queries = fleet.db.read(move |tx| query::list(tx, &asked.options, only_for_observers)).await?;
    Ok(Reply(Many { queries }))
}

async fn show(State(fleet): State<Arc<Fleet>>, Id(id): Id) -> Result<Reply<One>> {
    let query = fleet.db.read(move |tx| query::by_id(tx, id)).await?;
    Ok(Reply(One { query }))
}

async fn make(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Body(given): Body<Given>,
) -> Result<Reply<One>> {
    let new = given.over(NewQuery::default());
    let made = fleet.db.write(move |tx| -> Result<_> {
        viewer.require(Action::Create, Object::Query, Of::Some)?;
        let id = query::create(tx, &new, viewer.user.id)?;
        note(tx, &viewer, "created_saved_query", &json!({"query_id": id, "query_name": new.name}))?;
        Ok(query::by_id(tx, id)?)
    });
    Ok(Reply(One { query: made.await? }))
}

fn note(tx: &mut Tx<'_>, viewer: &Viewer, kind: &str, details: &serde_json::Value) -> Result<()> {
    Ok(activity::record(tx, (viewer.user.id, &viewer.user.name), kind, details)?)
}

async fn change(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Id(id): Id,
    Body(given): Body<Given>,
) -> Result<Reply<One>> {
    let changed = fleet.db.write(move |tx| -> Result<_> {
        require_write(&viewer, &query::owner(tx, id)?)?;
        let new = given.over(NewQuery::of(&query::by_id(tx, id)?));
        query::update(tx, id, &new)?;
        note(tx, &viewer, "edited_saved_query", &json!({"query_id": id, "query_name": new.name}))?;
        Ok(query::by_id(tx, id)?)
    });
    Ok(Reply(One { query: changed.await? }))
}

/// Deletes a query that the viewer may delete.
fn delete_one(tx: &mut Tx<'_>, viewer: &Viewer, query: &Owned) -> Result<()> {
    require_write(viewer, query)?;
    query::delete(tx, query.id)?;
    note(tx, viewer, "deleted_saved_query", &json!({"query_name": query.name}))
}

async fn delete(State(fleet): State<Arc<Fleet>>, viewer: Viewer, name: Name) -> Result<Reply<Empty>> {
    let done = fleet.db.write(move |tx: &mut Tx<'_>| -> Result<()> {
        let query = name.find("Query", |name| query::find(tx, name))?;
        delete_one(tx, &viewer, &query)
    });
    done.await?;
    Ok(DONE)
}

async fn delete_by_id(State(fleet): State<Arc<Fleet>>, viewer: Viewer, Id(id): Id) -> Result<Reply<Empty>> {
    let done = fleet.db.write(move |tx: &mut Tx<'_>| -> Result<()> {
        let query = query::owner(tx, id)?;
        delete_one(tx, &viewer, &query)
    });
    done.await?;
    Ok(DONE)
}

async fn delete_many(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Body(given): Body<Ids>,
) -> Result<Reply<Deleted>> {
    let ids = given.ids.unwrap_or_default();
    let deleted = ids.len();
    let done = fleet.db.write(move |tx: &mut Tx<'_>| -> Result<()> {
        for id in &ids {
            require_write(&viewer, &query::owner(tx, *id)?)?;
            query::delete(tx, *id)?;
        }
        note(tx, &viewer, "deleted_multiple_saved_query", &json!({"query_ids": ids}))
    });
    done.await?;
    Ok(Reply(Deleted { deleted }))
}

async fn specs(State(fleet): State<Arc<Fleet>>) -> Result<Reply<Specs<Vec<QuerySpec>>>> {
    Ok(Reply(Specs { specs: fleet.db.read(query::specs).await? }))
}

async fn spec(State(fleet): State<Arc<Fleet>>, name: Name) -> Result<Reply<Specs<QuerySpec>>> {
    let found = fleet
        .db
        .read(move |tx: &mut Tx<'_>| -> Result<_> { name.find("Query", |name| query::spec_named(tx, name)) });
    Ok(Reply(Specs { specs: found.await? }))
}

async fn apply(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Body(given): Body<GivenSpecs<QuerySpec>>,
) -> Result<Reply<Empty>> {
    let specs = given.take()?;
    let done = fleet.db.write(move |tx: &mut Tx<'_>| -> Result<()> {
        viewer.require(Action::Create, Object::Query, Of::Some)?;
        for spec in &specs {
            if let Some(known) = query::find(tx, &spec.name)? {
                require_write(&viewer, &known)?;
            }
            query::apply(tx, spec, viewer.user.id)?;
        }
        note(tx, &viewer, "applied_spec_saved_query", &json!({"specs": specs}))
    });
    done.await?;
    Ok(DONE)
}
