//! Beginning live queries (the Fleet reference, sections 11.1 and 11.8).

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::fleet::Time;
use store::fleet::campaign::Selected;
use store::rights::{Action, Object};

use crate::agent::Row;
use crate::error::Result;
use crate::live::{self, Asked, Delivery, HostProgress, HostState, Metrics, Wanted, metrics};
use crate::reply::Reply;
use crate::request::{Body, Viewer};
use crate::route::{Access, Noun, Route};
use crate::server::Fleet;

pub const NOUN: Noun = Noun { name: "live queries", routes };

fn routes() -> Vec<Route> {
    let run = Access::May(Action::Run, Object::StoredQuery);
    vec![
        Route::post("queries/run", run, "Run a query on hosts chosen by id.", by_id),
        Route::post("queries/run_by_names", run, "Run a query on hosts chosen by name.", by_name)
            .or(&["queries/run_by_identifiers"]),
        Route::get("queries/run", run, "Run stored queries and wait for the results.", and_wait),
    ]
}

#[derive(Serialize, JsonSchema)]
struct Begun {
    campaign: Shown,
}

#[derive(Serialize, JsonSchema)]
struct Shown {
    created_at: Time,
    updated_at: Time,
    #[serde(rename = "Metrics")]
    metrics: Metrics,
    id: u32,
    query_id: u32,
    status: u8,
    user_id: u32,
}

#[derive(Deserialize, JsonSchema)]
struct ById {
    #[serde(flatten)]
    wanted: Wanted,
    #[serde(default)]
    selected: Ids,
}

#[derive(Default, Deserialize, JsonSchema)]
struct Ids {
    hosts: Option<Vec<u32>>,
    labels: Option<Vec<u32>>,
    teams: Option<Vec<u32>>,
}

#[derive(Deserialize, JsonSchema)]
struct ByName {
    #[serde(flatten)]
    wanted: Wanted,
    #[serde(default)]
    selected: Names,
}

#[derive(Default, Deserialize, JsonSchema)]
struct Names {
    hosts: Option<Vec<String>>,
    labels: Option<Vec<String>>,
    teams: Option<Vec<String>>,
}

async fn by_id(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Body(given): Body<ById>,
) -> Result<Reply<Begun>> {
    let Ids { hosts, labels, teams } = given.selected;
    let teams_given = teams.is_some();
    let or_none = Option::unwrap_or_default;
    let selected = Selected { hosts: or_none(hosts), labels: or_none(labels), teams: or_none(teams) };
    run(&fleet, &viewer, given.wanted, Asked::Ids { selected, teams_given }).await
}

async fn by_name(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Body(given): Body<ByName>,
) -> Result<Reply<Begun>> {
    let Names { hosts, labels, teams } = given.selected;
    let or_none = Option::unwrap_or_default;
    let asked = Asked::Names { hosts: or_none(hosts), labels: or_none(labels), teams: or_none(teams) };
    run(&fleet, &viewer, given.wanted, asked).await
}

async fn run(fleet: &Arc<Fleet>, viewer: &Viewer, wanted: Wanted, asked: Asked) -> Result<Reply<Begun>> {
    let (campaign, query_id) = live::begin(fleet, viewer, wanted, asked).await?;
    let shown = Shown {
        created_at: Time::ZERO,
        updated_at: Time::ZERO,
        metrics: metrics(fleet, &campaign.targets),
        id: campaign.id,
        query_id,
        status: 0,
        user_id: viewer.user.id,
    };
    Ok(Reply(Begun { campaign: shown }))
}

#[derive(Deserialize, JsonSchema)]
struct AndWait {
    #[serde(default)]
    query_ids: Vec<u32>,
    #[serde(default)]
    host_ids: Vec<u32>,
}

#[derive(Serialize, JsonSchema)]
struct Waited {
    summary: Summary,
    live_query_results: Option<Vec<OfQuery>>,
}

#[derive(Serialize, JsonSchema)]
struct Summary {
    targeted_host_count: usize,
    responded_host_count: usize,
}

#[derive(Serialize, JsonSchema)]
struct OfQuery {
    query_id: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    results: Option<Vec<OfHost>>,
    /// Beyond the published members: who has not answered, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unanswered: Vec<HostProgress>,
}

#[derive(Serialize, JsonSchema)]
struct OfHost {
    host_id: u32,
    rows: Vec<Row>,
    error: Option<String>,
}

/// All queries run side by side; ends when all hosts have answered, or time is up.
async fn and_wait(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Body(given): Body<AndWait>,
) -> Result<Reply<Waited>> {
    live::check_enabled(&fleet).await?;
    let tasks: Vec<_> = given
        .query_ids
        .iter()
        .map(|id| tokio::spawn(one(fleet.clone(), viewer.clone(), *id, given.host_ids.clone())))
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        results.extend(task.await.ok());
    }
    let mut responded: Vec<u32> =
        results.iter().flat_map(|of| of.results.iter().flatten()).map(|of| of.host_id).collect();
    responded.sort_unstable();
    responded.dedup();
    let summary =
        Summary { targeted_host_count: given.host_ids.len(), responded_host_count: responded.len() };
    let live_query_results = (!results.is_empty()).then_some(results);
    Ok(Reply(Waited { summary, live_query_results }))
}

/// Problems of one query are told in its result; the others go on.
async fn one(fleet: Arc<Fleet>, viewer: Viewer, query_id: u32, hosts: Vec<u32>) -> OfQuery {
    let wanted = Wanted { query: String::new(), query_id: Some(query_id) };
    let selected = Selected { hosts, ..Selected::default() };
    match live::begin(&fleet, &viewer, wanted, Asked::Ids { selected, teams_given: false }).await {
        Err(error) => {
            let reason = error.errors.and_then(|all| all.into_iter().next()).map(|(_, reason)| reason);
            OfQuery {
                query_id,
                error: Some(reason.unwrap_or(error.message)),
                results: None,
                unanswered: Vec::new(),
            }
        }
        Ok((campaign, _)) => {
            let answers = collect(&fleet, &campaign).await;
            let mut unanswered = live::progress(&fleet, &campaign);
            unanswered.retain(|host| !matches!(host.state, HostState::Answered | HostState::Failed));
            live::complete(&fleet, campaign.id).await;
            OfQuery { query_id, error: None, results: (!answers.is_empty()).then_some(answers), unanswered }
        }
    }
}

async fn collect(fleet: &Fleet, campaign: &live::Campaign) -> Vec<OfHost> {
    let (waiting, mut reader) = campaign.read();
    let mut answers: BTreeMap<u32, OfHost> = BTreeMap::new();
    let mut take = |delivery: Delivery| {
        let rows = delivery.rows.as_ref().clone();
        answers.insert(delivery.host_id, OfHost { host_id: delivery.host_id, rows, error: delivery.error });
        answers.len()
    };
    let mut count = 0;
    for delivery in waiting {
        count = take(delivery);
    }
    let end = tokio::time::sleep(fleet.settings.live_query_rest_period);
    tokio::pin!(end);
    while count < campaign.targets.len() {
        tokio::select! {
            () = &mut end => break,
            delivery = reader.results.recv() => match delivery {
                Some(delivery) => count = take(delivery),
                None => break,
            },
        }
    }
    answers.into_values().collect()
}
