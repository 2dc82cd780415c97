//! Labels (the Fleet reference, section 5).

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::db::Tx;
use store::fleet::label::{self, Label, LabelSpec, LabelType, NewLabel};
use store::fleet::{ListOptions, Outcome};
use store::rights::{Action, Object};

use super::specs::{GivenSpecs, Specs};
use crate::error::{Error, Result};
use crate::reply::{DONE, Empty, Reply};
use crate::request::{Asked, Body, Id, Name, Paging, Parameter, Parameters, Viewer};
use crate::route::{Access, Noun, Route};
use crate::server::Fleet;

pub const NOUN: Noun = Noun { name: "labels", routes };

fn routes() -> Vec<Route> {
    let read = Access::May(Action::Read, Object::Label);
    let write = Access::May(Action::Write, Object::Label);
    vec![
        Route::get("labels", read, "All labels, with the number of their hosts.", list),
        Route::post("labels", write, "Make a label whose hosts a query finds.", create),
        Route::get("labels/summary", read, "The names and types of all labels.", summary),
        Route::get("labels/{id}", read, "One label.", show),
        Route::patch("labels/{id}", write, "Change the name or description of a label.", change),
        Route::delete("labels/{name}", write, "Delete a label by name.", delete),
        Route::delete("labels/id/{id}", write, "Delete a label.", delete_by_id),
        Route::get("spec/labels", read, "The specs of all labels.", specs),
        Route::post("spec/labels", write, "Make or change labels by their specs.", apply),
        Route::get("spec/labels/{name}", read, "The spec of a label.", spec),
    ]
}

/// A label, and what clients show of it.
#[derive(Serialize, JsonSchema)]
pub struct Shown {
    #[serde(flatten)]
    label: Label,
    display_text: String,
    count: u64,
    /// Always null.
    host_ids: Option<Vec<u32>>,
}

impl From<Label> for Shown {
    fn from(label: Label) -> Self {
        Self { display_text: label.name.clone(), count: label.host_count, host_ids: None, label }
    }
}

#[derive(Serialize, JsonSchema)]
struct One {
    label: Shown,
}

#[derive(Serialize, JsonSchema)]
struct Many<T> {
    labels: Vec<T>,
}

#[derive(Serialize, JsonSchema)]
struct Summary {
    id: u32,
    name: String,
    description: String,
    label_type: LabelType,
}

/// What lists of labels take.
struct Listing;

impl Parameters for Listing {
    const PAGING: Paging = Paging::Ordered(label::ORDER_KEYS);
    const OWN: &'static [Parameter] = &[];
}

async fn list(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    query: Asked<Listing>,
) -> Result<Reply<Many<Shown>>> {
    let visible = viewer.subject.visible_hosts();
    let labels = fleet.db.read(move |tx| label::list(tx, &query.options, &visible)).await?;
    Ok(Reply(Many { labels: labels.into_iter().map(Shown::from).collect() }))
}

async fn summary(State(fleet): State<Arc<Fleet>>, viewer: Viewer) -> Result<Reply<Many<Summary>>> {
    let visible = viewer.subject.visible_hosts();
    let labels = fleet.db.read(move |tx| label::list(tx, &ListOptions::default(), &visible)).await?;
    let summary = |label: Label| {
        let Label { id, name, description, label_type, .. } = label;
        Summary { id, name, description, label_type }
    };
    Ok(Reply(Many { labels: labels.into_iter().map(summary).collect() }))
}

async fn show(State(fleet): State<Arc<Fleet>>, viewer: Viewer, Id(id): Id) -> Result<Reply<One>> {
    let visible = viewer.subject.visible_hosts();
    let label = fleet.db.read(move |tx| label::by_id(tx, id, &visible)).await?;
    Ok(Reply(One { label: label.into() }))
}

#[derive(Deserialize, JsonSchema)]
struct Given {
    name: Option<String>,
    description: Option<String>,
    query: Option<String>,
    platform: Option<String>,
}

async fn create(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Body(given): Body<Given>,
) -> Result<Reply<One>> {
    let required = |field, text: Option<String>| {
        let text = text.filter(|text| !text.trim().is_empty());
        text.ok_or_else(|| Error::invalid(field, "missing required argument"))
    };
    let new = NewLabel {
        name: required("name", given.name)?,
        query: required("query", given.query)?,
        description: given.description.unwrap_or_default(),
        platform: given.platform.unwrap_or_default(),
    };
    let visible = viewer.subject.visible_hosts();
    let made = fleet.db.write(move |tx| -> Outcome<_> {
        let id = label::create(tx, &new)?;
        label::by_id(tx, id, &visible)
    });
    Ok(Reply(One { label: made.await?.into() }))
}

async fn change(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Id(id): Id,
    Body(given): Body<Given>,
) -> Result<Reply<One>> {
    let visible = viewer.subject.visible_hosts();
    let changed = fleet.db.write(move |tx| -> Outcome<_> {
        label::change(tx, id, given.name.as_deref(), given.description.as_deref())?;
        label::by_id(tx, id, &visible)
    });
    Ok(Reply(One { label: changed.await?.into() }))
}

async fn delete(State(fleet): State<Arc<Fleet>>, name: Name) -> Result<Reply<Empty>> {
    let done = fleet.db.write(move |tx: &mut Tx<'_>| -> Result<()> {
        let (id, _) = name.find("Label", |name| label::find(tx, name))?;
        Ok(label::delete(tx, id)?)
    });
    done.await?;
    Ok(DONE)
}

async fn delete_by_id(State(fleet): State<Arc<Fleet>>, Id(id): Id) -> Result<Reply<Empty>> {
    fleet.db.write(move |tx| label::delete(tx, id)).await?;
    Ok(DONE)
}

async fn specs(State(fleet): State<Arc<Fleet>>, viewer: Viewer) -> Result<Reply<Specs<Vec<LabelSpec>>>> {
    let visible = viewer.subject.visible_hosts();
    let specs = fleet.db.read(move |tx| label::specs(tx, &visible)).await?;
    Ok(Reply(Specs { specs }))
}

async fn spec(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    name: Name,
) -> Result<Reply<Specs<LabelSpec>>> {
    let visible = viewer.subject.visible_hosts();
    let found = fleet.db.read(move |tx: &mut Tx<'_>| -> Result<_> {
        name.find("Label", |name| label::spec_named(tx, name, &visible))
    });
    Ok(Reply(Specs { specs: found.await? }))
}

async fn apply(
    State(fleet): State<Arc<Fleet>>,
    Body(given): Body<GivenSpecs<LabelSpec>>,
) -> Result<Reply<Empty>> {
    let specs = given.take()?;
    let done =
        fleet.db.write(move |tx| -> Outcome<()> { specs.iter().try_for_each(|spec| label::apply(tx, spec)) });
    done.await?;
    Ok(DONE)
}
