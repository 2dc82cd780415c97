//! The messages of streams (the Fleet reference, section 11.5).

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use store::fleet::Time;
use store::fleet::campaign::Target;
use store::fleet::host::{self, Counts, Host};

use super::campaign_state::{Campaign, Delivery, LiveResult};
use super::host_state::{HostState, Progress, States};
use crate::agent::Row;
use crate::server::Fleet;

/// A message of a client.
#[derive(Debug, Deserialize)]
pub struct Incoming {
    #[serde(rename = "type", default)]
    pub kind: String,
    #[serde(default)]
    pub data: Json,
}

impl Incoming {
    /// Reads a message, an object or a list that holds one; `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let message = match serde_json::from_str(text).ok()? {
            Json::Array(mut list) if list.len() == 1 => list.pop()?,
            message => message,
        };
        // Taken for a struct, a list would be its fields in order.
        message.is_object().then(|| serde_json::from_value(message).ok())?
    }
}

/// A message to a client.
#[derive(Debug, Serialize)]
pub struct Outgoing<T> {
    #[serde(rename = "type")]
    kind: &'static str,
    data: T,
}

impl<T: Serialize> Outgoing<T> {
    fn text(kind: &'static str, data: T) -> Arc<str> {
        serde_json::to_string(&Self { kind, data }).unwrap_or_default().into()
    }
}

/// How many hosts there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    pub count: u64,
    pub online: u64,
    pub offline: u64,
    pub missing_in_action: u64,
}

/// How far the campaign is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    pub expected_results: u64,
    pub actual_results: u64,
    pub status: &'static str,
    /// Beyond the published members: how many hosts are how far.
    pub hosts: States,
}

impl Status {
    /// Whether the published members are the same.
    pub fn is_as_far_as(&self, other: &Self) -> bool {
        let published = |status: &Self| (status.expected_results, status.actual_results, status.status);
        published(self) == published(other)
    }
}

pub fn totals(totals: Totals) -> Arc<str> {
    Outgoing::text("totals", totals)
}

pub fn status_text(status: Status) -> Arc<str> {
    Outgoing::text("status", status)
}

pub fn error(text: &str) -> Arc<str> {
    Outgoing::text("error", text)
}

#[derive(Serialize)]
struct ResultData<'a> {
    distributed_query_execution_id: u32,
    host: &'a Host,
    rows: &'a [Row],
    error: Option<&'a str>,
}

/// A result as it is sent: each row names its host.
pub fn delivery(campaign: u32, host: &Arc<Host>, result: LiveResult) -> Delivery {
    let rows = Arc::new(result.rows);
    let named: Vec<Row> = rows
        .iter()
        .map(|row| {
            let mut row = row.clone();
            row.insert("host_hostname".into(), host.hostname.clone());
            row
        })
        .collect();
    let error = result.error;
    let data = ResultData {
        distributed_query_execution_id: campaign,
        host,
        rows: if error.is_some() { &[] } else { &named },
        error: error.as_deref(),
    };
    Delivery { host_id: host.id, rows, text: Outgoing::text("result", data), error }
}

/// The numbers of a campaign as its creation answers them.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Metrics {
    pub total_hosts: u64,
    pub online_hosts: u64,
    pub offline_hosts: u64,
    pub missing_in_action_hosts: u64,
    pub new_hosts: u64,
}

/// How far one host is, as clients are told.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct HostProgress {
    pub host_id: u32,
    pub hostname: String,
    pub state: HostState,
    /// The agent's message when it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Box<str>>,
}

/// How far each host is.
pub fn progress(fleet: &Fleet, campaign: &Campaign) -> Vec<HostProgress> {
    let mut all = Vec::with_capacity(campaign.targets.len());
    each_state(fleet, campaign, |target, progress, state| {
        let error = if let Progress::Failed(error) = progress { Some(error.clone()) } else { None };
        all.push(HostProgress { host_id: target.host_id, hostname: target.hostname.clone(), state, error });
    });
    all
}

/// How many hosts are how far.
pub fn states(fleet: &Fleet, campaign: &Campaign) -> States {
    let mut states = States::default();
    each_state(fleet, campaign, |_, _, state| states.add(state));
    states
}

fn each_state(fleet: &Fleet, campaign: &Campaign, mut look: impl FnMut(&Target, &Progress, HostState)) {
    let (now, has_ended) = (Time::now(), campaign.ended.is_cancelled());
    campaign.each_host(|target, progress| {
        let is_online = status_of(fleet, target, now) == host::Status::Online;
        look(target, progress, progress.state(is_online, has_ended));
    });
}

fn status_of(fleet: &Fleet, target: &Target, now: Time) -> host::Status {
    let seen = fleet.agents.last_seen(target.host_id).max(target.seen_time);
    host::status(seen, target.distributed_interval, target.config_tls_refresh, now)
}

/// Counts hosts by their status now.
pub fn count(fleet: &Fleet, targets: &[Target]) -> Counts {
    let now = Time::now();
    let mut counts = Counts::default();
    for target in targets {
        counts.add(status_of(fleet, target, now), target.created_at, now);
    }
    counts
}

/// Counts hosts for the answer to a creation.
pub fn metrics(fleet: &Fleet, targets: &[Target]) -> Metrics {
    let counts = count(fleet, targets);
    Metrics {
        total_hosts: counts.total,
        online_hosts: counts.online,
        offline_hosts: counts.offline,
        missing_in_action_hosts: counts.mia,
        new_hosts: counts.new,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_may_come_in_a_list_of_one() {
        for text in [r#"{"type":"auth","data":{"token":"T"}}"#, r#"[{"type":"auth","data":{"token":"T"}}]"#] {
            let message = Incoming::parse(text).unwrap();
            assert_eq!((&*message.kind, &message.data["token"]), ("auth", &Json::from("T")));
        }
        assert!(Incoming::parse("[]").is_none() && Incoming::parse("x").is_none());
    }

    #[test]
    fn messages_are_as_published() {
        let text = totals(Totals { count: 3, online: 2, offline: 1, missing_in_action: 0 });
        assert_eq!(
            &*text,
            r#"{"type":"totals","data":{"count":3,"online":2,"offline":1,"missing_in_action":0}}"#
        );
        assert_eq!(&*error("unauthorized"), r#"{"type":"error","data":"unauthorized"}"#);
    }
}
