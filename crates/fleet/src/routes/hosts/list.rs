//! Lists and counts of hosts.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use store::fleet::host::{self, AdditionalNames, DeviceMapping, Filter, StatusFilter, With};
use store::fleet::software::{self, Software};

use super::{Shown, at_moment};
use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::request::{Id, ListQuery, Viewer};
use crate::server::Fleet;

#[derive(Serialize)]
pub struct Hosts {
    hosts: Vec<Listed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    software: Option<Software>,
}

#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    shown: Shown,
    /// There when it was asked for, null when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    device_mapping: Option<Option<Vec<DeviceMapping>>>,
}

#[derive(Serialize)]
pub struct Count {
    count: u64,
}

/// The filter of a query string.
pub fn filter(query: &ListQuery) -> Result<Filter> {
    let policy = query.number("policy_id")?;
    let passes = match query.get("policy_response") {
        None => None,
        Some(_) if policy.is_none() => {
            return Err(Error::invalid("policy_response", "needs policy_id"));
        }
        Some("passing") => Some(true),
        Some("failing") => Some(false),
        Some(other) => {
            return Err(Error::invalid("policy_response", format!("invalid policy_response {other}")));
        }
    };
    Ok(Filter {
        status: query.get("status").map(StatusFilter::parse).transpose()?,
        query: query.options.query.clone(),
        team: query.number("team_id")?,
        label: query.number("label_id")?,
        policy,
        passes,
        software: query.number("software_id")?,
        platform: None,
    })
}

pub async fn list(State(fleet): State<Arc<Fleet>>, viewer: Viewer, query: ListQuery) -> Result<Reply<Hosts>> {
    let filter = filter(&query)?;
    page(fleet, viewer, query, filter).await
}

pub async fn of_label(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    Id(id): Id,
    query: ListQuery,
) -> Result<Reply<Hosts>> {
    let filter = Filter { label: Some(id), ..filter(&query)? };
    fleet.db.read(move |tx| host::label_exists(tx, id)).await?;
    page(fleet, viewer, query, filter).await
}

async fn page(fleet: Arc<Fleet>, viewer: Viewer, query: ListQuery, filter: Filter) -> Result<Reply<Hosts>> {
    let names = query.get("additional_info_filters").unwrap_or_default();
    let with =
        With { issues: !query.flag("disable_failing_policies")?, additional: AdditionalNames::parse(names) };
    let with_mails = query.flag("device_mapping")?;
    let visible = viewer.subject.visible_hosts();
    let db = fleet.db.clone();
    let read = db.read(move |tx| -> Result<_> {
        let software = filter.software.map(|id| software::by_id(tx, id)).transpose()?.flatten();
        let (hosts, now) = at_moment(&fleet, |moment| {
            let hosts = host::list(tx, &filter, &visible, &query.options, moment, &with);
            hosts.map(|hosts| (hosts, moment.now))
        })?;
        let mut mails = match with_mails {
            true => host::device_mappings(tx, &hosts.iter().map(|host| host.id).collect::<Vec<_>>())?,
            false => Default::default(),
        };
        let listed = hosts.into_iter().map(|host| Listed {
            device_mapping: with_mails.then(|| mails.remove(&host.id)),
            shown: Shown::at(host, now),
        });
        Ok(Hosts { hosts: listed.collect(), software })
    });
    Ok(Reply(read.await?))
}

pub async fn count(
    State(fleet): State<Arc<Fleet>>,
    viewer: Viewer,
    query: ListQuery,
) -> Result<Reply<Count>> {
    let filter = filter(&query)?;
    let visible = viewer.subject.visible_hosts();
    let db = fleet.db.clone();
    let count =
        db.read(move |tx| at_moment(&fleet, |moment| host::count(tx, &filter, &visible, moment))).await?;
    Ok(Reply(Count { count }))
}
