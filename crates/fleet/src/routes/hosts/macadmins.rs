//! Munki and device management (the Fleet reference, sections 4.3 and 12.5).

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use store::fleet::Time;
use store::fleet::host::{self, Aggregated, MacAdmins};

use super::one::readable;
use crate::error::Result;
use crate::reply::Reply;
use crate::request::{Id, ListQuery, Viewer};
use crate::server::Fleet;

#[derive(Serialize)]
pub struct OfHost {
    macadmins: Option<MacAdmins>,
}

#[derive(Serialize)]
pub struct OfAll {
    macadmins: Counted,
}

#[derive(Serialize)]
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

/// Counted when asked: few hosts have either.
pub async fn all(State(fleet): State<Arc<Fleet>>, viewer: Viewer, query: ListQuery) -> Result<Reply<OfAll>> {
    let visible = viewer.subject.visible_hosts();
    let visible = query.number("team_id")?.map_or(visible.clone(), |team| visible.within(team));
    let aggregated = fleet.db.read(move |tx| host::aggregated_macadmins(tx, &visible)).await?;
    Ok(Reply(OfAll { macadmins: Counted { counts_updated_at: Time::now(), aggregated } }))
}
