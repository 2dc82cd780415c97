//! What live queries can be aimed at (the Fleet reference, section 10).

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::db::Tx;
use store::fleet::campaign::{self, Selected};
use store::fleet::target::{self, LabelTarget, TeamTarget};
use store::fleet::{Visible, query};
use store::rights::{Action, Object};

use super::hosts::{Shown, at_moment};
use crate::error::Result;
use crate::live::{Metrics, metrics};
use crate::reply::Reply;
use crate::request::{Body, Viewer};
use crate::route::{Access, Noun, Route};
use crate::server::Fleet;

pub const NOUN: Noun = Noun { name: "targets", routes };

fn routes() -> Vec<Route> {
    let list = Access::May(Action::List, Object::Target);
    vec![
        Route::post("targets", list, "Hosts, labels and teams that match.", search),
        Route::post("targets/count", list, "How many hosts a selection means.", count),
        Route::post("hosts/search", list, "Hosts that match.", search_hosts),
    ]
}

#[derive(Deserialize, JsonSchema)]
struct Search {
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    query_id: Option<u32>,
    #[serde(default)]
    selected: Option<Given>,
}

#[derive(Clone, Default, Deserialize, JsonSchema)]
struct Given {
    hosts: Option<Vec<u32>>,
    labels: Option<Vec<u32>>,
    teams: Option<Vec<u32>>,
}

impl Given {
    fn selected(self) -> Selected {
        Selected {
            hosts: self.hosts.unwrap_or_default(),
            labels: self.labels.unwrap_or_default(),
            teams: self.teams.unwrap_or_default(),
        }
    }
}

#[derive(Deserialize, JsonSchema)]
struct SearchHosts {
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    query_id: Option<u32>,
    #[serde(default)]
    excluded_host_ids: Option<Vec<u32>>,
}

#[derive(Serialize, JsonSchema)]
struct Found {
    targets: Targets,
    #[serde(flatten)]
    counts: Counts,
}

#[derive(Serialize, JsonSchema)]
struct Targets {
    hosts: Vec<Shown>,
    labels: Vec<LabelTarget>,
    teams: Vec<TeamTarget>,
}

/// About what is selected, not about what was found.
#[derive(Serialize, JsonSchema)]
struct Counts {
    targets_count: u64,
    targets_online: u64,
    targets_offline: u64,
    targets_missing_in_action: u64,
}

impl From<Metrics> for Counts {
    fn from(metrics: Metrics) -> Self {
        Self {
            targets_count: metrics.total_hosts,
            targets_online: metrics.online_hosts,
            targets_offline: metrics.offline_hosts,
            targets_missing_in_action: metrics.missing_in_action_hosts,
        }
    }
}

/// The hosts that the caller may ask that query: without one, those where any query may be asked.
fn askable(tx: &mut Tx<'_>, viewer: &Viewer, query_id: Option<u32>) -> Result<Visible> {
    let stored = query_id.filter(|id| *id != 0).map(|id| query::runnable(tx, id)).transpose()?;
    Ok(viewer.subject.askable_hosts(stored.is_some_and(|query| query.observer_can_run)))
}

fn hosts(
    tx: &mut Tx<'_>,
    fleet: &Fleet,
    query: &str,
    excluded: &[u32],
    visible: &Visible,
) -> Result<Vec<Shown>> {
    let (hosts, now) = at_moment(fleet, |moment| {
        target::hosts(tx, query, excluded, visible, moment).map(|hosts| (hosts, moment.now))
    })?;
    Ok(hosts.into_iter().map(|host| Shown::at(host, now)).collect())
}

async fn search(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Body(given): Body<Search>,
) -> Result<Reply<Found>> {
    let selected = given.selected.unwrap_or_default().selected();
    let query = given.query.unwrap_or_default();
    let db = fleet.db.clone();
    let read = db.read(move |tx| -> Result<_> {
        let visible = askable(tx, &viewer, given.query_id)?;
        let targets = Targets {
            hosts: hosts(tx, &fleet, &query, &selected.hosts, &visible)?,
            labels: target::labels(tx, &query, &selected.labels, &visible)?,
            teams: target::teams(tx, &query, &selected.teams, &visible)?,
        };
        let counts = metrics(&fleet, &campaign::targets(tx, &selected, &visible)?).into();
        Ok(Found { targets, counts })
    });
    Ok(Reply(read.await?))
}

#[derive(Deserialize, JsonSchema)]
struct Count {
    #[serde(default)]
    selected: Option<Given>,
    #[serde(default)]
    query_id: Option<u32>,
}

async fn count(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Body(given): Body<Count>,
) -> Result<Reply<Counts>> {
    let selected = given.selected.unwrap_or_default().selected();
    let read = fleet.db.read(move |tx| -> Result<_> {
        let visible = askable(tx, &viewer, given.query_id)?;
        Ok(campaign::targets(tx, &selected, &visible)?)
    });
    Ok(Reply(metrics(&fleet, &read.await?).into()))
}

/// Older clients read `targets`, newer ones `hosts`.
#[derive(Serialize, JsonSchema)]
struct FoundHosts {
    targets: OnlyHosts,
    hosts: Vec<serde_json::Value>,
}

#[derive(Serialize, JsonSchema)]
struct OnlyHosts {
    hosts: Vec<serde_json::Value>,
}

async fn search_hosts(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Body(given): Body<SearchHosts>,
) -> Result<Reply<FoundHosts>> {
    let excluded = given.excluded_host_ids.unwrap_or_default();
    let query = given.query.unwrap_or_default();
    let db = fleet.db.clone();
    let read = db.read(move |tx| -> Result<_> {
        let visible = askable(tx, &viewer, given.query_id)?;
        hosts(tx, &fleet, &query, &excluded, &visible)
    });
    let hosts: Vec<serde_json::Value> =
        read.await?.iter().filter_map(|host| serde_json::to_value(host).ok()).collect();
    Ok(Reply(FoundHosts { targets: OnlyHosts { hosts: hosts.clone() }, hosts }))
}
