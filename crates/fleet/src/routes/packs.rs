//! Packs (the Fleet reference, sections 7.1 to 7.3).

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::db::Tx;
use store::fleet::activity;
use store::fleet::pack::{self, NewPack, Pack, PackSpec, Scheduled, scheduled};
use store::rights::{Action, Object};

use super::specs::{GivenSpecs, Specs};
use crate::error::Result;
use crate::reply::{DONE, Empty, Reply};
use crate::request::{Asked, Body, Id, Name, Paging, Parameter, Parameters, Viewer};
use crate::route::{Access, Noun, Route};
use crate::server::Fleet;

pub const NOUN: Noun = Noun { name: "packs", routes };

fn routes() -> Vec<Route> {
    let read = Access::May(Action::Read, Object::Pack);
    let write = Access::May(Action::Write, Object::Pack);
    vec![
        Route::get("packs", read, "The packs of users.", list),
        Route::post("packs", write, "Make a pack.", create),
        Route::get("packs/{id}", read, "One pack.", show),
        Route::patch("packs/{id}", write, "Change a pack.", change),
        Route::delete("packs/{name}", write, "Delete a pack by name.", delete),
        Route::delete("packs/id/{id}", write, "Delete a pack.", delete_by_id),
        Route::get("packs/{id}/scheduled", read, "The queries of a pack.", queries),
        Route::get("spec/packs", read, "The specs of the packs of users.", specs),
        Route::post("spec/packs", write, "Make or replace packs by their specs.", apply),
        Route::get("spec/packs/{name}", read, "The spec of a pack.", spec),
    ]
}

#[derive(Serialize, JsonSchema)]
struct One {
    pack: Pack,
}

#[derive(Serialize, JsonSchema)]
struct Many {
    packs: Vec<Pack>,
}

#[derive(Serialize, JsonSchema)]
struct Queries {
    scheduled: Vec<Scheduled>,
}

#[derive(Deserialize, JsonSchema)]
struct Given {
    name: Option<String>,
    description: Option<String>,
    platform: Option<String>,
    disabled: Option<bool>,
    label_ids: Option<Vec<u32>>,
    host_ids: Option<Vec<u32>>,
    team_ids: Option<Vec<u32>>,
}

impl Given {
    /// What is not given stays as it is in `base`.
    fn over(&self, base: NewPack) -> NewPack {
        NewPack {
            name: self.name.clone().unwrap_or(base.name),
            description: self.description.clone().unwrap_or(base.description),
            platform: self.platform.clone().unwrap_or(base.platform),
            disabled: self.disabled.unwrap_or(base.disabled),
            label_ids: self.label_ids.clone(),
            host_ids: self.host_ids.clone(),
            team_ids: self.team_ids.clone(),
        }
    }
}

/// What lists of packs take.
struct Listing;

impl Parameters for Listing {
    const PAGING: Paging = Paging::Ordered(pack::ORDER_KEYS);
    const OWN: &'static [Parameter] = &[];
}

async fn list(State(fleet): State<Arc<Fleet>>, asked: Asked<Listing>) -> Result<Reply<Many>> {
    let packs = fleet.db.read(move |tx| pack::list(tx, &asked.options)).await?;
    Ok(Reply(Many { packs }))
}

async fn show(State(fleet): State<Arc<Fleet>>, Id(id): Id) -> Result<Reply<One>> {
    let pack = fleet.db.read(move |tx| pack::by_id(tx, id)).await?;
    Ok(Reply(One { pack }))
}

fn note(tx: &mut Tx<'_>, viewer: &Viewer, kind: &str, details: &serde_json::Value) -> Result<()> {
    Ok(activity::record(tx, (viewer.user.id, &viewer.user.name), kind, details)?)
}

async fn create(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Body(given): Body<Given>,
) -> Result<Reply<One>> {
    let new = given.over(NewPack::default());
    let made = fleet.db.write(move |tx| -> Result<_> {
        let id = pack::create(tx, &new)?;
        note(tx, &viewer, "created_pack", &json!({"pack_id": id, "pack_name": new.name}))?;
        Ok(pack::by_id(tx, id)?)
    });
    Ok(Reply(One { pack: made.await? }))
}

async fn change(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Id(id): Id,
    Body(given): Body<Given>,
) -> Result<Reply<One>> {
    let changed = fleet.db.write(move |tx| -> Result<_> {
        let new = given.over(NewPack::of(&pack::head(tx, id)?));
        pack::update(tx, id, &new)?;
        let pack = pack::by_id(tx, id)?;
        note(tx, &viewer, "edited_pack", &json!({"pack_id": id, "pack_name": pack.head.name}))?;
        Ok(pack)
    });
    Ok(Reply(One { pack: changed.await? }))
}

fn delete_one(tx: &mut Tx<'_>, viewer: &Viewer, id: u32, name: &str) -> Result<()> {
    pack::delete(tx, id)?;
    note(tx, viewer, "deleted_pack", &json!({"pack_name": name}))
}

async fn delete(State(fleet): State<Arc<Fleet>>, viewer: Viewer, name: Name) -> Result<Reply<Empty>> {
    let done = fleet.db.write(move |tx: &mut Tx<'_>| -> Result<()> {
        let head = name.find("Pack", |name| pack::find(tx, name))?;
        delete_one(tx, &viewer, head.id, &head.name)
    });
    done.await?;
    Ok(DONE)
}

async fn delete_by_id(State(fleet): State<Arc<Fleet>>, viewer: Viewer, Id(id): Id) -> Result<Reply<Empty>> {
    let done = fleet.db.write(move |tx: &mut Tx<'_>| -> Result<()> {
        let head = pack::head(tx, id)?;
        delete_one(tx, &viewer, id, &head.name)
    });
    done.await?;
    Ok(DONE)
}

async fn queries(
    State(fleet): State<Arc<Fleet>>,
    Id(id): Id,
    asked: Asked<super::schedules::Listing>,
) -> Result<Reply<Queries>> {
    let scheduled = fleet.db.read(move |tx| -> Result<_> {
        pack::head(tx, id)?;
        Ok(scheduled::list(tx, Some(id), &asked.options)?)
    });
    Ok(Reply(Queries { scheduled: scheduled.await? }))
}

async fn specs(State(fleet): State<Arc<Fleet>>) -> Result<Reply<Specs<Vec<PackSpec>>>> {
    Ok(Reply(Specs { specs: fleet.db.read(pack::specs).await? }))
}

async fn spec(State(fleet): State<Arc<Fleet>>, name: Name) -> Result<Reply<Specs<PackSpec>>> {
    let found = fleet
        .db
        .read(move |tx: &mut Tx<'_>| -> Result<_> { name.find("Pack", |name| pack::spec_named(tx, name)) });
    Ok(Reply(Specs { specs: found.await? }))
}

async fn apply(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Body(given): Body<GivenSpecs<PackSpec>>,
) -> Result<Reply<Empty>> {
    let specs = given.take()?;
    let done = fleet.db.write(move |tx: &mut Tx<'_>| -> Result<()> {
        for spec in &specs {
            pack::apply(tx, spec)?;
        }
        note(tx, &viewer, "applied_spec_pack", &json!({}))
    });
    done.await?;
    Ok(DONE)
}
