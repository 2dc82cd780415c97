//! Hosts counted by status, platform and operating system.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use store::fleet::Time;
use store::fleet::host::{self, Filter, OsVersion, PlatformCount};

use super::at_moment;
use crate::error::Result;
use crate::reply::Reply;
use crate::request::{Asked, Kind, ListQuery, Paging, Parameter, Parameters, Viewer};
use crate::server::Fleet;

#[derive(Serialize, JsonSchema)]
pub struct Summary {
    #[serde(skip_serializing_if = "Option::is_none")]
    team_id: Option<u32>,
    totals_hosts_count: u64,
    platforms: Vec<PlatformCount>,
    online_count: u64,
    offline_count: u64,
    mia_count: u64,
    new_count: u64,
}

#[derive(Serialize, JsonSchema)]
pub struct OsVersions {
    counts_updated_at: Option<Time>,
    os_versions: Vec<OsVersion>,
}

/// What sums of hosts take.
pub struct Summing;

impl Parameters for Summing {
    const PAGING: Paging = Paging::None;
    const OWN: &'static [Parameter] = &[
        Parameter("team_id", Kind::Number, "Only of this team."),
        Parameter("platform", Kind::Text, "Only hosts of this platform."),
    ];
}

fn filter(query: &ListQuery) -> Result<Filter> {
    let platform = query.get("platform").map(String::from);
    Ok(Filter { team: query.number("team_id")?, platform, ..Filter::default() })
}

pub async fn summary(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    query: Asked<Summing>,
) -> Result<Reply<Summary>> {
    let filter = filter(&query)?;
    let team_id = filter.team;
    let visible = viewer.subject.visible_hosts();
    let db = fleet.db.clone();
    let read = db.read(move |tx| at_moment(&fleet, |moment| host::summary(tx, &filter, &visible, moment)));
    let host::Summary { counts, platforms } = read.await?;
    Ok(Reply(Summary {
        team_id,
        totals_hosts_count: counts.total,
        platforms,
        online_count: counts.online,
        offline_count: counts.offline,
        mia_count: counts.mia,
        new_count: counts.new,
    }))
}

/// Counted when asked, so that it is never out of date.
pub async fn os_versions(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    query: Asked<Summing>,
) -> Result<Reply<OsVersions>> {
    let filter = filter(&query)?;
    let visible = viewer.subject.visible_hosts();
    let os_versions = fleet.db.read(move |tx| host::os_versions(tx, &filter, &visible)).await?;
    Ok(Reply(OsVersions { counts_updated_at: Some(Time::now()), os_versions }))
}
