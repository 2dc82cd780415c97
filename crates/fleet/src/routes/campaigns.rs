//! How far the hosts of a live query are: beyond the published API, where hosts that do not answer are not told.

use std::sync::Arc;

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use store::rights::{Action, Object};

use crate::error::{Error, Result};
use crate::live::{self, HostProgress, HostState, States};
use crate::reply::Reply;
use crate::request::{Asked, Id, Kind, Paging, Parameter, Parameters, Viewer};
use crate::route::{Access, Noun, Route};
use crate::server::Fleet;

pub const NOUN: Noun = Noun { name: "campaigns", routes };

/// Hosts on a page, unless the client says otherwise.
const PER_PAGE: u32 = 1000;

fn routes() -> Vec<Route> {
    let run = Access::May(Action::Run, Object::StoredQuery);
    vec![Route::get("campaigns/{id}/hosts", run, "How far each host of a live query is.", hosts)]
}

#[derive(Serialize, JsonSchema)]
struct Shown {
    campaign_id: u32,
    /// `running` or `finished`.
    status: &'static str,
    /// Of all hosts.
    states: States,
    hosts: Vec<HostProgress>,
}

/// What lists of hosts of a live query take.
struct Listing;

impl Parameters for Listing {
    const PAGING: Paging = Paging::Pages;
    const OWN: &'static [Parameter] = &[Parameter(
        "state",
        Kind::OneOf(&["sent", "running", "answered", "failed", "offline", "timed_out"]),
        "Only hosts that are as far as this.",
    )];
}

/// Those who began a live query and administrators see it, while it runs and for a while after.
async fn hosts(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Id(id): Id,
    query: Asked<Listing>,
) -> Result<Reply<Shown>> {
    let wanted = query.get("state").map(state).transpose()?;
    let campaign = fleet.live.recall(id).ok_or_else(|| Error::not_found("Campaign", id))?;
    if campaign.user_id != viewer.user.id && !viewer.is_admin() {
        return Err(Error::forbidden());
    }
    let mut states = States::default();
    let mut hosts = live::progress(&fleet, &campaign);
    hosts.iter().for_each(|host| states.add(host.state));
    hosts.retain(|host| wanted.is_none_or(|wanted| host.state == wanted));
    let per_page = query.options.per_page.unwrap_or(PER_PAGE) as usize;
    let skipped = per_page.saturating_mul(query.options.page as usize);
    let hosts = hosts.into_iter().skip(skipped).take(per_page).collect();
    let status = if campaign.ended.is_cancelled() { "finished" } else { "running" };
    Ok(Reply(Shown { campaign_id: id, status, states, hosts }))
}

fn state(text: &str) -> Result<HostState> {
    let parsed = serde_json::from_value(text.into());
    parsed.map_err(|_| Error::invalid("state", "one of sent, running, answered, failed, offline, timed_out"))
}
