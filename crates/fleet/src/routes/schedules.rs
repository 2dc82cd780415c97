//! Queries in packs, and in the global schedule and those of teams, which are packs as well (the Fleet reference, sections
//! 7.4 to 7.6).
//!
//! The path `schedule` is of packs under `v1`, and of the global schedule under later versions.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::db::Tx;
use store::fleet::pack::{self, NewScheduled, PackHead, Scheduled, ScheduledPatch, System, scheduled};
use store::fleet::{query, team};
use store::rights::{Action, Object, Of};

use crate::error::{Error, Result};
use crate::reply::{DONE, Empty, Reply};
use crate::request::{Asked, Body, Id, Ids, Paging, Parameter, Parameters, Viewer};
use crate::route::{Access, Noun, Route, Versions};
use crate::server::Fleet;

pub const NOUN: Noun = Noun { name: "schedules", routes };

fn routes() -> Vec<Route> {
    let mut routes = of_packs();
    routes.extend(global());
    routes.extend(of_teams());
    routes
}

fn of_packs() -> Vec<Route> {
    let read = Access::May(Action::Read, Object::Schedule);
    let write = Access::May(Action::Write, Object::Pack);
    let (add, edit) = ("Put a query into a pack.", "Change a query of a pack.");
    let remove = "Take a query out of a pack.";
    vec![
        Route::get("schedule/{id}", read, "One scheduled query.", show),
        Route::post("packs/schedule", write, add, pack_add),
        Route::post("schedule", write, add, pack_add).under(Versions::V1),
        Route::patch("packs/schedule/{id}", write, edit, pack_change),
        Route::patch("schedule/{id}", write, edit, pack_change).under(Versions::V1),
        Route::delete("packs/schedule/{id}", write, remove, pack_remove),
        Route::delete("schedule/{id}", write, remove, pack_remove).under(Versions::V1),
    ]
}

fn global() -> Vec<Route> {
    let read = Access::May(Action::Read, Object::Schedule);
    let write = Access::May(Action::Write, Object::Schedule);
    let (all, add) = ("The global schedule.", "Put a query into the global schedule.");
    let (edit, remove) =
        ("Change a query of the global schedule.", "Take a query out of the global schedule.");
    vec![
        Route::get("global/schedule", read, all, global_list),
        Route::get("schedule", read, all, global_list).under(Versions::Dated),
        Route::post("global/schedule", write, add, global_add),
        Route::post("schedule", write, add, global_add).under(Versions::Dated),
        Route::patch("global/schedule/{id}", write, edit, global_change),
        Route::patch("schedule/{id}", write, edit, global_change).under(Versions::Dated),
        Route::delete("global/schedule/{id}", write, remove, global_remove),
        Route::delete("schedule/{id}", write, remove, global_remove).under(Versions::Dated),
    ]
}

fn of_teams() -> Vec<Route> {
    let read = Access::May(Action::Read, Object::TeamSchedule);
    let write = Access::May(Action::Write, Object::TeamSchedule);
    let (all, one) = ("teams/{team_id}/schedule", "teams/{team_id}/schedule/{scheduled_query_id}");
    let or_all: &[&str] = &["team/{team_id}/schedule"];
    let or_one: &[&str] = &["team/{team_id}/schedule/{scheduled_query_id}"];
    vec![
        Route::get(all, read, "The schedule of a team.", team_list).or(or_all),
        Route::post(all, write, "Put a query into the schedule of a team.", team_add).or(or_all),
        Route::patch(one, write, "Change a query of the schedule of a team.", team_change).or(or_one),
        Route::delete(one, write, "Take a query out of the schedule of a team.", team_remove).or(or_one),
    ]
}

#[derive(Serialize, JsonSchema)]
struct One {
    scheduled: Scheduled,
}

#[derive(Serialize, JsonSchema)]
struct Many {
    scheduled: Vec<Scheduled>,
}

#[derive(Serialize, JsonSchema)]
struct Global {
    global_schedule: Vec<Scheduled>,
}

