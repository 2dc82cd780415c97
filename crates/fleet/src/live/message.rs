//! The messages of streams (the Fleet reference, section 11.5).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use store::fleet::Time;
use store::fleet::campaign::Target;
use store::fleet::host::{Counts, Host, status};

use super::campaign_state::{Delivery, LiveResult};
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
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Metrics {
    pub total_hosts: u64,
    pub online_hosts: u64,
    pub offline_hosts: u64,
    pub missing_in_action_hosts: u64,
    pub new_hosts: u64,
}

/// Counts hosts by their status now.
pub fn count(fleet: &Fleet, targets: &[Target]) -> Counts {
    let now = Time::now();
    let mut counts = Counts::default();
    for target in targets {
        let seen = fleet.agents.last_seen(target.host_id).max(target.seen_time);
        let status = status(seen, target.distributed_interval, target.config_tls_refresh, now);
        counts.add(status, target.created_at, now);
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
