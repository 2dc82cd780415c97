//! Live queries (the Fleet reference, section 11).
//!
//! A campaign asks a fixed set of hosts one query and streams what they answer to whoever reads. It lives in memory, as does
//! everything about it that only its readers need: without a reader it ends after a minute.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::any;
use http::StatusCode;
use parking_lot::{Mutex, RwLock};
use store::fleet::app_config;
use store::fleet::campaign::{self, State};
use store::fleet::host::Host;

use crate::error::{Error, Result};
use crate::server::Fleet;

mod begin;
mod campaign_state;
mod converse;
mod host_state;
mod message;
pub mod sockjs;
mod websocket;

pub use begin::{Asked, Wanted, begin};
pub use campaign_state::{Campaign, Delivery, LiveResult, Reader};
pub use host_state::{HostState, States};
pub use message::{HostProgress, Metrics, metrics, progress};

/// A campaign that nobody reads ends after that long.
pub const UNREAD_FOR: Duration = Duration::from_secs(60);

/// So many campaigns that have ended can still be asked about.
const RECALLED: usize = 64;

/// The streams, under each version and each spelling.
pub fn router() -> Router<Arc<Fleet>> {
    ["v1", "2022-04", "latest"].into_iter().fold(Router::new(), |router, version| {
        let path = |name: &str| format!("/api/{version}/fleet/results/{name}");
        router
            .merge(sockjs::router(&format!("/api/{version}/fleet/results")))
            .route(&path("websocket"), any(websocket::upgrade))
            .route(&path("websockets"), any(websocket::upgrade))
    })
}

/// The campaigns that run.
#[derive(Default)]
pub struct Live {
    campaigns: RwLock<HashMap<u32, Arc<Campaign>>>,
    by_host: RwLock<HashMap<u32, Vec<Arc<Campaign>>>>,
    ended: Mutex<VecDeque<Arc<Campaign>>>,
}

impl Live {
    /// Begins to ask.
    pub fn add(&self, campaign: Arc<Campaign>) {
        let mut by_host = self.by_host.write();
        for target in &campaign.targets {
            by_host.entry(target.host_id).or_default().push(campaign.clone());
        }
        self.campaigns.write().insert(campaign.id, campaign);
    }

    /// The campaign of that number, while it runs.
    pub fn find(&self, id: u32) -> Option<Arc<Campaign>> {
        self.campaigns.read().get(&id).cloned()
    }

    /// The campaign of that number, while it runs and for a while after.
    pub fn recall(&self, id: u32) -> Option<Arc<Campaign>> {
        self.find(id).or_else(|| self.ended.lock().iter().find(|campaign| campaign.id == id).cloned())
    }

    /// Whether anything runs at all.
    pub fn count(&self) -> usize {
        self.campaigns.read().len()
    }

    /// What a host should be asked now: numbers of campaigns and their queries.
    pub fn questions(&self, host_id: u32) -> Vec<(u32, Arc<str>)> {
        let by_host = self.by_host.read();
        let Some(campaigns) = by_host.get(&host_id) else { return Vec::new() };
        campaigns.iter().filter_map(|campaign| Some((campaign.id, campaign.ask(host_id)?))).collect()
    }

    /// Hands an answer on. False when the host was not asked, or answered before.
    pub async fn publish(&self, campaign: u32, host: &Arc<Host>, result: LiveResult) -> bool {
        match self.find(campaign) {
            Some(campaign) => campaign.publish(host, result).await,
            None => false,
        }
    }

    /// Withdraws a campaign from all hosts; false when it had ended already.
    fn remove(&self, id: u32) -> bool {
        let Some(campaign) = self.campaigns.write().remove(&id) else { return false };
        let mut by_host = self.by_host.write();
        for target in &campaign.targets {
            if let Some(campaigns) = by_host.get_mut(&target.host_id) {
                campaigns.retain(|one| one.id != id);
                if campaigns.is_empty() {
                    by_host.remove(&target.host_id);
                }
            }
        }
        campaign.ended.cancel();
        campaign.forget_results();
        let mut ended = self.ended.lock();
        ended.truncate(RECALLED - 1);
        ended.push_front(campaign);
        true
    }
}

/// Ends a campaign: hosts are no longer asked.
pub async fn complete(fleet: &Fleet, id: u32) {
    if fleet.live.remove(id)
        && let Err(error) = fleet.db.write(move |tx| campaign::set_state(tx, id, State::Complete)).await
    {
        tracing::warn!(target: "live", campaign = id, %error, "the end of a campaign was not written");
    }
}

/// Ends campaigns that nobody reads.
pub async fn expire(fleet: &Fleet) {
    let unread: Vec<u32> = fleet
        .live
        .campaigns
        .read()
        .values()
        .filter(|campaign| campaign.is_unread_for(UNREAD_FOR))
        .map(|c| c.id)
        .collect();
    for id in unread {
        tracing::info!(target: "live", campaign = id, "nobody read the results, the campaign ended");
        complete(fleet, id).await;
    }
}

/// An error when an administrator has switched live queries off.
pub async fn check_enabled(fleet: &Fleet) -> Result<()> {
    let config = fleet.db.read(app_config::get).await?;
    if config["server_settings"]["live_query_disabled"] == true {
        return Err(Error::plain(StatusCode::INTERNAL_SERVER_ERROR, "disabled by administrator"));
    }
    Ok(())
}