#[derive(Deserialize, JsonSchema)]
struct Given {
    /// Of packs alone.
    pack_id: Option<u32>,
    query_id: Option<u32>,
    interval: Option<u32>,
    snapshot: Option<bool>,
    removed: Option<bool>,
    platform: Option<String>,
    version: Option<String>,
    shard: Option<u32>,
    denylist: Option<bool>,
}

fn required(field: &'static str, given: Option<u32>) -> Result<u32> {
    given.ok_or_else(|| Error::invalid(field, "missing required argument"))
}

impl Given {
    fn check(&self) -> Result<(u32, u32)> {
        Ok((required("query_id", self.query_id)?, required("interval", self.interval)?))
    }

    fn add_to(&self, tx: &mut Tx<'_>, pack_id: u32) -> Result<Scheduled> {
        let (query_id, interval) = self.check()?;
        let query = query::owner(tx, query_id)?;
        let new = NewScheduled {
            pack_id,
            query_id,
            name: scheduled::free_name(tx, pack_id, &query.name)?,
            description: String::new(),
            interval,
            snapshot: self.snapshot,
            removed: self.removed,
            platform: self.platform.clone(),
            version: self.version.clone(),
            shard: self.shard,
            denylist: self.denylist,
        };
        let id = scheduled::create(tx, &new)?;
        Ok(scheduled::by_id(tx, id)?)
    }
}

fn change(tx: &mut Tx<'_>, id: u32, patch: &ScheduledPatch) -> Result<Scheduled> {
    scheduled::update(tx, id, patch)?;
    Ok(scheduled::by_id(tx, id)?)
}

/// 403 unless the viewer may do that to the queries of a pack.
fn require(viewer: &Viewer, action: Action, pack: &PackHead) -> Result<()> {
    match pack.system() {
        None => viewer.require(action, Object::Pack, Of::All),
        Some(System::Global) => viewer.require(action, Object::Schedule, Of::All),
        Some(System::Team(id)) => viewer.require(action, Object::TeamSchedule, Of::Team(Some(id))),
    }
}

/// The pack of a scheduled query, which the viewer may do that to.
fn pack_of(tx: &mut Tx<'_>, viewer: &Viewer, action: Action, id: u32) -> Result<()> {
    let pack_id = scheduled::by_id(tx, id)?.pack_id;
    require(viewer, action, &pack::head(tx, pack_id)?)
}

async fn show(State(fleet): State<Arc<Fleet>>, viewer: Viewer, Id(id): Id) -> Result<Reply<One>> {
    let scheduled = fleet.db.read(move |tx| -> Result<_> {
        pack_of(tx, &viewer, Action::Read, id)?;
        Ok(scheduled::by_id(tx, id)?)
    });
    Ok(Reply(One { scheduled: scheduled.await? }))
}

async fn pack_add(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Body(given): Body<Given>,
) -> Result<Reply<One>> {
    let pack_id = required("pack_id", given.pack_id)?;
    let scheduled = fleet.db.write(move |tx| -> Result<_> {
        require(&viewer, Action::Write, &pack::head(tx, pack_id)?)?;
        given.add_to(tx, pack_id)
    });
    Ok(Reply(One { scheduled: scheduled.await? }))
}

async fn pack_change(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Id(id): Id,
    Body(patch): Body<ScheduledPatch>,
) -> Result<Reply<One>> {
    let scheduled = fleet.db.write(move |tx| -> Result<_> {
        pack_of(tx, &viewer, Action::Write, id)?;
        change(tx, id, &patch)
    });
    Ok(Reply(One { scheduled: scheduled.await? }))
}

async fn pack_remove(State(fleet): State<Arc<Fleet>>, viewer: Viewer, Id(id): Id) -> Result<Reply<Empty>> {
    let done = fleet.db.write(move |tx| -> Result<()> {
        pack_of(tx, &viewer, Action::Write, id)?;
        Ok(scheduled::delete(tx, id)?)
    });
    done.await?;
    Ok(DONE)
}

/// What lists of scheduled queries take.
pub struct Listing;

impl Parameters for Listing {
    const PAGING: Paging = Paging::Ordered(scheduled::ORDER_KEYS);
    const OWN: &'static [Parameter] = &[];
}

