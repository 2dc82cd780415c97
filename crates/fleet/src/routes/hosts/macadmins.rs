//! Munki and device management (the Fleet reference, sections 4.3 and 12.5).

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use store::fleet::Time;
use store::fleet::host::{self, Aggregated, MacAdmins};

use super::one::readable;
use crate::error::Result;
use crate::reply::Reply;
use crate::request::{Asked, Id, Kind, Paging, Parameter, Parameters, Viewer};
use crate::server::Fleet;

#[derive(Serialize, JsonSchema)]
pub struct OfHost {
    macadmins: Option<MacAdmins>,
}

#[derive(Serialize, JsonSchema)]
pub struct OfAll {
    macadmins: Counted,
}

#[derive(Serialize, JsonSchema)]
struct Counted {
    counts_updated_at: Time,
    #[serde(flatten)]
    aggregated: Aggregated,
}

pub async fn one(State(fleet): State<Arc<Fleet>>, viewer: Viewer, Id(id): Id) -> Result<Reply<OfHost>> {
    let read = fleet.db.read(move |tx| -> Result<_> {
        readable(tx, &viewer, id)?;
        Ok(OfHost { macadmins: host::macadmins(tx, id)? })
    });
    Ok(Reply(read.await?))
}

/// What counts take.
pub struct Counting;

impl Parameters for Counting {
    const PAGING: Paging = Paging::None;
    const OWN: &'static [Parameter] = &[Parameter("team_id", Kind::Number, "Only of this team.")];
}

/// Counted when asked: few hosts have either.
pub async fn all(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    query: Asked<Counting>,
) -> Result<Reply<OfAll>> {
    let visible = viewer.subject.visible_hosts();
    let visible = query.number("team_id")?.map_or(visible.clone(), |team| visible.within(team));
    let aggregated = fleet.db.read(move |tx| host::aggregated_macadmins(tx, &visible)).await?;
    Ok(Reply(OfAll { macadmins: Counted { counts_updated_at: Time::now(), aggregated } }))
}