/// 404 unless the query is in this schedule.
fn check_in(tx: &mut Tx<'_>, system: System, id: u32) -> Result<()> {
    let pack_id = scheduled::by_id(tx, id)?.pack_id;
    match pack::system_if_used(tx, system)? {
        Some(of) if of == pack_id => Ok(()),
        _ => Err(Error::not_found("ScheduledQuery", id)),
    }
}

async fn global_list(State(fleet): State<Arc<Fleet>>, asked: Asked<Listing>) -> Result<Reply<Global>> {
    let all = fleet.db.read(move |tx| -> Result<_> {
        let pack = pack::system_if_used(tx, System::Global)?;
        Ok(scheduled::list(tx, pack, &asked.options)?)
    });
    Ok(Reply(Global { global_schedule: all.await? }))
}

async fn global_add(State(fleet): State<Arc<Fleet>>, Body(given): Body<Given>) -> Result<Reply<One>> {
    given.check()?;
    let scheduled = fleet.db.write(move |tx| -> Result<_> {
        let pack = pack::system(tx, System::Global)?;
        given.add_to(tx, pack)
    });
    Ok(Reply(One { scheduled: scheduled.await? }))
}

async fn global_change(
    State(fleet): State<Arc<Fleet>>,
    Id(id): Id,
    Body(patch): Body<ScheduledPatch>,
) -> Result<Reply<One>> {
    let scheduled = fleet.db.write(move |tx| -> Result<_> {
        check_in(tx, System::Global, id)?;
        change(tx, id, &patch)
    });
    Ok(Reply(One { scheduled: scheduled.await? }))
}

async fn global_remove(State(fleet): State<Arc<Fleet>>, Id(id): Id) -> Result<Reply<Empty>> {
    let done = fleet.db.write(move |tx| -> Result<()> {
        check_in(tx, System::Global, id)?;
        Ok(scheduled::delete(tx, id)?)
    });
    done.await?;
    Ok(DONE)
}

/// 403 unless the viewer may do that to the schedule of a team, 404 when there is no such team.
fn check_team(tx: &mut Tx<'_>, viewer: &Viewer, action: Action, id: u32) -> Result<()> {
    viewer.require(action, Object::TeamSchedule, Of::Team(Some(id)))?;
    team::by_id(tx, id)?;
    Ok(())
}

async fn team_list(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Id(team): Id,
    asked: Asked<Listing>,
) -> Result<Reply<Many>> {
    let all = fleet.db.read(move |tx| -> Result<_> {
        check_team(tx, &viewer, Action::Read, team)?;
        let pack = pack::system_if_used(tx, System::Team(team))?;
        Ok(scheduled::list(tx, pack, &asked.options)?)
    });
    Ok(Reply(Many { scheduled: all.await? }))
}

async fn team_add(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Id(team): Id,
    Body(given): Body<Given>,
) -> Result<Reply<One>> {
    let scheduled = fleet.db.write(move |tx| -> Result<_> {
        check_team(tx, &viewer, Action::Write, team)?;
        given.check()?;
        let pack = pack::system(tx, System::Team(team))?;
        given.add_to(tx, pack)
    });
    Ok(Reply(One { scheduled: scheduled.await? }))
}

async fn team_change(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Ids(team, id): Ids,
    Body(patch): Body<ScheduledPatch>,
) -> Result<Reply<One>> {
    let scheduled = fleet.db.write(move |tx| -> Result<_> {
        check_team(tx, &viewer, Action::Write, team)?;
        check_in(tx, System::Team(team), id)?;
        change(tx, id, &patch)
    });
    Ok(Reply(One { scheduled: scheduled.await? }))
}

async fn team_remove(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Ids(team, id): Ids,
) -> Result<Reply<Empty>> {
    let done = fleet.db.write(move |tx| -> Result<()> {
        check_team(tx, &viewer, Action::Write, team)?;
        check_in(tx, System::Team(team), id)?;
        Ok(scheduled::delete(tx, id)?)
    });
    done.await?;
    Ok(DONE)
}
